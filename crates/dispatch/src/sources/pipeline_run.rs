use jiff::Timestamp;
use trigger_api::tekton::PipelineRun;
use trigger_core::{Delivery, DeliveryId, Event, Events, Observer, PipelineRunEvent, Verified};

use super::{Source, SourceError};

/// The source of deliveries about PipelineRuns, beside the names of providers.
const TEKTON: &str = "tekton";

/// PipelineRuns that this program has observed.
pub(super) struct PipelineRuns;

/// A PipelineRun in a class of its status that a rule can ask for.
#[derive(Debug, Clone)]
pub struct PipelineRunChange {
    /// The event.
    pub event: PipelineRunEvent,
    /// The delivery to store. Its id follows from the run's UID and the class, so the run in this class is one
    /// delivery, however often and by whichever replica it is seen.
    pub delivery: Verified<Delivery>,
}

impl PipelineRunChange {
    /// The id of the delivery about a PipelineRun in the class of `event`.
    pub fn delivery_id(event: &PipelineRunEvent) -> DeliveryId {
        DeliveryId::derive(&[b"pipelinerun", event.uid.as_bytes(), event.class.name().as_bytes()])
    }

    /// The change that `run` is, seen at the moment `now`; `None` as long as it has not started.
    pub fn of(run: &PipelineRun, observer: &Observer, now: Timestamp) -> Option<Self> {
        let reduced = run.reduced();
        let event = reduced.event(now)?;
        // A few hundred bytes of JSON values, which can always be written.
        let body = serde_json::to_vec(&trigger_api::manifest::to_object(&reduced).ok()?).ok()?;
        let class = event.class.name();
        let delivery = Delivery {
            id: Self::delivery_id(&event),
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
        let delivery = observer.observed(delivery, event.run.clone());
        Some(Self { event, delivery })
    }
}

impl Source for PipelineRuns {
    #[cfg(test)]
    fn file(&self) -> &'static str {
        "pipeline_run"
    }

    fn events(&self, delivery: &Delivery) -> Option<Result<Events, SourceError>> {
        (*delivery.source == *TEKTON)
            .then(|| read(delivery).map(Events::from).ok_or(SourceError::NoPipelineRun))
    }
}

/// The event of a delivery of this source. `None` if its body is no PipelineRun that has started.
fn read(delivery: &Delivery) -> Option<Event> {
    let run: PipelineRun = serde_json::from_slice(&delivery.body).ok()?;
    run.event(delivery.received_at).map(Event::PipelineRun)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        #[expect(clippy::disallowed_methods, reason = "a test observes what it likes")]
        let observer = Observer::new();
        PipelineRunChange::of(run, &observer, "2026-01-02T03:05:00Z".parse().unwrap()).unwrap()
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
}
