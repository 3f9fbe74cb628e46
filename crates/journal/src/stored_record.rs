//! The JSON of decisions and launches in the journal.
//!
//! It is apart from the records, because replicas of two versions share a PostgreSQL journal during an upgrade: each
//! reads what the other writes. Versions before recorded Builds and BuildRuns only, one event per delivery and one
//! run per rule. So a field may be added if older readers can do without it, and no field may be renamed or removed.

use serde::{Deserialize, Serialize};
use trigger_core::{ObjectKey, Ordinal, ResourceRef};

use crate::{CheckRecord, ConditionRecord, DecisionRecord, LaunchRecord, OutcomeRecord};

/// The group of every object that versions before recorded, which did not store it.
const FIRST_GROUP: &str = "shipwright.io";

/// The kind of every run in a decision of versions before, which did not store it.
const FIRST_RUN_KIND: &str = "BuildRun";

/// The stored form of a [`DecisionRecord`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredDecision {
    kind: String,
    #[serde(default = "first_group")]
    group: String,
    /// Namespace and name of the owner; the rules of a Build used to start that Build only.
    target: ObjectKey,
    rule: String,
    index: usize,
    #[serde(default, skip_serializing_if = "is_first")]
    event: Ordinal,
    outcome: StoredOutcome,
    checks: Vec<CheckRecord>,
    /// Versions before recorded each rule, so they can do without it.
    #[serde(default, skip_serializing_if = "is_none")]
    further: usize,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
enum StoredOutcome {
    Fired(StoredRuns),
    AlsoMatched(StoredRuns),
    Skipped { reason: String, message: String },
}

/// The first run and the others: versions before require one and ignore the others.
#[derive(Debug, Serialize, Deserialize)]
struct StoredRuns {
    /// Without a name if there is no run at all.
    run: StoredRun,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    more: Vec<StoredRun>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredRun {
    #[serde(flatten)]
    key: ObjectKey,
    #[serde(default = "first_group")]
    group: String,
    #[serde(default = "first_run_kind")]
    kind: String,
}

/// The stored form of a [`LaunchRecord`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredLaunch {
    kind: String,
    #[serde(default = "first_group")]
    group: String,
    run: ObjectKey,
    #[serde(default, skip_serializing_if = "is_first")]
    event: Ordinal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    existed: bool,
    #[serde(rename = "fault")]
    error: Option<String>,
    /// Versions before write the condition when they create the run, so they can do without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    condition: Option<ConditionRecord>,
}

fn first_group() -> String {
    FIRST_GROUP.to_owned()
}

fn first_run_kind() -> String {
    FIRST_RUN_KIND.to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_first(event: &Ordinal) -> bool {
    event.is_first()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(further: &usize) -> bool {
    *further == 0
}

impl From<DecisionRecord> for StoredDecision {
    fn from(record: DecisionRecord) -> Self {
        let DecisionRecord { owner, rule, index, event, outcome, checks, further } = record;
        let ResourceRef { group, kind, key: target } = owner;
        let (group, kind) = (group.as_ref().to_owned(), kind.as_ref().to_owned());
        Self { kind, group, target, rule, index, event, outcome: outcome.into(), checks, further }
    }
}

impl From<StoredDecision> for DecisionRecord {
    fn from(stored: StoredDecision) -> Self {
        let StoredDecision { kind, group, target, rule, index, event, outcome, checks, further } = stored;
        let owner = ResourceRef::new(group, kind, target);
        Self { owner, rule, index, event, outcome: outcome.into(), checks, further }
    }
}

impl From<OutcomeRecord> for StoredOutcome {
    fn from(record: OutcomeRecord) -> Self {
        match record {
            OutcomeRecord::Fired { runs } => Self::Fired(runs.into()),
            OutcomeRecord::AlsoMatched { runs } => Self::AlsoMatched(runs.into()),
            OutcomeRecord::Skipped { reason, message } => Self::Skipped { reason, message },
        }
    }
}

impl From<StoredOutcome> for OutcomeRecord {
    fn from(stored: StoredOutcome) -> Self {
        match stored {
            StoredOutcome::Fired(runs) => Self::Fired { runs: runs.into() },
            StoredOutcome::AlsoMatched(runs) => Self::AlsoMatched { runs: runs.into() },
            StoredOutcome::Skipped { reason, message } => Self::Skipped { reason, message },
        }
    }
}

impl From<Vec<ResourceRef>> for StoredRuns {
    fn from(runs: Vec<ResourceRef>) -> Self {
        let mut runs = runs.into_iter().map(StoredRun::from);
        let run = runs.next().unwrap_or_else(StoredRun::none);
        Self { run, more: runs.collect() }
    }
}

impl From<StoredRuns> for Vec<ResourceRef> {
    fn from(stored: StoredRuns) -> Self {
        let runs = std::iter::once(stored.run).chain(stored.more);
        runs.filter(|run| !run.key.name.is_empty()).map(ResourceRef::from).collect()
    }
}

impl StoredRun {
    fn none() -> Self {
        Self { key: ObjectKey::new("", ""), group: String::new(), kind: String::new() }
    }
}

impl From<ResourceRef> for StoredRun {
    fn from(run: ResourceRef) -> Self {
        Self { key: run.key, group: run.group.as_ref().to_owned(), kind: run.kind.as_ref().to_owned() }
    }
}

impl From<StoredRun> for ResourceRef {
    fn from(stored: StoredRun) -> Self {
        Self::new(stored.group, stored.kind, stored.key)
    }
}

impl From<LaunchRecord> for StoredLaunch {
    fn from(record: LaunchRecord) -> Self {
        let LaunchRecord { run, event, uid, existed, error, condition } = record;
        let ResourceRef { group, kind, key: run } = run;
        let (group, kind) = (group.as_ref().to_owned(), kind.as_ref().to_owned());
        Self { kind, group, run, event, uid, existed, error, condition }
    }
}

impl From<StoredLaunch> for LaunchRecord {
    fn from(stored: StoredLaunch) -> Self {
        let StoredLaunch { kind, group, run, event, uid, existed, error, condition } = stored;
        Self { run: ResourceRef::new(group, kind, run), event, uid, existed, error, condition }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    fn build(name: &str) -> ResourceRef {
        ResourceRef::new("shipwright.io", "Build", ObjectKey::new("team-a", name))
    }

    fn build_run(name: &str) -> ResourceRef {
        ResourceRef::new("shipwright.io", "BuildRun", ObjectKey::new("team-a", name))
    }

    fn pipeline_run(name: &str) -> ResourceRef {
        ResourceRef::new("tekton.dev", "PipelineRun", ObjectKey::new("team-b", name))
    }

    fn decision(outcome: OutcomeRecord) -> DecisionRecord {
        let check = CheckRecord {
            predicate: "branch".to_owned(),
            passed: true,
            expected: "main".to_owned(),
            found: "main".to_owned(),
        };
        let (rule, index, event) = ("push".to_owned(), 1, Ordinal::FIRST);
        DecisionRecord { owner: build("web"), rule, index, event, outcome, checks: vec![check], further: 0 }
    }

    fn launch(run: ResourceRef) -> LaunchRecord {
        LaunchRecord { run, event: Ordinal::FIRST, uid: None, existed: false, error: None, condition: None }
    }

    fn read_decision(stored: Value) -> DecisionRecord {
        from_value::<StoredDecision>(stored).unwrap().into()
    }

    fn read_launch(stored: Value) -> LaunchRecord {
        from_value::<StoredLaunch>(stored).unwrap().into()
    }

    fn written_decision(record: &DecisionRecord) -> Value {
        to_value(StoredDecision::from(record.clone())).unwrap()
    }

    fn written_launch(record: &LaunchRecord) -> Value {
        to_value(StoredLaunch::from(record.clone())).unwrap()
    }

    /// The records of version 0.1.0 at commit 356220d, by which its replicas read the journal.
    mod before {
        use serde::{Deserialize, Serialize};
        use trigger_core::ObjectKey;

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct DecisionRecord {
            pub(super) kind: String,
            pub(super) target: ObjectKey,
            pub(super) rule: String,
            pub(super) index: usize,
            pub(super) outcome: OutcomeRecord,
            pub(super) checks: Vec<CheckRecord>,
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "outcome", rename_all = "kebab-case")]
        pub(super) enum OutcomeRecord {
            Fired { run: ObjectKey },
            AlsoMatched { run: ObjectKey },
            Skipped { reason: String, message: String },
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct CheckRecord {
            pub(super) predicate: String,
            pub(super) passed: bool,
            pub(super) expected: String,
            pub(super) found: String,
        }

        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        pub(super) struct LaunchRecord {
            pub(super) kind: String,
            pub(super) run: ObjectKey,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub(super) uid: Option<String>,
            pub(super) existed: bool,
            pub(super) fault: Option<String>,
        }
    }

    #[test]
    fn decisions_of_the_version_before_are_about_builds_and_build_runs() {
        let run = json!({"namespace": "team-a", "name": "web-abc"});
        for (outcome, expected) in [
            (
                json!({"outcome": "fired", "run": run}),
                OutcomeRecord::Fired { runs: vec![build_run("web-abc")] },
            ),
            (
                json!({"outcome": "also-matched", "run": run}),
                OutcomeRecord::AlsoMatched { runs: vec![build_run("web-abc")] },
            ),
            (
                json!({"outcome": "skipped", "reason": "r", "message": "m"}),
                OutcomeRecord::Skipped { reason: "r".to_owned(), message: "m".to_owned() },
            ),
        ] {
            let stored = json!({
                "kind": "Build",
                "target": {"namespace": "team-a", "name": "web"},
                "rule": "push",
                "index": 1,
                "outcome": outcome,
                "checks": [{"predicate": "branch", "passed": true, "expected": "main", "found": "main"}],
            });
            assert_eq!(read_decision(stored), decision(expected), "{outcome}");
        }
    }

    #[test]
    fn launches_of_the_version_before_are_build_runs() {
        let run = json!({"namespace": "team-a", "name": "web-abc"});
        for (stored, expected) in [
            (
                json!({"kind": "BuildRun", "run": run, "existed": false, "fault": null}),
                launch(build_run("web-abc")),
            ),
            (
                json!({"kind": "BuildRun", "run": run, "uid": "1f3a", "existed": true, "fault": "quota"}),
                LaunchRecord {
                    uid: Some("1f3a".to_owned()),
                    existed: true,
                    error: Some("quota".to_owned()),
                    ..launch(build_run("web-abc"))
                },
            ),
        ] {
            assert_eq!(read_launch(stored), expected);
        }
    }

    #[test]
    fn a_decision_is_stored_as_documented() {
        let mut record = decision(OutcomeRecord::Fired { runs: vec![build_run("a"), pipeline_run("b")] });
        record.event = Ordinal::new(2);
        record.further = 255;
        let stored = json!({
            "kind": "Build",
            "group": "shipwright.io",
            "target": {"namespace": "team-a", "name": "web"},
            "rule": "push",
            "index": 1,
            "event": 2,
            "outcome": {
                "outcome": "fired",
                "run": {"namespace": "team-a", "name": "a", "group": "shipwright.io", "kind": "BuildRun"},
                "more": [{"namespace": "team-b", "name": "b", "group": "tekton.dev", "kind": "PipelineRun"}],
            },
            "checks": [{"predicate": "branch", "passed": true, "expected": "main", "found": "main"}],
            "further": 255,
        });
        assert_eq!(written_decision(&record), stored);
        assert_eq!(read_decision(stored), record);
    }

    #[test]
    fn a_launch_is_stored_as_documented() {
        let condition = ConditionRecord {
            kind: "Triggered".to_owned(),
            reason: "GitHub".to_owned(),
            message: "a push".to_owned(),
        };
        let record =
            LaunchRecord { event: Ordinal::new(1), condition: Some(condition), ..launch(pipeline_run("b")) };
        let stored = json!({
            "kind": "PipelineRun",
            "group": "tekton.dev",
            "run": {"namespace": "team-b", "name": "b"},
            "event": 1,
            "existed": false,
            "fault": null,
            "condition": {"type": "Triggered", "reason": "GitHub", "message": "a push"},
        });
        assert_eq!(written_launch(&record), stored);
        assert_eq!(read_launch(stored), record);
        let first = written_launch(&launch(pipeline_run("b")));
        assert_eq!(first.get("event"), None, "the first event is the one that versions before recorded");
    }

    #[test]
    fn every_record_is_read_as_it_was_written_and_by_the_version_before() {
        let skipped = OutcomeRecord::Skipped { reason: "r".to_owned(), message: "m".to_owned() };
        let run = |name: &str| ObjectKey::new("team-a", name);
        for (outcome, before) in [
            (
                OutcomeRecord::Fired { runs: vec![build_run("a"), build_run("b")] },
                before::OutcomeRecord::Fired { run: run("a") },
            ),
            (
                OutcomeRecord::AlsoMatched { runs: vec![build_run("a")] },
                before::OutcomeRecord::AlsoMatched { run: run("a") },
            ),
            (
                OutcomeRecord::Fired { runs: Vec::new() },
                before::OutcomeRecord::Fired { run: ObjectKey::new("", "") },
            ),
            (skipped, before::OutcomeRecord::Skipped { reason: "r".to_owned(), message: "m".to_owned() }),
        ] {
            let mut record = decision(outcome);
            record.event = Ordinal::new(3);
            record.further = 7;
            let stored = written_decision(&record);
            assert_eq!(read_decision(stored.clone()), record);
            let read = from_value::<before::DecisionRecord>(stored).unwrap();
            assert_eq!((read.kind.as_str(), read.target, read.outcome), ("Build", run("web"), before));
            assert_eq!((read.rule.as_str(), read.index, read.checks.len()), ("push", 1, 1));
        }
    }

    #[test]
    fn a_launch_is_read_by_the_version_before() {
        let record = LaunchRecord {
            event: Ordinal::new(3),
            uid: Some("1f3a".to_owned()),
            error: Some("quota".to_owned()),
            condition: Some(ConditionRecord {
                kind: "Triggered".to_owned(),
                reason: "GitHub".to_owned(),
                message: "a push".to_owned(),
            }),
            ..launch(build_run("web-abc"))
        };
        let read = from_value::<before::LaunchRecord>(written_launch(&record)).unwrap();
        let expected = before::LaunchRecord {
            kind: "BuildRun".to_owned(),
            run: ObjectKey::new("team-a", "web-abc"),
            uid: Some("1f3a".to_owned()),
            existed: false,
            fault: Some("quota".to_owned()),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_the_version_before_writes_back_is_read_again() {
        let record = decision(OutcomeRecord::Fired { runs: vec![build_run("a")] });
        let read = from_value::<before::DecisionRecord>(written_decision(&record)).unwrap();
        assert_eq!(read_decision(to_value(read).unwrap()), record);
        let record = launch(build_run("a"));
        let read = from_value::<before::LaunchRecord>(written_launch(&record)).unwrap();
        assert_eq!(read_launch(to_value(read).unwrap()), record);
    }
}
