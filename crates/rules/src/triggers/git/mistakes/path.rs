use super::refs::{PATTERNS, braces, is_regular_expression};
use crate::rule_error::RuleError;
use crate::text::quoted;

/// The reason of a path that no file can have.
const NEVER: &str = "TriggerPathNeverMatches";
/// The reason of a path that hardly any file has.
const UNLIKELY: &str = "TriggerPathUnlikely";

/// The mistake in a pattern of paths, without `!`. The text is a valid pattern, if it is one.
pub(in super::super) fn in_path(text: &str) -> Option<RuleError> {
    let mut parts = text.split('/');
    if parts.any(|part| matches!(part, "" | "." | "..")) {
        let message = format!("no file can have the path {}{}", quoted(text), remedy(text));
        return Some(RuleError::new(NEVER, message));
    }
    let seems = if text.contains('\\') {
        "has a backslash, which stands for itself; write `/`".to_owned()
    } else if is_regular_expression(text) {
        format!("looks like a regular expression; {PATTERNS}")
    } else if let Some(seems) = braces(text) {
        seems.to_owned()
    } else if is_folder(text) {
        format!(
            "matches a file of this name only; for all files below it write {}",
            quoted(&format!("{text}/**"))
        )
    } else {
        return None;
    };
    Some(RuleError::hint(UNLIKELY, format!("the path {} {seems}", quoted(text))))
}

/// Whether a text looks like the path of a folder: the last part is in lower case and has no dot.
fn is_folder(text: &str) -> bool {
    let last = text.rsplit('/').next().unwrap_or(text);
    !last.contains(['*', '?', '[', '.']) && !last.contains(char::is_uppercase)
}

fn remedy(text: &str) -> String {
    if text.contains("..") {
        return ": paths begin at the root of the repository".to_owned();
    }
    let parts: Vec<_> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let (path, is_folder) = (parts.join("/"), text.ends_with('/'));
    match (path.is_empty(), is_folder) {
        (true, _) => "; for all files write `**`".to_owned(),
        (false, true) => format!("; write {}", quoted(&format!("{path}/**"))),
        (false, false) => format!("; write {}", quoted(&path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_cannot_be_is_an_error_and_an_unlikely_one_is_a_hint() {
        for (text, expected, remedy) in [
            ("", (NEVER, false), "write `**`"),
            ("/", (NEVER, false), "write `**`"),
            ("/docs/**", (NEVER, false), "write `docs/**`"),
            ("./docs/*.md", (NEVER, false), "write `docs/*.md`"),
            ("docs/", (NEVER, false), "write `docs/**`"),
            ("docs//a.md", (NEVER, false), "write `docs/a.md`"),
            ("../web/**", (NEVER, false), "at the root of the repository"),
            ("docs", (UNLIKELY, true), "write `docs/**`"),
            ("services/web", (UNLIKELY, true), "write `services/web/**`"),
            ("docs\\*.md", (UNLIKELY, true), "write `/`"),
            ("docs/.*", (UNLIKELY, true), "regular expression"),
            ("src/{a", (UNLIKELY, true), "list each name"),
        ] {
            let error = in_path(text).expect(text);
            assert_eq!((error.reason(), error.is_hint()), expected, "{text}: {error}");
            assert!(error.to_string().contains(remedy), "{text}: {error}");
        }
        for text in [
            "**",
            "*",
            "Dockerfile",
            "web/Makefile",
            "docs/**",
            "**/*.go",
            ".github/**",
            "a.b/c.d",
            "v[0-9]/**",
        ] {
            assert_eq!(in_path(text), None, "{text}");
        }
    }
}
