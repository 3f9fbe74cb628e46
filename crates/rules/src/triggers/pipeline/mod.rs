//! Type `Pipeline`: a PipelineRun in the Build's namespace reaches a status.
//!
//! The run is named by its Pipeline (`objectRef.name`) or by its labels (`objectRef.selector`). A status
//! is one of the classes `Started`, `Succeeded`, `Failed`, `Cancelled`, `TimedOut`, or the literal reason
//! that Tekton gives, such as `Completed`.
//!
//! A rule that matches is still skipped where it would start builds without end, or start something again: see `guards`.

mod guards;
mod mistakes;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use trigger_api::shipwright::{ObjectRef, When};
use trigger_core::{Event, PipelineRunEvent, RunClass, is_dns_subdomain};

use crate::auth::Auth;
use crate::decision::{CheckTrace, Unmatched};
use crate::limits::{LONGEST_WORD, MOST_LABELS, MOST_STATUSES};
use crate::reason::{Predicate, Reason};
use crate::rule_error::{RuleError, take_mistakes};
use crate::rule_set::{
    BuildContext, BuildTrigger, DecisionInput, Extent, IndexKey, Matcher, OwnerRules, TriggerKind,
};
use crate::text::{list, quoted};
use crate::work::Work;

/// The Pipeline is the one the rule names.
const PIPELINE: Predicate = Predicate::new("pipeline");
/// The PipelineRun carries the labels the rule names.
const LABELS: Predicate = Predicate::new("labels");
/// The status is one the rule names.
const STATUS: Predicate = Predicate::new("status");
/// No record on the object names the Build as started already.
const RECORD: Predicate = Predicate::new("record");

const PIPELINE_DIFFERS: Reason =
    Reason::new("pipeline-differs", "the Pipeline is {found}, the rule is for {expected}");
const LABELS_DIFFER: Reason =
    Reason::new("labels-differ", "the labels are {found}, the rule expects {expected}");
const STATUS_NOT_LISTED: Reason =
    Reason::new("status-not-listed", "the status is {found}, the rule is for {expected}");
const CARRIES_OUT_A_BUILD: Reason = Reason::new(
    "carries-out-a-build",
    "the PipelineRun carries out {found}, and builds that start builds would never end",
);
const RUNS_THE_BUILD: Reason = Reason::new(
    "runs-the-build",
    "the Build is {found} already, so every run of the pipeline would build it twice",
);
pub(super) const BEFORE_THE_BUILD: Reason =
    Reason::new("before-the-build", "it happened at {found}, the Build exists since {expected}");
const STARTED_ALREADY: Reason =
    Reason::new("started-already", "{found}, as an annotation of the PipelineRun says");

/// The kind of trigger.
pub(super) struct Pipeline;

/// A rule of this kind.
struct PipelineMatcher {
    namespace: Arc<str>,
    selector: Selector,
    /// The statuses; at least one.
    status: Box<[Box<str>]>,
    /// When the Build was created. What happened before is over.
    since: Option<Timestamp>,
}

/// Which PipelineRuns a rule is about.
enum Selector {
    /// Those of the Pipeline with this name.
    Name(Box<str>),
    /// Those that carry all these labels; at least one.
    Labels(BTreeMap<String, String>),
}

impl TriggerKind for Pipeline {
    #[cfg(test)]
    fn folder(&self) -> &'static str {
        "pipeline"
    }

    fn name(&self) -> &'static str {
        "Pipeline"
    }

    fn reasons(&self) -> &'static [Reason] {
        &[
            PIPELINE_DIFFERS,
            LABELS_DIFFER,
            STATUS_NOT_LISTED,
            CARRIES_OUT_A_BUILD,
            RUNS_THE_BUILD,
            BEFORE_THE_BUILD,
            STARTED_ALREADY,
        ]
    }

    fn lookup(&self, event: &Event) -> Vec<IndexKey> {
        let Event::PipelineRun(event) = event else { return Vec::new() };
        let mut keys = vec![key(&event.run.namespace, None)];
        keys.extend(event.pipeline.as_deref().map(|name| key(&event.run.namespace, Some(name))));
        keys
    }

    fn is_about_pipeline_runs(&self) -> bool {
        true
    }

    fn for_builds(&self) -> Option<&dyn BuildTrigger> {
        Some(self)
    }
}

impl BuildTrigger for Pipeline {
    fn compile(&self, when: &When, context: &mut BuildContext<'_>) -> Result<Box<dyn Matcher>, RuleError> {
        let invalid =
            |message: &str| RuleError::new("TriggerInvalidPipeline", format!("type Pipeline {message}"));
        let object_ref = when.object_ref.as_ref().ok_or_else(|| invalid("is missing `.objectRef`"))?;
        if object_ref.status.is_empty() {
            return Err(invalid("is missing `.objectRef.status`"));
        }
        let name = object_ref.name.as_deref().filter(|name| !name.is_empty());
        let selector = match (name, object_ref.selector.is_empty()) {
            (None, true) => return Err(invalid("is missing `.objectRef.name` or `.objectRef.selector`")),
            (Some(_), false) => {
                return Err(invalid("must have only one of `.objectRef.name` and `.objectRef.selector`"));
            }
            (Some(name), true) => Selector::Name(name.into()),
            (None, false) => Selector::Labels(object_ref.selector.clone()),
        };
        check_bounds(object_ref)?;
        context.take_values(object_ref.status.len() + object_ref.selector.len())?;
        if let Some(error) = mistakes::in_labels(&object_ref.selector) {
            return Err(error);
        }
        let statuses = object_ref.status.iter();
        let found = statuses.map(|status| mistakes::in_status(status)).collect();
        take_mistakes(found, &mut context.warnings)?;
        let metadata = &context.build.metadata;
        Ok(Box::new(PipelineMatcher {
            namespace: metadata.namespace.as_deref().unwrap_or_default().into(),
            selector,
            status: object_ref.status.iter().map(|status| status.as_str().into()).collect(),
            since: metadata.creation_timestamp.as_ref().map(|time| time.0),
        }))
    }

    fn auth(&self, _context: &BuildContext<'_>) -> Auth {
        Auth::Observed
    }
}

/// The bounds of a rule, and whether a Pipeline can have the name.
fn check_bounds(object_ref: &ObjectRef) -> Result<(), RuleError> {
    let ObjectRef { name, status, selector } = object_ref;
    if status.len() > MOST_STATUSES {
        let (reason, subject) = ("TriggerTooManyStatuses", "statuses in `.objectRef.status`");
        return Err(RuleError::too_many(reason, subject, status.len(), MOST_STATUSES));
    }
    if selector.len() > MOST_LABELS {
        let (reason, subject) = ("TriggerTooManyLabels", "labels in `.objectRef.selector`");
        return Err(RuleError::too_many(reason, subject, selector.len(), MOST_LABELS));
    }
    if let Some(status) = status.iter().find(|status| status.len() > LONGEST_WORD) {
        return Err(RuleError::too_long("TriggerStatusTooLong", "status", status, LONGEST_WORD));
    }
    if let Some(label) = selector.iter().flat_map(<[&String; 2]>::from).find(|text| text.len() > LONGEST_WORD)
    {
        return Err(RuleError::too_long("TriggerLabelTooLong", "label or its value", label, LONGEST_WORD));
    }
    match name.as_deref().filter(|name| !name.is_empty() && !is_dns_subdomain(name)) {
        None => Ok(()),
        Some(name) => {
            let name = quoted(name);
            let message = format!(
                "no Pipeline can have the name {name} in `.objectRef.name`: use lower-case letters, digits, `-` and `.`"
            );
            Err(RuleError::new("TriggerInvalidPipelineName", message))
        }
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
        vec![match &self.selector {
            Selector::Name(name) => key(&self.namespace, Some(name)),
            Selector::Labels(_) => key(&self.namespace, None),
        }]
    }

    fn check(
        &self,
        input: DecisionInput<'_>,
        owner: &OwnerRules,
        _work: &mut Work,
        trace: &mut CheckTrace,
    ) -> Result<(), Unmatched> {
        let Event::PipelineRun(event) = input.event else { return Err(PIPELINE_DIFFERS.into()) };
        match &self.selector {
            Selector::Name(name) => trace.require(
                PIPELINE,
                event.pipeline.as_deref() == Some(name),
                name.as_ref(),
                event.pipeline.as_deref().unwrap_or("an embedded pipeline"),
                PIPELINE_DIFFERS,
            )?,
            Selector::Labels(expected) => {
                let carries = expected.iter().all(|(key, value)| event.labels.get(key) == Some(value));
                trace.require(LABELS, carries, shown(expected), shown(&event.labels), LABELS_DIFFER)?;
            }
        }
        let listed = self.status.iter().any(|status| status_matches(status, event));
        let found = match event.reason.as_deref() {
            Some(reason) if reason != event.class.name() => format!("{} ({reason})", event.class.name()),
            _ => event.class.name().to_owned(),
        };
        let expected = list(self.status.iter().map(AsRef::as_ref));
        trace.require(STATUS, listed, expected, found, STATUS_NOT_LISTED)?;
        guards::check(event, owner.owner.name(), self.since, trace)
    }

    fn extent(&self) -> Extent {
        let texts = self.status.iter().map(|status| status.len());
        let (labels, named): (usize, usize) = match &self.selector {
            Selector::Name(name) => (0, name.len()),
            Selector::Labels(labels) => {
                (labels.len(), labels.iter().map(|(key, value)| key.len() + value.len()).sum())
            }
        };
        Extent { values: self.status.len() + labels, bytes: texts.sum::<usize>() + named }
    }
}

/// Labels as a check shows them. A PipelineRun can carry more than fit.
fn shown(labels: &BTreeMap<String, String>) -> String {
    let texts: Vec<_> =
        labels.iter().take(MOST_LABELS).map(|(key, value)| format!("{key}={value}")).collect();
    list(texts.iter().map(String::as_str))
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
