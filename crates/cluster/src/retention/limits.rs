use serde_json::{Value, json};
use trigger_api::shipwright::{Build, BuildRun};

/// How many runs of a Build are kept after their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Limits {
    succeeded: Option<usize>,
    failed: Option<usize>,
}

/// A run that has ended, as far as limits are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndedRun {
    created: Option<jiff::Timestamp>,
    pub(super) name: String,
    succeeded: bool,
    /// Whether the Build controller deletes it already.
    expires: bool,
}

impl Limits {
    /// The limits in the retention of a Build; `None` if it has none.
    pub(super) fn of(build: &Build) -> Option<Self> {
        let limit = |name: &str| {
            let limit = build.spec.other.get("retention")?.get(name)?.as_u64()?;
            usize::try_from(limit).ok()
        };
        let limits = Self { succeeded: limit("succeededLimit"), failed: limit("failedLimit") };
        (limits != Self::default()).then_some(limits)
    }

    /// The runs beyond the limits that do not expire yet, the oldest first, each with its time to live.
    pub(super) fn surplus(self, mut runs: Vec<EndedRun>) -> Vec<(EndedRun, Value)> {
        runs.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
        let of = |succeeded: bool, limit: Option<usize>| {
            let ended: Vec<_> = runs.iter().filter(|run| run.succeeded == succeeded).cloned().collect();
            let surplus = limit.map_or(0, |limit| ended.len().saturating_sub(limit));
            ended.into_iter().take(surplus).filter(|run| !run.expires)
        };
        of(true, self.succeeded)
            .chain(of(false, self.failed))
            .map(|run| (run.clone(), time_to_live(&run)))
            .collect()
    }
}

impl EndedRun {
    /// A run, if it has ended.
    pub(super) fn of(run: &BuildRun) -> Option<Self> {
        let succeeded = run.outcome()?;
        // The Build controller counts the time to live from here.
        run.status.as_ref()?.get("completionTime")?.as_str()?;
        let name = run.metadata.name.clone()?;
        let retention = run.spec.other.get("retention");
        let expires =
            retention.is_some_and(|retention| retention.get(field(succeeded)) == Some(&json!(SOON)));
        let created = run.metadata.creation_timestamp.as_ref().map(|time| time.0);
        Some(Self { created, name, succeeded, expires })
    }
}

/// The time to live of a run that is to be deleted. It has passed when the run has ended.
const SOON: &str = "1s";

fn field(succeeded: bool) -> &'static str {
    if succeeded { "ttlAfterSucceeded" } else { "ttlAfterFailed" }
}

fn time_to_live(run: &EndedRun) -> Value {
    json!({"spec": {"retention": {field(run.succeeded): SOON}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(second: u64, succeeded: &str, spec: &Value) -> EndedRun {
        let run = json!({
            "metadata": {"name": format!("r{second}"), "creationTimestamp": format!("2026-01-02T03:04:{second:02}Z")},
            "spec": spec,
            "status": {
                "completionTime": "2026-01-02T03:05:00Z",
                "conditions": [{"type": "Succeeded", "status": succeeded}],
            },
        });
        EndedRun::of(&serde_json::from_value(run).unwrap()).unwrap()
    }

    #[test]
    fn the_oldest_runs_beyond_each_limit_expire() {
        let retention = json!({"succeededLimit": 2, "failedLimit": 1, "ttlAfterFailed": "1h"});
        let build: Build =
            serde_json::from_value(json!({"metadata": {}, "spec": {"retention": retention}})).unwrap();
        let limits = Limits::of(&build).unwrap();
        let named = json!({"build": {"name": "web"}});
        let expiring = json!({"retention": {"ttlAfterSucceeded": "1s"}});
        let runs = vec![
            ended(9, "True", &named),
            ended(3, "True", &named),
            ended(1, "True", &expiring),
            ended(7, "True", &named),
            ended(2, "False", &named),
            ended(8, "False", &json!({"retention": {"ttlAfterFailed": "1h"}})),
            ended(4, "False", &json!({"retention": {"ttlAfterFailed": "1h"}})),
        ];
        let found: Vec<_> = limits.surplus(runs).into_iter().map(|(run, patch)| (run.name, patch)).collect();
        let patch = |field: &str| json!({"spec": {"retention": {field: "1s"}}});
        let expected = [
            ("r3".to_owned(), patch("ttlAfterSucceeded")),
            ("r2".to_owned(), patch("ttlAfterFailed")),
            ("r4".to_owned(), patch("ttlAfterFailed")),
        ];
        assert_eq!(found, expected);
        assert_eq!(limits.surplus(vec![ended(1, "True", &named), ended(2, "True", &named)]), []);
        let bare: Build = serde_json::from_value(json!({"metadata": {}, "spec": {"retention": {}}})).unwrap();
        assert_eq!(Limits::of(&bare), None);
    }
}
