//! Statuses and labels that do not do what they seem to say: other spellings, and what no PipelineRun can have.

use std::collections::BTreeMap;

use trigger_core::{RunClass, is_dns_subdomain};

use crate::rule_error::RuleError;
use crate::text::quoted;

/// The reason of a status that no PipelineRun can have.
const NEVER: &str = "TriggerStatusNeverMatches";
/// The reason of a status that hardly any PipelineRun has.
const UNLIKELY: &str = "TriggerStatusUnlikely";
/// The reason of a label that no object can have.
const LABEL: &str = "TriggerInvalidLabel";

/// The longest name and value of a label, in bytes.
const LONGEST_LABEL: usize = 63;

/// The classes of statuses.
const CLASSES: [RunClass; 5] =
    [RunClass::Started, RunClass::Succeeded, RunClass::Failed, RunClass::Cancelled, RunClass::TimedOut];
/// Reasons that Tekton gives, beside the classes.
const OF_TEKTON: [&str; 4] = ["Completed", "Running", "PipelineRunTimeout", "CancelledRunFinally"];

/// The mistake in an entry of `status`.
pub(super) fn in_status(status: &str) -> Option<RuleError> {
    let known = || CLASSES.iter().map(|class| class.name()).chain(OF_TEKTON);
    if known().any(|name| name == status) {
        return None;
    }
    let letters: String = status.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    let meant = match letters.as_str() {
        "success" | "successful" | "ok" | "done" | "passed" => Some("Succeeded"),
        "failure" | "fail" | "error" => Some("Failed"),
        "canceled" | "cancel" => Some("Cancelled"),
        "timeout" => Some("TimedOut"),
        "start" => Some("Started"),
        "complete" => Some("Completed"),
        _ => known().find(|name| name.eq_ignore_ascii_case(&letters)),
    };
    let quote = quoted(status);
    if status.is_empty() || status.contains(char::is_whitespace) {
        let meant = meant.unwrap_or("Succeeded");
        let message = format!("no PipelineRun can have the status {quote}; write a word such as `{meant}`");
        return Some(RuleError::new(NEVER, message));
    }
    let message = format!("the status {quote} is none that Tekton gives; write `{}`", meant?);
    Some(RuleError::hint(UNLIKELY, message))
}

/// The first label of a selector that no PipelineRun can carry.
pub(super) fn in_labels(selector: &BTreeMap<String, String>) -> Option<RuleError> {
    let (key, value) = selector.iter().find(|(key, value)| !is_key(key) || !is_value(value))?;
    let message = format!(
        "no PipelineRun can carry the label {}: keys and values have letters, digits, `-`, `_` and `.`, at most \
         {LONGEST_LABEL}; a selector compares whole values",
        quoted(&format!("{key}={value}"))
    );
    Some(RuleError::new(LABEL, message))
}

fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_dns_subdomain) && !name.is_empty() && is_value(name)
}

fn is_value(value: &str) -> bool {
    let alphanumeric = |byte: &u8| byte.is_ascii_alphanumeric();
    let bytes = value.as_bytes();
    bytes.len() <= LONGEST_LABEL
        && bytes.first().is_none_or(alphanumeric)
        && bytes.last().is_none_or(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(byte) || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_in_other_words_is_a_hint_with_the_right_one() {
        for (status, remedy) in [
            ("succeeded", "write `Succeeded`"),
            ("Success", "write `Succeeded`"),
            ("failed", "write `Failed`"),
            ("canceled", "write `Cancelled`"),
            ("timed-out", "write `TimedOut`"),
            ("Timeout", "write `TimedOut`"),
            ("completed", "write `Completed`"),
            ("running", "write `Running`"),
        ] {
            let error = in_status(status).expect(status);
            assert!(error.is_hint() && error.to_string().contains(remedy), "{status}: {error}");
        }
        for (status, remedy) in [("", "such as `Succeeded`"), ("Timed Out", "such as `TimedOut`")] {
            let error = in_status(status).expect(status);
            assert!(!error.is_hint() && error.to_string().contains(remedy), "{status}: {error}");
        }
        for status in
            ["Succeeded", "Completed", "PipelineRunTimeout", "CouldntGetTask", "AnyReasonOfACustomTask"]
        {
            assert_eq!(in_status(status), None, "{status}");
        }
    }

    #[test]
    fn a_label_that_no_object_can_have_is_an_error() {
        let long = "x".repeat(64);
        for (key, value) in [
            ("app", "web*"),
            ("app", "a b"),
            ("app", "-web"),
            ("app", &*long),
            ("", "web"),
            ("a b", "web"),
            ("example.com/", "web"),
            ("Example.com/app", "web"),
            (&*long, "web"),
        ] {
            let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            assert_eq!(in_labels(&labels).map(|error| error.is_hint()), Some(false), "{key}={value}");
        }
        for (key, value) in
            [("app", ""), ("tekton.dev/pipeline", "ci"), ("A_b.c", "1"), (&long[1..], &long[1..])]
        {
            let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            assert_eq!(in_labels(&labels), None, "{key}={value}");
        }
    }
}
