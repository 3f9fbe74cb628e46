//! Regular expressions in Go's syntax.

use std::str::Chars;

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

/// The pattern in the syntax of our library. In Go `\d`, `\s`, `\w` and `\b` know ASCII only, and `\Q` quotes.
fn from_go(pattern: &str) -> String {
    let mut ours = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => escape(&mut ours, &mut letters),
            '[' => class(&mut ours, &mut letters),
            _ => ours.push(letter),
        }
    }
    ours
}

/// Adds an escape outside a class. Its `\` has been read.
fn escape(ours: &mut String, letters: &mut Chars<'_>) {
    match letters.next() {
        Some('Q') => {
            let rest = letters.as_str();
            let (quoted, behind) = rest.split_once("\\E").unwrap_or((rest, ""));
            ours.push_str(&regex::escape(quoted));
            *letters = behind.chars();
        }
        Some('b') => ours.push_str(r"(?-u:\b)"),
        Some('B') => ours.push_str(r"(?-u:\B)"),
        Some(escaped) => match ascii_class(escaped) {
            Some(class) => ours.push_str(class),
            None => ours.extend(['\\', escaped]),
        },
        None => ours.push('\\'),
    }
}

/// The class that an escape stands for.
fn ascii_class(escaped: char) -> Option<&'static str> {
    Some(match escaped {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\f\r ]",
        'S' => r"[^\t\n\f\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// Adds a class. Its `[` has been read.
///
/// In Go `[`, `&&`, `~~` and `--` inside a class are letters. A `-` makes a range if a letter stands before it that ends
/// no other range, and is a letter else.
fn class(ours: &mut String, letters: &mut Chars<'_>) {
    ours.push('[');
    if letters.as_str().starts_with('^') {
        ours.extend(letters.next());
    }
    let (mut is_start, mut is_behind_letter) = (true, false);
    while let Some(letter) = letters.next() {
        let rest = letters.as_str();
        let escaped = rest.chars().next().filter(|_| letter == '\\');
        let name = rest.strip_prefix(':').filter(|_| letter == '[').and_then(|name| name.split_once(":]"));
        if letter == ']' && !is_start {
            ours.push(']');
            return;
        } else if let Some((name, behind)) = name {
            ours.extend(["[:", name, ":]"]);
            *letters = behind.chars();
            is_behind_letter = false;
        } else if let Some(class) = escaped.and_then(ascii_class) {
            ours.push_str(class);
            letters.next();
            is_behind_letter = false;
        } else if letter == '-' && is_behind_letter && !rest.starts_with(']') {
            ours.push('-');
            if let Some(last) = letters.next() {
                letter_of_class(ours, last, letters);
            }
            is_behind_letter = false;
        } else {
            letter_of_class(ours, letter, letters);
            is_behind_letter = !matches!(escaped, Some('p' | 'P'));
        }
        is_start = false;
    }
}

/// Adds a letter of a class, which may be the `\` of an escape.
fn letter_of_class(ours: &mut String, letter: char, letters: &mut Chars<'_>) {
    match letter {
        '\\' => {
            ours.push('\\');
            let Some(escaped) = letters.next() else { return };
            ours.push(escaped);
            let rest = letters.as_str();
            let argument = match escaped {
                'x' | 'p' | 'P' if rest.starts_with('{') => {
                    rest.chars().position(|letter| letter == '}').map_or(0, |place| place + 1)
                }
                'x' => 2,
                'p' | 'P' => 1,
                _ => 0,
            };
            ours.extend(letters.take(argument));
        }
        '[' | ']' | '&' | '~' | '-' => ours.extend(['\\', letter]),
        _ => ours.push(letter),
    }
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
            (r"^[[:]+$", "[:", "]"),
            (r"^[a-c]+$", "abc", "-"),
            (r"^[a-]+$", "a-", "b"),
            (r"^[-a]+$", "a-", "b"),
            (r"^[]-a]+$", "]_a", "-"),
            (r"^[+--]+$", "+,-", "a"),
            (r"^[^+--]+$", "./a", ","),
            (r"^[--/]+$", "-./", "+"),
            (r"^[---]+$", "-", "a"),
            (r"^[a-c--/]+$", "b./", "d"),
            (r"^[\w--/]+$", "a./", "+"),
            (r"^[\w-z]+$", "a-", "."),
            (r"^[\pL--/]+$", "ü./", "+"),
            (r"^[[:digit:]--/]+$", "1./", "+"),
            (r"^[\x2b-\x{2d}--/]+$", "+,./", "*"),
            (r"^[\--/]+$", "-./", "+"),
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
            (r"[\Qa\E]".to_owned(), "error parsing regexp"),
            (r"[ -\d]".to_owned(), "error parsing regexp"),
            (r"[a--]".to_owned(), "error parsing regexp"),
            ("a".repeat(LONGEST_PATTERN + 1), "longer than 1024 bytes"),
            ("(a{1000}){1000}".to_owned(), "takes more than 262144 bytes"),
        ] {
            let error = Pattern::compile(&pattern).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
