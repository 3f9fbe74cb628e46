//! The two faces of Event: kept as core/v1, shown at events.k8s.io/v1 with the names of that group.

use serde_json::Value;

/// Names in core/v1 and in events.k8s.io/v1.
const RENAMED: &[(&str, &str)] = &[
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

/// Turns a stored core/v1 Event into an events.k8s.io/v1 one.
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

/// Turns an events.k8s.io/v1 Event into the core/v1 one that is kept.
pub(super) fn to_core_v1(event: &mut Value) {
    if let Some(map) = event.as_object_mut() {
        for (core, events) in RENAMED {
            if let Some(value) = map.remove(*events) {
                map.insert((*core).to_owned(), value);
            }
        }
    }
}
