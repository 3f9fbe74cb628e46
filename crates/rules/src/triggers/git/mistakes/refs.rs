use trigger_api::annotations;
use trigger_core::{Branch, Commit};

use crate::rule_error::RuleError;
use crate::text::quoted;
use crate::triggers::git::pattern::{Pattern, is_pattern};

/// The reason of a branch that no branch can equal.
const NEVER: &str = "TriggerBranchNeverMatches";
/// The reason of a branch that hardly any branch equals.
const UNLIKELY: &str = "TriggerBranchUnlikely";
/// The reason of a tag that no tag can equal.
const TAG_NEVER: &str = "TriggerTagNeverMatches";
/// The reason of a tag that hardly any tag equals.
const TAG_UNLIKELY: &str = "TriggerTagUnlikely";
/// The reason of a revision that stands for no branch, in a rule that names none.
const REVISION: &str = "TriggerRevisionNoBranch";

/// What patterns are.
pub(super) const PATTERNS: &str = "patterns are `*`, `**`, `?` and `[0-9]`, not regular expressions";

/// The mistake in an entry of `branches`, without `refs/heads/`. The text is a valid pattern, if it is one.
pub(in super::super) fn in_branch(text: &str) -> Option<RuleError> {
    if !is_possible(text) {
        let message = format!("no branch can have the name {}{}", quoted(text), remedy(text));
        return Some(RuleError::new(NEVER, message));
    }
    let seems = if text.starts_with("refs/tags/") {
        format!(
            "names a tag, and `branches` are for branches; list tags in the annotation `{}`, or in the parameter `tags` \
             of the interceptor `git`",
            annotations::TAGS
        )
    } else if text.starts_with("refs/") {
        format!("is compared with names of branches, which are written without `refs/`{}", instead(text))
    } else if text.starts_with('!') {
        "excludes nothing: it matches branches whose name begins with `!`; list the branches to build"
            .to_owned()
    } else if let Some(branch) = text.strip_prefix("origin/") {
        format!("matches branches in a folder `origin`; write {}", quoted(branch))
    } else if is_regular_expression(text) {
        format!("looks like a regular expression; {PATTERNS}{}", instead(text))
    } else if text.contains('{') && text.contains(',') && text.contains('}') {
        "has braces, which stand for themselves; list each branch".to_owned()
    } else {
        return None;
    };
    Some(RuleError::hint(UNLIKELY, format!("the branch {} {seems}", quoted(text))))
}

/// The mistake in a pattern of tags, without `!` and `refs/tags/`. The text is a valid pattern, if it is one.
pub(in super::super) fn in_tag(text: &str) -> Option<RuleError> {
    if !is_possible(text) {
        let message = format!("no tag can have the name {}{}", quoted(text), remedy(text));
        return Some(RuleError::new(TAG_NEVER, message));
    }
    let seems = if text.starts_with("refs/heads/") {
        "names a branch, and the list is for tags; list branches in `branches`".to_owned()
    } else if text.starts_with("refs/") {
        "is compared with names of tags, which are written without `refs/`".to_owned()
    } else if is_regular_expression(text) {
        format!("looks like a regular expression; {PATTERNS}{}", instead(text))
    } else {
        return braces(text)
            .map(|seems| RuleError::hint(TAG_UNLIKELY, format!("the tag {} {seems}", quoted(text))));
    };
    Some(RuleError::hint(TAG_UNLIKELY, format!("the tag {} {seems}", quoted(text))))
}

/// The meaning of braces in a text, of which a comma-joined list may hold one half.
pub(super) fn braces(text: &str) -> Option<&'static str> {
    let (open, closed) = (text.matches('{').count(), text.matches('}').count());
    let is_list = open != closed || open > 0 && text.contains(',');
    is_list.then_some("has a brace, which stands for itself; list each name")
}

/// The mistake in the revision of a Build, for a rule that names no branches: it is for the branch of the revision.
pub(in super::super) fn in_revision(revision: &str) -> Option<RuleError> {
    let short = revision.strip_prefix("refs/heads/").unwrap_or(revision);
    let what = if Commit::parse(revision).is_ok() {
        "a commit"
    } else if revision.starts_with("refs/tags/") {
        "a tag"
    } else if Branch::parse(short).is_err() {
        "no branch"
    } else {
        return None;
    };
    let message = format!(
        "the rule names no branches, and the Build's revision {} is {what}: no event can match; set `branches`",
        quoted(revision)
    );
    Some(RuleError::hint(REVISION, message))
}

/// Whether a branch can have a name that matches. Each wildcard stands for a letter: the rest of the text has to be legal
/// for any letter.
fn is_possible(text: &str) -> bool {
    let mut sample = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' => sample.push('x'),
            '[' => {
                sample.push('x');
                let _ = characters.next_if(|next| ['!', '^'].contains(next));
                // A `]` at the start stands for itself.
                let _ = characters.next();
                let _ = characters.find(|next| *next == ']');
            }
            other => sample.push(other),
        }
    }
    Branch::parse(&sample).is_ok()
}

/// Marks of regular expressions in a text that a branch can equal. A dot before `*` after a digit is one of a version.
pub(super) fn is_regular_expression(text: &str) -> bool {
    let after_dot = |mark: &str| {
        text.match_indices(mark)
            .any(|(place, _)| !text[..place].ends_with(|before: char| before.is_ascii_digit()))
    };
    after_dot(".*")
        || after_dot(".+")
        || text.ends_with('$')
        || text.contains("]+")
        || text.contains("(?")
        || text.contains('|') && text.contains('(')
}

/// What is wrong with an impossible name, and what to write.
fn remedy(text: &str) -> String {
    if text.is_empty() {
        return ": it is empty; remove it".to_owned();
    }
    if text.trim() != text {
        return format!(": it begins or ends with a space{}", instead(text));
    }
    let is_expression =
        text.contains(['^', '$', '\\', '(', '|']) || text.contains(".*") || text.contains(".+");
    let words = if is_expression { format!("; {PATTERNS}") } else { String::new() };
    format!("{words}{}", instead(text))
}

/// The patterns to write, as far as they follow from the text.
fn instead(text: &str) -> String {
    let mut text = text.trim();
    for prefix in ["^", "refs/remotes/origin/", "refs/heads/", "origin/"] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    text = text.strip_suffix('$').unwrap_or(text).trim_matches('/');
    let group = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let parts: Vec<_> = group.unwrap_or(text).split('|').map(as_pattern).collect();
    let is_usable = |part: &String| {
        is_possible(part)
            && !is_regular_expression(part)
            && !part.starts_with("refs/")
            && !part.contains(['(', ')', '+', '$', '|', '{'])
            && (!is_pattern(part) || Pattern::parse(part).is_ok())
    };
    if !parts.iter().all(is_usable) {
        return String::new();
    }
    let parts: Vec<_> = parts.iter().map(|part| quoted(part)).collect();
    format!("; write {}", parts.join(", "))
}

/// The pattern with the meaning of a simple regular expression.
fn as_pattern(expression: &str) -> String {
    // What every branch matches is `**`, and a folder with all below it is `folder/**`.
    if [".*", ".+"].contains(&expression) {
        return "**".to_owned();
    }
    let mut pattern = expression.replace("\\/", "/").replace("\\.", ".").replace("\\-", "-");
    for wildcard in [".*", ".+"] {
        if let Some(folder) = pattern.strip_suffix(&format!("/{wildcard}")) {
            pattern = format!("{folder}/**");
        }
        pattern = pattern.replace(wildcard, "*");
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_that_cannot_be_is_an_error_with_the_remedy() {
        for (text, remedy) in [
            ("", "it is empty; remove it"),
            (" main", "begins or ends with a space; write `main`"),
            ("^main$", "not regular expressions; write `main`"),
            ("^(main|dev)$", "not regular expressions; write `main`, `dev`"),
            ("^release/.*$", "; write `release/**`"),
            ("release/.*", "; write `release/**`"),
            ("release\\/.*", "; write `release/**`"),
            ("^release-\\d+$", "patterns are `*`, `**`, `?` and `[0-9]`, not regular expressions"),
            ("release/", "no branch can have the name `release/`; write `release`"),
            ("/main", "; write `main`"),
            ("a b", "no branch can have the name `a b`"),
            ("main~1", "no branch can have the name `main~1`"),
            ("**/.github/*", "no branch can have the name"),
            ("a..*", "no branch can have the name"),
            ("v[0-9]*.lock", "no branch can have the name"),
        ] {
            let error = in_branch(text).expect(text);
            assert_eq!((error.reason(), error.is_hint()), (NEVER, false), "{text}: {error}");
            assert!(error.to_string().contains(remedy), "{text}: {error}");
        }
    }

    #[test]
    fn a_branch_that_is_likely_meant_otherwise_is_a_hint() {
        for (text, remedy) in [
            ("refs/tags/v1", "list tags in the annotation `trigger.shipwright.io/tags`"),
            ("refs/remotes/origin/main", "without `refs/`; write `main`"),
            ("refs/pull/1/head", "without `refs/`"),
            ("!wip/**", "excludes nothing"),
            ("origin/main", "write `main`"),
            ("release-.*", "; write `release-*`"),
            (".*", "; write `**`"),
            ("main$", "; write `main`"),
            ("(main|dev)", "; write `main`, `dev`"),
            ("release-[0-9]+", "not regular expressions"),
            ("{main,dev}", "list each branch"),
        ] {
            let found = in_branch(text);
            // A name that begins with a dot is impossible.
            let expected = if text == ".*" { (NEVER, false) } else { (UNLIKELY, true) };
            let error = found.expect(text);
            assert_eq!((error.reason(), error.is_hint()), expected, "{text}: {error}");
            assert!(error.to_string().contains(remedy), "{text}: {error}");
        }
    }

    #[test]
    fn what_people_write_on_purpose_is_no_mistake() {
        for text in [
            "main",
            "release-*",
            "release/**",
            "**",
            "*",
            "v1.*",
            "release-1.*",
            "v[0-9].[0-9]*",
            "[!a]*",
            "feature/a+b",
            "dependabot/npm_and_yarn/x-1.2.3",
            "a.b",
            "größe",
            "#42",
            "user@work",
            "wip!",
            "{x}",
            "**/main",
            "v?",
        ] {
            assert_eq!(in_branch(text), None, "{text}");
        }
    }

    #[test]
    fn a_tag_that_cannot_be_is_an_error_and_an_unlikely_one_is_a_hint() {
        for (text, expected) in [
            ("v 1", Some((TAG_NEVER, false))),
            ("^v[0-9]+$", Some((TAG_NEVER, false))),
            ("v1/", Some((TAG_NEVER, false))),
            ("v[0-9]+.[0-9]+", Some((TAG_UNLIKELY, true))),
            ("refs/heads/main", Some((TAG_UNLIKELY, true))),
            ("{v1", Some((TAG_UNLIKELY, true))),
            ("v*", None),
            ("v[0-9]*.[0-9]*", None),
            ("release/**", None),
            ("v1.0.0-rc.1", None),
        ] {
            let found = in_tag(text);
            assert_eq!(
                found.as_ref().map(|error| (error.reason(), error.is_hint())),
                expected,
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn a_revision_that_is_no_branch_is_a_hint() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for (revision, what) in [(commit, "a commit"), ("refs/tags/v1", "a tag"), ("main~1", "no branch")] {
            let error = in_revision(revision).expect(revision);
            assert!(error.is_hint() && error.to_string().contains(what), "{error}");
        }
        for revision in ["main", "refs/heads/main", "v1.2.3"] {
            assert_eq!(in_revision(revision), None);
        }
    }
}
