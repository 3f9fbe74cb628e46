//! Type `Pipeline`: a PipelineRun in the Build's namespace reaches a status.
//!
//! The run is named by its Pipeline (`objectRef.name`) or by its labels (`objectRef.selector`). A status
//! is one of the classes `Started`, `Succeeded`, `Failed`, `Cancelled`, `TimedOut`, or the literal reason
//! that Tekton gives, such as `Completed`.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use trigger_api::Target;
use trigger_api::shipwright::{Condition, PipelineCondition, PipelineSelector, TriggerFault};
use trigger_event::{Event, PipelineRunEvent};

use crate::decision::{Predicate, Reason, Trace};
use crate::fault::FaultKind;
use crate::kind::{Authority, Context, IndexKey, Matcher, TriggerKind};

/// The kind of trigger.
pub(crate) struct Pipeline;

/// A rule of this kind.
struct PipelineMatcher {
    namespace: Arc<str>,
    condition: PipelineCondition,
}

impl TriggerKind for Pipeline {
    fn name(&self) -> &'static str {
        "Pipeline"
    }

    fn authority(&self) -> Authority {
        Authority::Observation
    }

    fn compile(
        &self,
        condition: Condition,
        context: &mut Context<'_>,
    ) -> Result<Box<dyn Matcher>, FaultKind> {
        let Condition::Pipeline(condition) = condition else {
            return Err(TriggerFault::MissingObjectRef.into());
        };
        let namespace = context.build.metadata.namespace.as_deref().unwrap_or_default();
        Ok(Box::new(PipelineMatcher { namespace: namespace.into(), condition }))
    }

    fn key_of_broken(&self, _context: &Context<'_>) -> Option<IndexKey> {
        None
    }

    fn lookup(&self, event: &Event) -> Vec<IndexKey> {
        let Event::PipelineRun(event) = event else { return Vec::new() };
        let mut keys = vec![key(&event.run.namespace, None)];
        keys.extend(event.pipeline.as_deref().map(|name| key(&event.run.namespace, Some(name))));
        keys
    }
}

/// Rules that name a Pipeline are found by it, those with a selector by the namespace alone. A namespace
/// holds no `/`, so the two cannot be mistaken for each other.
fn key(namespace: &str, pipeline: Option<&str>) -> IndexKey {
    match pipeline {
        Some(pipeline) => IndexKey::new("pipeline", &format!("{namespace}/{pipeline}")),
        None => IndexKey::new("pipeline", namespace),
    }
}

impl Matcher for PipelineMatcher {
    fn key(&self) -> IndexKey {
        match &self.condition.pipeline {
            PipelineSelector::Name(name) => key(&self.namespace, Some(name)),
            PipelineSelector::Labels(_) => key(&self.namespace, None),
        }
    }

    fn check(&self, event: &Event, _target: &Target, trace: &mut Trace) -> Result<(), Reason> {
        let Event::PipelineRun(event) = event else { return Err(Reason::EventNotListed) };
        match &self.condition.pipeline {
            PipelineSelector::Name(name) => trace.require(
                Predicate::Pipeline,
                event.pipeline.as_ref() == Some(name),
                name.as_str(),
                event.pipeline.as_deref().unwrap_or("an embedded pipeline"),
                Reason::PipelineDiffers,
            )?,
            PipelineSelector::Labels(wanted) => {
                let carries = wanted.iter().all(|(key, value)| event.labels.get(key) == Some(value));
                let text = |(key, value): (&String, &String)| format!("{key}={value}");
                let expected: Vec<_> = wanted.iter().map(text).collect();
                let found: Vec<_> = event.labels.iter().map(text).collect();
                let (expected, found) = (expected.join(", "), found.join(", "));
                trace.require(Predicate::Labels, carries, expected, found, Reason::LabelsDiffer)?;
            }
        }
        let listed = self.condition.status.iter().any(|status| status_matches(status, event));
        let expected = self.condition.status.join(", ");
        trace.require(Predicate::Status, listed, expected, event.class.name(), Reason::StatusNotListed)
    }

    fn details(&self, _event: &Event, _target: &Target) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

fn status_matches(status: &str, event: &PipelineRunEvent) -> bool {
    status == event.class.name() || event.reason.as_deref() == Some(status)
}
