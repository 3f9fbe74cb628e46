//! Regular expressions in Go's syntax.

use regex::{Captures, Regex, RegexBuilder};

use super::context::{Context, Fault, Outcome};
use super::limits::{LARGEST_PATTERN, LONGEST_PATTERN};
use super::value::Value;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    regex: Regex,
    /// The size that it has at most when it is compiled, one of [`SIZES`].
    size: usize,
}

/// The sizes of compiled expressions that prices tell apart. `^refs/heads/` is in the first one.
const SIZES: [usize; 6] = [SMALL, 2 << 10, 4 << 10, 16 << 10, 64 << 10, LARGEST_PATTERN];
/// Up to this size an expression becomes an automaton that fits into memory, whichever text it is matched with.
const SMALL: usize = 1 << 10;
/// The memory that a search may keep for the automaton. A larger one is no faster with the worst text.
const AUTOMATON: usize = 128 << 10;

/// The cost in steps of a compilation during an evaluation: per byte of the pattern, and in any case.
const COMPILATION: (usize, usize) = (200, 2000);

impl Pattern {
    /// Compiles a regular expression. The error is a reason for people.
    pub(super) fn compile(source: &str) -> Result<Self, String> {
        if source.len() > LONGEST_PATTERN {
            return Err(format!("the regular expression is longer than {LONGEST_PATTERN} bytes"));
        }
        let source = from_go(source);
        let mut refused = String::new();
        for size in SIZES {
            let regex = RegexBuilder::new(&source).size_limit(size).dfa_size_limit(AUTOMATON).build();
            match regex {
                Ok(regex) => return Ok(Self { regex, size }),
                Err(regex::Error::CompiledTooBig(_)) => {
                    refused =
                        format!("the regular expression takes more than {size} bytes when it is compiled");
                }
                Err(other) => {
                    let text = other.to_string();
                    let reason = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
                    return Err(format!("error parsing regexp: {}", reason.unwrap_or("invalid syntax")));
                }
            }
        }
        Err(refused)
    }

    /// Compiles a regular expression that is known only now, at the expense of the evaluation.
    pub(super) fn compile_for(context: &mut Context<'_>, source: &str) -> Result<Self, Fault> {
        let (per_byte, base) = COMPILATION;
        context.step(base.saturating_add(source.len().saturating_mul(per_byte)))?;
        Self::compile(source).map_err(Fault::Message)
    }

    /// Whether the text has a match anywhere.
    pub(super) fn matches<'a>(&self, context: &mut Context<'a>, text: &str) -> Outcome<'a> {
        self.pay(context, text)?;
        Ok(Value::Bool(self.regex.is_match(text)))
    }

    /// The text with each match replaced. `$1` and `${name}` in the replacement are groups.
    pub(super) fn translate<'a>(
        &self,
        context: &mut Context<'a>,
        text: &str,
        replacement: &str,
    ) -> Outcome<'a> {
        // The search for groups is slower than the search for a match. It looks at what matches, once.
        context.step(text.len().saturating_mul(GROUPS))?;
        let mut translated = String::new();
        let mut end = 0;
        let mut matches = self.regex.captures_iter(text);
        loop {
            // Each search may look at all that is left, however close the next match is.
            let rest = text.get(end..).unwrap_or_default();
            self.pay(context, rest)?;
            let Some(found) = matches.next() else {
                context.make(rest.len())?;
                translated.push_str(rest);
                return Ok(Value::made(translated));
            };
            let Some(whole) = found.get(0) else { continue };
            let between = text.get(end..whole.start()).unwrap_or_default();
            context.make(between.len() + expanded_size(&found, whole.len(), replacement))?;
            translated.push_str(between);
            found.expand(replacement, &mut translated);
            end = whole.end();
        }
    }

    /// Pays for a search. Measured with the worst text, a byte costs 2 ns if the expression is small; else up to 0.1 ns
    /// per byte of the compiled expression, because the search visits each of its states.
    fn pay(&self, context: &mut Context<'_>, text: &str) -> Result<(), Fault> {
        let steps = match self.size {
            SMALL => text.len() / 8,
            size => text.len().saturating_mul(size / 512),
        };
        context.step(steps.saturating_add(1))
    }
}

/// The cost in steps of the search for groups in a byte that matches.
const GROUPS: usize = 2;

/// A bound on the size of an expanded replacement.
fn expanded_size(found: &Captures<'_>, matched: usize, replacement: &str) -> usize {
    let groups = replacement.matches('$').count();
    let largest = if found.len() > 1 || replacement.contains('0') { matched } else { 0 };
    replacement.len().saturating_add(groups.saturating_mul(largest))
}

/// The pattern in the syntax of our library. In Go `\d`, `\s`, `\w` and `\b` know ASCII only, `[` and `&&` inside a class
/// are letters, and `\Q` quotes.
fn from_go(pattern: &str) -> String {
    let mut ours = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut at_start = false;
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let after = rest.get(letter.len_utf8()..).unwrap_or_default();
        rest = after;
        let starts = std::mem::take(&mut at_start);
        match letter {
            '\\' => {
                let Some(escaped) = after.chars().next() else {
                    ours.push('\\');
                    break;
                };
                rest = after.get(escaped.len_utf8()..).unwrap_or_default();
                if escaped == 'Q' {
                    let (quoted, behind) = rest.split_once("\\E").unwrap_or((rest, ""));
                    ours.push_str(&regex::escape(quoted));
                    rest = behind;
                } else {
                    escape(&mut ours, escaped, in_class);
                }
            }
            '[' if !in_class => {
                in_class = true;
                at_start = true;
                ours.push('[');
                if let Some(behind) = rest.strip_prefix('^') {
                    ours.push('^');
                    rest = behind;
                }
            }
            '[' if rest.starts_with(':') => {
                let end = rest.find(":]").map_or(0, |end| end + 2);
                ours.push('[');
                ours.push_str(rest.get(..end).unwrap_or_default());
                rest = rest.get(end..).unwrap_or_default();
            }
            ']' if in_class && !starts => {
                in_class = false;
                ours.push(']');
            }
            '[' | ']' | '&' | '~' if in_class => {
                ours.push('\\');
                ours.push(letter);
            }
            _ => ours.push(letter),
        }
    }
    ours
}

/// An escape of Go, written as one of ours.
fn escape(ours: &mut String, escaped: char, in_class: bool) {
    let class = match escaped {
        'd' | 'D' => "0-9",
        's' | 'S' => r"\t\n\f\r ",
        'w' | 'W' => "0-9A-Za-z_",
        'b' | 'B' if !in_class => {
            ours.push_str(if escaped == 'b' { r"(?-u:\b)" } else { r"(?-u:\B)" });
            return;
        }
        _ => {
            ours.push('\\');
            ours.push(escaped);
            return;
        }
    };
    ours.push_str(if escaped.is_ascii_uppercase() { "[^" } else { "[" });
    ours.push_str(class);
    ours.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_go() {
        for (pattern, matching, other) in [
            (r"^\d+$", "12", "१२"),
            (r"^\w+$", "a_1", "ü"),
            (r"^\W+$", "ü-", "a"),
            (r"^[\w.-]+$", "a.b-c", "a b"),
            (r"^[^\s/]+$", "abc", "a b"),
            (r"^[[a]+$", "[a", "]"),
            (r"^[]a]+$", "]a", "b"),
            (r"^[a&&b]+$", "a&b", "c"),
            (r"^[a~~b]+$", "a~b", "c"),
            (r"^[[:alpha:]_]+$", "a_", "1"),
            (r"^\Qa.b\E.$", "a.bc", "axbc"),
            (r"\bmain\b", "on main", "domain"),
            (r"^(?i)MAIN$", "main", "next"),
            (r"^a.c$", "aüc", "a\nc"),
            (r"a$", "ba", "a\n"),
            (r"^.{1,72}$", "ü", ""),
            (r"^[A-Za-z0-9._-]{1,128}$", "a.b", "a/b"),
            (r"^\[x\]$", "[x]", "x"),
        ] {
            let compiled = Pattern::compile(pattern).unwrap();
            assert!(compiled.regex.is_match(matching), "{pattern} does not match {matching:?}");
            assert!(!compiled.regex.is_match(other), "{pattern} matches {other:?}");
        }
    }

    #[test]
    fn patterns_that_are_invalid_or_large_are_refused() {
        for (pattern, reason) in [
            ("[".to_owned(), "error parsing regexp"),
            ("a(".to_owned(), "error parsing regexp"),
            ("\\".to_owned(), "error parsing regexp"),
            ("(?=a)".to_owned(), "error parsing regexp"),
            ("a".repeat(LONGEST_PATTERN + 1), "longer than 1024 bytes"),
            ("(a{1000}){1000}".to_owned(), "takes more than 262144 bytes"),
        ] {
            let error = Pattern::compile(&pattern).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
