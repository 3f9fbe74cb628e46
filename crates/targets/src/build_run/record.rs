//! The record of a start on the PipelineRun that caused it, in the words of upstream's controller.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use trigger_api::annotations;
use trigger_api::tekton::{self, PipelineRun, TriggeredBuilds};
use trigger_core::{Event, ResourceRef, RunClass};

use crate::plan::{FollowUp, Request, Subject};

/// The names of runs in a record are cut to so many bytes: it is for people to read.
const LONGEST_NAMES: usize = 1024;
/// A record that would be longer is not written. All annotations of an object may have 256 KiB.
const LONGEST_RECORD: usize = 64 * 1024;

/// A Build that was started, and the name of its BuildRun.
#[derive(Serialize, Deserialize)]
struct Started {
    build: String,
    /// The status in upstream's words, if upstream has one for it.
    status: Option<String>,
    run: String,
}

/// How upstream's controller calls the status of a run that is in `class` and has ended, or has started. It takes a run
/// that was cancelled or timed out for one that failed, and starts other Builds then. So such a run has no entries: upstream
/// would not find its own behind ours, and would start its Builds without end.
fn upstream_status(class: RunClass) -> Option<&'static str> {
    match class {
        RunClass::Started | RunClass::Succeeded | RunClass::Failed => Some(class.name()),
        RunClass::Cancelled | RunClass::TimedOut => None,
    }
}

/// The record to write on the PipelineRun of the event, if it is about one.
pub(super) fn follow_up(request: &Request<'_>, run: &str) -> Option<FollowUp> {
    let Event::PipelineRun(event) = request.event else { return None };
    let build = request.target.resource.name().to_string();
    let status = upstream_status(event.class).map(ToOwned::to_owned);
    let started = Started { build, status, run: run.to_owned() };
    let on = Subject {
        resource: ResourceRef::new(tekton::GROUP, "PipelineRun", event.run.clone()),
        version: tekton::PIPELINE_RUN_VERSION.into(),
        uid: event.uid.clone(),
    };
    let seen = Arc::clone(&event.seen);
    Some(FollowUp { on, seen, record: serde_json::to_value(started).ok()?, merge })
}

/// The annotations that a PipelineRun is to get; `None` if it has them.
fn merge(run: &Value, records: &[&Value]) -> Option<BTreeMap<String, String>> {
    let run = PipelineRun::deserialize(run).ok()?;
    let name = run.metadata.name.clone()?;
    // A run that was made by copying another one carries the names of the other.
    let all = run.metadata.annotations.as_ref();
    let is_own = all.and_then(|all| all.get(annotations::RECORD_OF)) == Some(&name);
    let known = all.and_then(|all| all.get(annotations::BUILD_RUN_NAMES)).filter(|_| is_own);
    let is_known = |run: &String| known.is_some_and(|known| known.split(',').any(|known| known == *run));
    let started: Vec<_> = records.iter().filter_map(|record| Started::deserialize(*record).ok()).collect();
    let mut record = run.record();
    // All are about one change of the run.
    let is_noted = if let Some(status) = started.first()?.status.as_deref() {
        let builds: Vec<_> = started.iter().map(|started| started.build.clone()).collect();
        !record.note(&builds, &run.upstream_reference(status))
    } else {
        record = TriggeredBuilds::default();
        started.iter().all(|started| is_known(&started.run))
    };
    if is_noted {
        return None;
    }
    let record = serde_json::to_string(&record).ok().filter(|text| text.len() <= LONGEST_RECORD)?;
    let names: Vec<_> = started.into_iter().map(|started| started.run).filter(|run| !is_known(run)).collect();
    Some(BTreeMap::from([
        (annotations::BUILD_RUN_NAMES.to_owned(), newest_first(&names, known.map(String::as_str))),
        (annotations::TRIGGERED_BUILDS.to_owned(), record),
        (annotations::RECORD_OF.to_owned(), name),
    ]))
}

/// The names, the last one first, and before those that are known.
fn newest_first(names: &[String], known: Option<&str>) -> String {
    let known = known.into_iter().flat_map(|known| known.split(',')).filter(|name| !name.is_empty());
    let mut text = String::new();
    for name in names.iter().rev().map(String::as_str).chain(known) {
        if text.len() + name.len() >= LONGEST_NAMES {
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(name);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(name: &str, annotations: &BTreeMap<String, String>) -> Value {
        let labels = json!({"tekton.dev/pipeline": "ci", "triggers.shipwright.io/own": "x"});
        let metadata = json!({"namespace": "team-a", "name": name, "uid": "uid-1", "labels": labels,
            "annotations": annotations});
        json!({"metadata": metadata, "spec": {"pipelineRef": {"name": "ci"}}})
    }

    /// What the run is to get after it started these Builds.
    fn recorded(run: &Value, started: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
        recorded_at(RunClass::Succeeded, run, started)
    }

    fn recorded_at(
        class: RunClass,
        run: &Value,
        started: &[(&str, &str)],
    ) -> Option<BTreeMap<String, String>> {
        let record = |(build, run): &(&str, &str)| {
            let status = upstream_status(class).map(ToOwned::to_owned);
            serde_json::to_value(Started { build: (*build).to_owned(), status, run: (*run).to_owned() })
                .unwrap()
        };
        let records: Vec<_> = started.iter().map(record).collect();
        merge(run, &records.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_record_names_the_started_builds_in_upstreams_words() {
        let first = run("ci-1", &BTreeMap::new());
        let found = recorded(&first, &[("app", "app-1"), ("lib", "lib-1")]).unwrap();
        assert_eq!(found[annotations::BUILD_RUN_NAMES], "lib-1,app-1", "A11, newest first");
        assert_eq!(found[annotations::RECORD_OF], "ci-1");
        let reference =
            json!({"name": "ci", "status": ["Succeeded"], "selector": {"tekton.dev/pipeline": "ci"}});
        let entry = |build: &str| json!({"buildName": build, "objectRef": reference});
        let record: Value = serde_json::from_str(&found[annotations::TRIGGERED_BUILDS]).unwrap();
        assert_eq!(record, json!([entry("app"), entry("lib")]), "R4");

        let later = run("ci-1", &found);
        assert_eq!(recorded(&later, &[("app", "app-1")]), None, "it is recorded already");
        let more = recorded(&later, &[("web", "web-1")]).unwrap();
        assert_eq!(more[annotations::BUILD_RUN_NAMES], "web-1,lib-1,app-1");

        let cancelled = recorded_at(RunClass::Cancelled, &later, &[("alert", "alert-1")]).unwrap();
        assert_eq!(cancelled[annotations::TRIGGERED_BUILDS], "[]", "upstream takes it for a failed run");
        assert_eq!(cancelled[annotations::BUILD_RUN_NAMES], "alert-1,lib-1,app-1");
        let later_still = run("ci-1", &cancelled);
        assert_eq!(recorded_at(RunClass::Cancelled, &later_still, &[("alert", "alert-1")]), None);

        let copied = recorded(&run("ci-2", &found), &[("app", "app-2")]).unwrap();
        assert_eq!(copied[annotations::BUILD_RUN_NAMES], "app-2", "a copy has a record of its own");
        assert_eq!(copied[annotations::RECORD_OF], "ci-2");
    }

    #[test]
    fn names_are_cut_at_a_name() {
        let many: Vec<_> = (0..200).map(|n| format!("run-{n:03}")).collect();
        let text = newest_first(&many, Some("old"));
        assert!(text.len() < LONGEST_NAMES && text.starts_with("run-199,run-198"), "{text}");
        assert!(text.split(',').all(|name| name.len() == 7), "{text}");
    }
}
