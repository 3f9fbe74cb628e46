//! Conversion of Events: stored as core/v1, presented at events.k8s.io/v1 with other field names.

use serde_json::Value;

/// Field names in core/v1 and in events.k8s.io/v1.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// Converts a stored core/v1 Event to events.k8s.io/v1.
pub(super) fn to_events_v1(event: &mut Value) {
    if let Some(map) = event.as_object_mut() {
        for (core, events) in RENAMED {
            if let Some(value) = map.remove(*core) {
                map.insert((*events).to_owned(), value);
            }
        }
        map.insert("apiVersion".to_owned(), "events.k8s.io/v1".into());
    }
}

/// Converts an events.k8s.io/v1 Event to core/v1.
pub(super) fn to_core_v1(event: &mut Value) {
    if let Some(map) = event.as_object_mut() {
        for (core, events) in RENAMED {
            if let Some(value) = map.remove(*events) {
                map.insert((*core).to_owned(), value);
            }
        }
    }
}
