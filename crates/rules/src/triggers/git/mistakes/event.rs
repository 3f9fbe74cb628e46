use trigger_api::annotations;
use trigger_core::PullRequestAction;

use crate::rule_error::RuleError;
use crate::text::quoted;
use crate::triggers::git::events::{PULL_REQUEST, PUSH};

/// The reason of an event that no rule can be for.
const EVENT: &str = "TriggerUnknownEvent";
/// The reason of an action that no provider sends by this name.
const ACTION: &str = "TriggerUnknownAction";
/// The reason of an action that not every provider has.
const UNLIKELY: &str = "TriggerActionUnlikely";

/// The mistake in an entry of `events`.
pub(in super::super) fn in_event(name: &str) -> Option<RuleError> {
    if name == PUSH || name == PULL_REQUEST {
        return None;
    }
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let remedy = match letters.to_ascii_lowercase().as_str() {
        "push" | "pushes" | "pushevent" | "pushhook" => format!("write `{PUSH}`"),
        "pullrequest" | "pullrequests" | "pullrequestevent" | "pull" | "pr" | "mergerequest"
        | "mergerequests" | "mergerequestevent" | "mr" => format!("write `{PULL_REQUEST}`"),
        "tag" | "tags" | "tagpush" | "create" | "release" => {
            format!("use `{PUSH}`, and list tags in the annotation `{}`", annotations::TAGS)
        }
        _ => format!("use `{PUSH}` or `{PULL_REQUEST}`"),
    };
    Some(RuleError::new(EVENT, format!("the event {} is unknown, {remedy}", quoted(name))))
}

/// The mistake in an entry of the annotation `actions`.
pub(in super::super) fn in_action(name: &str) -> Option<RuleError> {
    if PullRequestAction::NAMES.contains(&name) {
        return None;
    }
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let meant = match letters(name).as_str() {
        "open" => "opened",
        "update" | "updated" | "synchronized" | "synchronise" | "sync" | "push" | "pushed" => "synchronize",
        "reopen" => "reopened",
        "ready" => "ready_for_review",
        "retarget" | "retargeted" => "base_changed",
        "close" => "closed",
        "merge" => "merged",
        "edit" => "edited",
        "label" | "labelled" => "labeled",
        "unlabel" | "unlabelled" => "unlabeled",
        "draft" | "converttodraft" => "converted_to_draft",
        other => {
            PullRequestAction::NAMES.iter().find(|name| letters(name) == other).copied().unwrap_or_default()
        }
    };
    if !meant.is_empty() {
        let message = format!("the action {} is unknown, write `{meant}`", quoted(name));
        return Some(RuleError::new(ACTION, message));
    }
    let known = PullRequestAction::NAMES.join(", ");
    let can_be =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    Some(if can_be {
        let message =
            format!("the action {} is one of some providers only; those of all are {known}", quoted(name));
        RuleError::hint(UNLIKELY, message)
    } else {
        RuleError::new(ACTION, format!("the action {} is unknown, use one of {known}", quoted(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_in_other_words_is_an_error_with_the_right_one() {
        for (name, remedy) in [
            ("push", "write `Push`"),
            ("PUSH", "write `Push`"),
            ("pull_request", "write `PullRequest`"),
            ("Pull Request", "write `PullRequest`"),
            ("merge_request", "write `PullRequest`"),
            ("Tag", "list tags in the annotation `trigger.shipwright.io/tags`"),
            ("deployment", "use `Push` or `PullRequest`"),
            ("", "use `Push` or `PullRequest`"),
        ] {
            let error = in_event(name).expect(name);
            assert!(error.reason() == EVENT && error.to_string().contains(remedy), "{name}: {error}");
        }
        assert_eq!((in_event("Push"), in_event("PullRequest")), (None, None));
    }

    #[test]
    fn an_action_in_other_words_is_an_error_with_the_right_one() {
        for (name, expected, remedy) in [
            ("open", (ACTION, false), "write `opened`"),
            ("Opened", (ACTION, false), "write `opened`"),
            ("ready-for-review", (ACTION, false), "write `ready_for_review`"),
            ("base changed", (ACTION, false), "write `base_changed`"),
            ("update", (ACTION, false), "write `synchronize`"),
            ("any action", (ACTION, false), "use one of opened, "),
            ("assigned", (UNLIKELY, true), "of some providers only"),
        ] {
            let error = in_action(name).expect(name);
            assert_eq!((error.reason(), error.is_hint()), expected, "{name}");
            assert!(error.to_string().contains(remedy), "{name}: {error}");
        }
        for name in PullRequestAction::NAMES {
            assert_eq!(in_action(name), None);
        }
    }
}
