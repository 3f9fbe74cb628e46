use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use trigger_api::tekton::{
    CustomRun, CustomRunSpec, DELIVERY_TRACE_PARENT, EmbeddedTask, LABEL_PIPELINE_RUN, LABEL_PIPELINE_TASK,
    Run, RunSpec, SPAN_CONTEXTS, TaskFields, TaskReference,
};
use trigger_core::{DeliveryId, ObjectKey, Ordinal, TraceParent, is_dns_subdomain};
use trigger_targets::run_name;

use crate::build_request::{BuildRequest, InvalidTask, is_build};
use crate::kind::TaskKind;
use crate::progress::Progress;
use crate::timeout::Timeout;

/// What `spec.status` says when Tekton wants the task to end. It is the same in both kinds.
const CANCELLED: &str = "RunCancelled";

/// A request to create a BuildRun may be carried out after the one who sent it has given up or died, and the
/// task has been ended. That is a matter of seconds, but we may be away just then. Longer would cost a look at
/// the BuildRun of every task that has ever failed whenever the program starts.
const ORPHAN_GRACE: Duration = Duration::from_hours(1);

/// A custom task of Tekton that is to run a Build.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The kind of the object.
    pub kind: TaskKind,
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`, as of which all of this holds.
    pub resource_version: Option<String>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Whether its deletion was requested.
    pub deleted: bool,
    /// If it is to end: what Tekton says about that, which may be nothing.
    pub cancelled: Option<String>,
    /// How long an attempt, or for a Run all attempts, may take.
    pub timeout: Timeout,
    /// How often a failed attempt is repeated.
    pub retries: usize,
    /// What it asks for, or why that is impossible.
    pub request: Result<BuildRequest, InvalidTask>,
    /// How far it has come.
    pub progress: Progress,
    /// The pipeline that it is part of, if it is.
    pub pipeline: Option<PipelineTask>,
    /// Where its trace goes on, if Tekton says so.
    pub trace: Option<TraceParent>,
}

/// The place of a task in a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineTask {
    /// The name of the PipelineRun.
    pub run: String,
    /// The name of the task in the Pipeline.
    pub task: Option<String>,
}

impl Task {
    /// The task that a CustomRun is; `None` if another controller carries it out.
    pub fn of_custom_run(object: &CustomRun) -> Option<Self> {
        let (spec, status) = (&object.spec, &object.status);
        if !is_build(&spec["customRef"]) && !is_build(&spec["customSpec"]) {
            return None;
        }
        let parts = serde_json::from_value::<CustomRunSpec>(spec.clone());
        let parts = parts.map(|spec| (spec.custom_ref, spec.custom_spec, spec.common));
        Some(Self::new(TaskKind::CustomRun, &object.metadata, spec, status, parts))
    }

    /// The task that a Run is; `None` if another controller carries it out.
    pub fn of_run(object: &Run) -> Option<Self> {
        let (spec, status) = (&object.spec, &object.status);
        if !is_build(&spec["ref"]) && !is_build(&spec["spec"]) {
            return None;
        }
        let parts = serde_json::from_value::<RunSpec>(spec.clone());
        let parts = parts.map(|spec| (spec.reference, spec.spec, spec.common));
        Some(Self::new(TaskKind::Run, &object.metadata, spec, status, parts))
    }

    fn new(
        kind: TaskKind,
        metadata: &ObjectMeta,
        spec: &Value,
        status: &Value,
        parts: Result<(Option<TaskReference>, Option<EmbeddedTask>, TaskFields), serde_json::Error>,
    ) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let label = |key: &str| metadata.labels.as_ref()?.get(key).filter(|value| !value.is_empty()).cloned();
        let (request, fields) = match parts {
            Ok((reference, embedded, fields)) => {
                (BuildRequest::read(kind, reference, embedded, &fields), fields)
            }
            Err(error) => {
                let invalid =
                    InvalidTask::invalid(format!("the spec of the {} cannot be read: {error}", kind.name()));
                (Err(invalid), TaskFields::default())
            }
        };
        let message = || spec["statusMessage"].as_str().unwrap_or_default().to_owned();
        Self {
            kind,
            key: ObjectKey::new(text(&metadata.namespace), text(&metadata.name)),
            uid: text(&metadata.uid),
            resource_version: metadata.resource_version.clone(),
            generation: metadata.generation,
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            deleted: metadata.deletion_timestamp.is_some(),
            // Read even if nothing else can be.
            cancelled: (spec["status"] == CANCELLED).then(message),
            timeout: Timeout::parse(fields.timeout.as_deref())
                .or(Timeout::parse(None))
                .unwrap_or(Timeout::None),
            retries: fields.retries.and_then(|retries| usize::try_from(retries).ok()).unwrap_or(0),
            request,
            progress: Progress::read(status),
            pipeline: label(LABEL_PIPELINE_RUN)
                .map(|run| PipelineTask { run, task: label(LABEL_PIPELINE_TASK) }),
            trace: metadata.annotations.as_ref().and_then(trace_noted),
        }
    }

    /// Whether it has come to its end. Its status is not touched any more.
    pub fn is_over(&self) -> bool {
        self.deleted || self.progress.is_done()
    }

    /// Whether nothing is to be done for it any more: it is over, and so is the time in which a BuildRun may
    /// turn up that was asked for before.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        let may_have_strays = || {
            let end = self.progress.end.and_then(|end| end.checked_add(ORPHAN_GRACE).ok());
            self.progress.has_failed() && end.is_some_and(|end| now < end)
        };
        self.deleted || (self.progress.is_done() && !may_have_strays())
    }

    /// The number of the current attempt, from 0.
    pub(crate) fn attempt(&self) -> usize {
        self.progress.attempts.len()
    }

    /// The BuildRun of the current attempt: the adopted one, or one whose name follows from the task and the number of
    /// the attempt, so that the API server refuses a second one.
    pub fn run(&self) -> ObjectKey {
        self.adopted().cloned().unwrap_or_else(|| self.own_run())
    }

    /// The BuildRun of the first attempt, if another controller has begun the task: that of `shipwright-io/triggers`
    /// names a BuildRun of its own choice in the status before it creates it.
    pub(crate) fn adopted(&self) -> Option<&ObjectKey> {
        let run = self.progress.run.as_ref().filter(|_| self.progress.attempts.is_empty())?;
        let is_possible = run.namespace == self.key.namespace && is_dns_subdomain(&run.name);
        (is_possible && *run != self.own_run()).then_some(run)
    }

    /// Whether the status shows that the BuildRun of the current attempt has existed. Its name alone shows that for our
    /// own, which is written after the creation.
    pub fn has_had_run(&self) -> bool {
        self.progress.run.as_ref() == Some(&self.run())
            && (self.adopted().is_none() || self.progress.said.is_some())
    }

    fn own_run(&self) -> ObjectKey {
        let number = u64::try_from(self.attempt()).unwrap_or(u64::MAX).to_be_bytes();
        let id = DeliveryId::derive(&[b"custom-task", self.uid.as_bytes(), &number]);
        let name = run_name(&self.key.name, &self.uid, &id, Ordinal::FIRST);
        ObjectKey::new(self.key.namespace.clone(), name)
    }

    /// When the current attempt (of a CustomRun), or the whole (of a Run), has taken too long.
    pub fn deadline(&self) -> Option<Timestamp> {
        let begun = match self.kind {
            TaskKind::CustomRun => self.progress.start,
            TaskKind::Run => self.progress.first_start(),
        };
        self.timeout.after(begun.or(self.created)?)
    }

    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        self.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// Whether a failed attempt is to be followed by another.
    pub(crate) fn may_try_again(&self, now: Timestamp) -> bool {
        // The time of a CustomRun starts again with each attempt.
        let has_time = self.kind == TaskKind::CustomRun || !self.is_overdue(now);
        self.attempt() < self.retries && has_time
    }
}

/// The trace that the nearest of Tekton's notes names. One that cannot be read counts as none.
fn trace_noted(annotations: &BTreeMap<String, String>) -> Option<TraceParent> {
    let in_json = |key: &&str| {
        let context: Value = serde_json::from_str(annotations.get(*key)?).ok()?;
        context["traceparent"].as_str()?.parse().ok()
    };
    let plain = || annotations.get(DELIVERY_TRACE_PARENT)?.parse().ok();
    SPAN_CONTEXTS.iter().find_map(in_json).or_else(plain)
}
