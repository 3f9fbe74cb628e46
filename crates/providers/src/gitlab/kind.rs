//! The kind of an event. The header names it, and so does the body.

use crate::json::Text;
use crate::{EventNames, PayloadError};

pub(super) const PUSH_HOOK: &str = "Push Hook";
pub(super) const TAG_PUSH_HOOK: &str = "Tag Push Hook";
pub(super) const MERGE_REQUEST_HOOK: &str = "Merge Request Hook";
pub(super) const SYSTEM_HOOK: &str = "System Hook";

/// A system hook has one name for events of every kind, so rules have none for it.
pub(super) const NAMES: &[EventNames] = &[
    EventNames { own: PUSH_HOOK, rule: "Push" },
    EventNames { own: TAG_PUSH_HOOK, rule: "Tag" },
    EventNames { own: MERGE_REQUEST_HOOK, rule: "PullRequest" },
];

/// The field of the body that names the event. Hooks of groups and systems have some events that are named by
/// `event_name` alone.
const KIND: &str = "object_kind";

/// The kinds of events that can change code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Push,
    TagPush,
    MergeRequest,
    /// Any other: it starts nothing.
    Other,
}

/// The kind of an event, which the header and the body have to name alike. A system hook sends events of every kind
/// under one header.
pub(super) fn kind(
    header: &str,
    object_kind: Option<&Text<'_>>,
    event_name: Option<&Text<'_>>,
) -> Result<Kind, PayloadError> {
    let kind = match object_kind.map(|text| text.0.as_ref()) {
        Some("push") => Kind::Push,
        Some("tag_push") => Kind::TagPush,
        Some("merge_request") => Kind::MergeRequest,
        Some(_) => Kind::Other,
        None if event_name.is_some() => Kind::Other,
        // A hook with a template of its own sends any JSON at all.
        None => return Err(PayloadError::NoKind(KIND)),
    };
    match (header, kind) {
        (SYSTEM_HOOK, kind)
        | (PUSH_HOOK, kind @ Kind::Push)
        | (TAG_PUSH_HOOK, kind @ Kind::TagPush)
        | (MERGE_REQUEST_HOOK, kind @ Kind::MergeRequest) => Ok(kind),
        // The sample that older versions send when tag events are tested.
        (TAG_PUSH_HOOK, Kind::Push) => Ok(Kind::Other),
        (header, Kind::Other) if ![PUSH_HOOK, TAG_PUSH_HOOK, MERGE_REQUEST_HOOK].contains(&header) => {
            Ok(kind)
        }
        _ => Err(PayloadError::Field(KIND)),
    }
}
