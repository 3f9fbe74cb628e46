//! PipelineRuns as deliveries: what is kept of one that has changed the class of its status, what that means,
//! and what is noted on it when it has started something.

use std::collections::BTreeMap;

use jiff::Timestamp;
use trigger_api::annotations;
use trigger_api::tekton::{PipelineRun, RecordedReference, TriggeredBuild};
use trigger_core::{Delivery, DeliveryId, Event, PipelineRunEvent, Verified};

/// The source of such deliveries, beside the names of providers.
pub const TEKTON: &str = "tekton";

/// The names of runs in a note are cut to so many bytes: it is for people to read.
const LONGEST_NAMES: usize = 1024;
/// A note that would be longer is not written. All annotations of an object may have 256 KiB.
const LONGEST_RECORD: usize = 64 * 1024;

/// A PipelineRun in a class of its status that a rule can ask for.
#[derive(Debug, Clone)]
pub struct PipelineRunChange {
    /// What it means.
    pub event: PipelineRunEvent,
    /// What is to be kept of it. Its id follows from the run's UID and the class, so however often and by
    /// whomever the run is seen in this class, it is one delivery.
    pub delivery: Verified<Delivery>,
}

/// What a PipelineRun has started, to be noted on it for people to see. Nothing hangs on the note.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The run as it was when it came into the class.
    pub seen: PipelineRun,
    /// The Builds it has started, and the names of their BuildRuns.
    pub started: Vec<(TriggeredBuild, String)>,
}

impl PipelineRunChange {
    /// What `run`, seen at the moment `now`, comes to; `None` as long as it has not started.
    pub fn of(run: &PipelineRun, now: Timestamp) -> Option<Self> {
        let reduced = run.reduced();
        let event = reduced.event(now)?;
        // A few hundred bytes of JSON values, which can always be written.
        let body = serde_json::to_vec(&trigger_api::manifest::to_object(&reduced).ok()?).ok()?;
        let class = event.class.name();
        let delivery = Delivery {
            id: DeliveryId::derive(&[b"pipelinerun", event.uid.as_bytes(), class.as_bytes()]),
            source: TEKTON.into(),
            path: "pipelineruns.tekton.dev".into(),
            provider_id: Some(event.uid.clone()),
            event: format!("PipelineRun {class}"),
            repository: None,
            received_at: now,
            headers: Vec::new(),
            body: body.into(),
            replay: None,
        };
        let delivery = Verified::observed(delivery, event.run.clone());
        Some(Self { event, delivery })
    }
}

/// The run that a delivery of the source [`TEKTON`] is about.
fn run_of(delivery: &Delivery) -> Result<PipelineRun, serde_json::Error> {
    serde_json::from_slice(&delivery.body)
}

/// What a delivery of the source [`TEKTON`] means. `None` if its body is no PipelineRun that has started.
pub(crate) fn read(delivery: &Delivery) -> Option<Event> {
    run_of(delivery).ok()?.event(delivery.received_at).map(Event::PipelineRun)
}

impl Note {
    /// What is to be noted after a delivery of a PipelineRun has started `runs`: Builds and BuildRuns by name.
    pub(crate) fn of(
        delivery: &Delivery,
        event: &PipelineRunEvent,
        runs: &[(String, String)],
    ) -> Option<Self> {
        if runs.is_empty() {
            return None;
        }
        let started = runs.iter().map(|(build, run)| {
            let object_ref = RecordedReference {
                name: event.pipeline.clone(),
                status: vec![event.class.name().to_owned()],
                selector: BTreeMap::new(),
            };
            (TriggeredBuild { build_name: build.clone(), object_ref }, run.clone())
        });
        Some(Self { seen: run_of(delivery).ok()?, started: started.collect() })
    }

    /// The annotations that `run` is to get, in the words of upstream's controller; `None` if it has them.
    pub fn annotations(&self, run: &PipelineRun) -> Option<BTreeMap<String, String>> {
        let name = run.metadata.name.clone()?;
        let mut record = run.record();
        let mut names: Vec<String> = Vec::new();
        for (build, run) in &self.started {
            if record.add(build.clone()) {
                names.push(run.clone());
            }
        }
        if names.is_empty() {
            return None;
        }
        let record = serde_json::to_string(&record).ok().filter(|text| text.len() <= LONGEST_RECORD)?;
        // A run that was made by copying another one carries the names of the other.
        let all = run.metadata.annotations.as_ref();
        let is_own = all.and_then(|all| all.get(annotations::RECORD_OF)) == Some(&name);
        let known = all.and_then(|all| all.get(annotations::BUILD_RUN_NAMES)).filter(|_| is_own);
        Some(BTreeMap::from([
            (annotations::BUILD_RUN_NAMES.to_owned(), newest_first(&names, known.map(String::as_str))),
            (annotations::TRIGGERED_BUILDS.to_owned(), record),
            (annotations::RECORD_OF.to_owned(), name),
        ]))
    }
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
    use trigger_core::{ObjectKey, RunClass};

    use super::*;

    fn run(annotations: &[(&str, &str)]) -> PipelineRun {
        let annotations: BTreeMap<_, _> = annotations.iter().copied().collect();
        let condition = json!({"type": "Succeeded", "status": "True", "reason": "Succeeded"});
        serde_json::from_value(json!({
            "metadata": {"namespace": "team-a", "name": "ci-1", "uid": "uid-1", "annotations": annotations},
            "spec": {"pipelineRef": {"name": "ci"}},
            "status": {"startTime": "2026-01-02T03:04:05Z", "conditions": [condition]},
        }))
        .unwrap()
    }

    fn change(run: &PipelineRun) -> PipelineRunChange {
        PipelineRunChange::of(run, "2026-01-02T03:05:00Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn what_is_kept_means_what_was_seen() {
        let change = change(&run(&[]));
        assert_eq!(change.event.class, RunClass::Succeeded);
        let (delivery, verification) = change.delivery.into_parts();
        assert_eq!(read(&delivery), Some(Event::PipelineRun(change.event)));
        assert_eq!(delivery.event, "PipelineRun Succeeded");
        assert_eq!(verification.observed, Some(ObjectKey::new("team-a", "ci-1")));
        let broken = Delivery { body: "{}".into(), ..delivery };
        assert_eq!(read(&broken), None);
    }

    #[test]
    fn the_id_is_that_of_the_run_and_its_class() {
        let id = |run: &PipelineRun| change(run).delivery.value().id.clone();
        let mut later = run(&[("some", "annotation")]);
        later.metadata.resource_version = Some("99".to_owned());
        assert_eq!(id(&run(&[])), id(&later));
        let mut again = run(&[]);
        again.metadata.uid = Some("uid-2".to_owned());
        assert_ne!(id(&run(&[])), id(&again), "scenario 13: a copy of the run is another run");
        let mut failed = run(&[]);
        failed.status["conditions"][0]["status"] = json!("False");
        assert_ne!(id(&run(&[])), id(&failed));
    }

    fn note(run: &PipelineRun, started: &[(&str, &str)]) -> Note {
        let PipelineRunChange { event, delivery } = change(run);
        let started: Vec<_> =
            started.iter().map(|(build, run)| ((*build).to_owned(), (*run).to_owned())).collect();
        Note::of(delivery.value(), &event, &started).unwrap()
    }

    #[test]
    fn a_note_says_what_was_started_in_upstreams_words() {
        let first = run(&[]);
        let noted = note(&first, &[("app", "app-1"), ("lib", "lib-1")]).annotations(&first).unwrap();
        assert_eq!(noted[annotations::BUILD_RUN_NAMES], "lib-1,app-1", "A11, newest first");
        assert_eq!(noted[annotations::RECORD_OF], "ci-1");
        let entry =
            |build: &str| json!({"buildName": build, "objectRef": {"name": "ci", "status": ["Succeeded"]}});
        let record: serde_json::Value = serde_json::from_str(&noted[annotations::TRIGGERED_BUILDS]).unwrap();
        assert_eq!(record, json!([entry("app"), entry("lib")]), "R4");

        let pairs: Vec<_> = noted.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let later = run(&pairs);
        assert_eq!(note(&later, &[("app", "app-1")]).annotations(&later), None, "it is noted already");
        let more = note(&later, &[("web", "web-1")]).annotations(&later).unwrap();
        assert_eq!(more[annotations::BUILD_RUN_NAMES], "web-1,lib-1,app-1");

        let mut copy = later.clone();
        copy.metadata.name = Some("ci-2".to_owned());
        let anew = note(&copy, &[("app", "app-2")]).annotations(&copy).unwrap();
        assert_eq!(anew[annotations::BUILD_RUN_NAMES], "app-2");
        assert_eq!(anew[annotations::RECORD_OF], "ci-2");
    }

    #[test]
    fn names_are_cut_at_a_name() {
        let many: Vec<_> = (0..200).map(|n| format!("run-{n:03}")).collect();
        let text = newest_first(&many, Some("old"));
        assert!(text.len() < LONGEST_NAMES && text.starts_with("run-199,run-198"), "{text}");
        assert!(text.split(',').all(|name| name.len() == 7), "{text}");
    }
}
