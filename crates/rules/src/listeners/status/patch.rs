use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Condition, ListenerStatus};
use crate::limits::MOST_FOREIGN_CONDITIONS;

/// Conditions that the controller of Tekton Triggers copies from the Deployment of a listener. They would stay as they were
/// when that controller stopped.
const OF_DEPLOYMENT: [&str; 2] = ["Progressing", "ReplicaFailure"];
/// The fields of the status that a listener's controller writes.
const FIELDS: [&str; 4] = ["address", "conditions", "configuration", "observedGeneration"];

impl ListenerStatus {
    /// The merge patch for an object with the status `before`; `None` if it says this already. `generation` is
    /// `metadata.generation` of the object from which this status was made.
    ///
    /// Conditions of other types are kept, and so are times of conditions whose status does not change: `now` is the time of
    /// the others.
    pub fn patch(&self, before: Option<&Value>, generation: Option<i64>, now: Timestamp) -> Option<Value> {
        let before = before.unwrap_or(&Value::Null);
        let after = json!({
            "address": self.url.as_ref().map(|url| json!({"url": url})),
            "conditions": self.conditions_after(&before["conditions"], now),
            "configuration": {"generatedName": self.generated_name},
            "observedGeneration": generation,
        });
        let mut changes = Map::new();
        for field in FIELDS {
            if before[field] != after[field] {
                changes.insert(field.to_owned(), replacing(&before[field], &after[field]));
            }
        }
        (!changes.is_empty()).then(|| json!({"status": changes}))
    }

    /// The list of conditions after `before`: each of ours in its place, or at the end.
    fn conditions_after(&self, before: &Value, now: Timestamp) -> Vec<Value> {
        // RFC 3339 in whole seconds, as Kubernetes writes times.
        let now = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut ours: Vec<_> = self.conditions.iter().map(Some).collect();
        let (mut after, mut foreign) = (Vec::new(), 0);
        for condition in before.as_array().into_iter().flatten() {
            let Some(kind) = condition["type"].as_str() else { continue };
            let place = self.conditions.iter().position(|ours| ours.kind == kind);
            if let Some(place) = place {
                // Of two of one type, the second is dropped.
                if let Some(new) = ours.get_mut(place).and_then(Option::take) {
                    after.push(new.since(unchanged_since(condition, new).unwrap_or(&now)));
                }
            } else if !is_of_listeners(kind) && foreign < MOST_FOREIGN_CONDITIONS {
                foreign += 1;
                after.push(condition.clone());
            }
        }
        after.extend(ours.into_iter().flatten().map(|new| new.since(&now)));
        after
    }
}

/// Whether a listener's controller writes conditions of this type.
fn is_of_listeners(kind: &str) -> bool {
    const ALL: [&str; 6] = ["Addressable", "Available", "Deployment", "Ready", "Service", "Triggers"];
    ALL.contains(&kind) || OF_DEPLOYMENT.contains(&kind)
}

/// Since when a condition has had the status that it will have.
fn unchanged_since<'a>(before: &'a Value, after: &Condition) -> Option<&'a str> {
    let time = before["lastTransitionTime"].as_str()?;
    let is_time = time.parse::<Timestamp>().is_ok();
    (is_time && before["status"] == after.status()).then_some(time)
}

/// The merge patch that makes `after` of `before`: what only `before` has is null in it.
fn replacing(before: &Value, after: &Value) -> Value {
    let (Value::Object(before), Value::Object(after)) = (before, after) else { return after.clone() };
    let gone =
        before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let kept = after
        .iter()
        .map(|(name, value)| (name.clone(), replacing(before.get(name).unwrap_or(&Value::Null), value)));
    Value::Object(gone.chain(kept).collect())
}
