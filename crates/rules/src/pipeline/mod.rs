//! Type `Pipeline`: a PipelineRun in the Build's namespace reaches a status.
//!
//! The run is named by its Pipeline (`objectRef.name`) or by its labels (`objectRef.selector`). A status
//! is one of the classes `Started`, `Succeeded`, `Failed`, `Cancelled`, `TimedOut`, or the literal reason
//! that Tekton gives, such as `Completed`.
//!
//! What matches is still held back where it would go round in circles or has been done: see `guards`.

mod guards;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use trigger_api::Target;
use trigger_api::shipwright::{Condition, PipelineCondition, PipelineSelector, TriggerError};
use trigger_core::{Event, PipelineRunEvent, RunClass};

use crate::decision::{CheckTrace, Predicate, Reason};
use crate::kind::{Context, IndexKey, Matcher, TriggerKind, TrustBasis};
use crate::rule_error::RuleErrorKind;
use crate::rule_set::RuleSet;

/// The kind of trigger.
pub(crate) struct Pipeline;

/// A rule of this kind.
struct PipelineMatcher {
    namespace: Arc<str>,
    condition: PipelineCondition,
    /// When the Build was created. What happened before is over.
    since: Option<Timestamp>,
}

impl TriggerKind for Pipeline {
    fn name(&self) -> &'static str {
        "Pipeline"
    }

    fn authority(&self) -> TrustBasis {
        TrustBasis::Observation
    }

    fn compile(
        &self,
        condition: Condition,
        context: &mut Context<'_>,
    ) -> Result<Box<dyn Matcher>, RuleErrorKind> {
        let Condition::Pipeline(condition) = condition else {
            return Err(TriggerError::MissingObjectRef.into());
        };
        let metadata = &context.build.metadata;
        let namespace = metadata.namespace.as_deref().unwrap_or_default().into();
        let since = metadata.creation_timestamp.as_ref().map(|time| time.0);
        Ok(Box::new(PipelineMatcher { namespace, condition, since }))
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
    fn keys(&self) -> Vec<IndexKey> {
        vec![match &self.condition.pipeline {
            PipelineSelector::Name(name) => key(&self.namespace, Some(name)),
            PipelineSelector::Labels(_) => key(&self.namespace, None),
        }]
    }

    fn check(
        &self,
        event: &Event,
        target: &Target,
        _rules: &RuleSet,
        trace: &mut CheckTrace,
    ) -> Result<(), Reason> {
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
        let found = match event.reason.as_deref() {
            Some(reason) if reason != event.class.name() => format!("{} ({reason})", event.class.name()),
            _ => event.class.name().to_owned(),
        };
        trace.require(Predicate::Status, listed, expected, found, Reason::StatusNotListed)?;
        guards::check(event, target, self.since, trace)
    }

    fn details(&self, _event: &Event, _target: &Target) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// By the class, by the literal reason, or by the name that Tekton's documents give the class.
fn status_matches(status: &str, event: &PipelineRunEvent) -> bool {
    let alias = match event.class {
        RunClass::Started => "Running",
        RunClass::TimedOut => "PipelineRunTimeout",
        RunClass::Succeeded | RunClass::Failed | RunClass::Cancelled => event.class.name(),
    };
    status == event.class.name() || status == alias || event.reason.as_deref() == Some(status)
}
