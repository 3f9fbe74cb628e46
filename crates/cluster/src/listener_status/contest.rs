use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::time::Instant;

use crate::MANAGER;

/// How often another controller may replace the status of a listener within [`WITHIN`]. A person who tries something out
/// does so once or twice; a controller answers every write.
pub(crate) const MOST_OVERWRITTEN: u32 = 3;
/// Older replacements are forgotten.
const WITHIN: Duration = Duration::from_mins(10);
/// The characters of a manager's name that are shown.
const SHOWN: usize = 80;

/// Counts how often a status that we wrote was replaced.
#[derive(Debug, Clone, Default)]
pub(super) struct Contest {
    times: u32,
    first: Option<Instant>,
}

impl Contest {
    /// Notes that the status was replaced. Returns whether it was for the last time: the listener is to be left alone.
    pub(super) fn overwritten(&mut self, now: Instant) -> bool {
        if self.first.is_none_or(|first| now.saturating_duration_since(first) > WITHIN) {
            *self = Self { times: 0, first: Some(now) };
        }
        self.times += 1;
        self.times >= MOST_OVERWRITTEN
    }
}

/// The other writer of an object's status, as it calls itself: the one that wrote last.
pub(super) fn other_manager(metadata: &ObjectMeta) -> Option<String> {
    let all = metadata.managed_fields.iter().flatten();
    let others = all.filter(|entry| {
        entry.subresource.as_deref() == Some("status") && entry.manager.as_deref() != Some(MANAGER)
    });
    let last = others.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?;
    let name = last.manager.as_deref()?;
    Some(name.chars().filter(|c| !c.is_control()).take(SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_status_is_contested_when_it_is_replaced_again_and_again() {
        let mut contest = Contest::default();
        assert!(!contest.overwritten(Instant::now()));
        assert!(!contest.overwritten(Instant::now()));
        advance(WITHIN + Duration::from_secs(1)).await;
        for (time, is_last) in [(1, false), (2, false), (3, true), (4, true)] {
            assert_eq!(
                contest.overwritten(Instant::now()),
                is_last,
                "{time}: those of long ago are forgotten"
            );
            advance(Duration::from_mins(3)).await;
        }
    }

    #[test]
    fn the_other_writer_is_the_last_one_of_the_status() {
        let entry = |manager: &str, subresource: Option<&str>, hour: u8| {
            json!({
                "manager": manager, "operation": "Update", "subresource": subresource,
                "time": format!("2026-01-02T{hour:02}:00:00Z"),
            })
        };
        let metadata = |entries: serde_json::Value| -> ObjectMeta {
            serde_json::from_value(json!({"managedFields": entries})).unwrap()
        };
        let several = metadata(json!([
            entry("kubectl-client-side-apply", None, 9),
            entry("old", Some("status"), 1),
            entry("controller\u{7}", Some("status"), 5),
            entry(MANAGER, Some("status"), 7),
        ]));
        assert_eq!(other_manager(&several).as_deref(), Some("controller"));
        assert_eq!(other_manager(&metadata(json!([entry(MANAGER, Some("status"), 7)]))), None);
        assert_eq!(other_manager(&ObjectMeta::default()), None);
        let long = metadata(json!([entry(&"x".repeat(5000), Some("status"), 1)]));
        assert_eq!(other_manager(&long).map(|name| name.len()), Some(SHOWN));
    }
}
