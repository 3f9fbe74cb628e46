//! Reconciling a PipelineRun. A second reconciliation without a change has no effect.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::custom_run::CancelReason;
use super::pipeline::Pipeline;
use super::run::{PipelineRun, SpecStatus, Succeeded};
use super::stop_reason::{Completion, StopReason};
use super::variables::Variables;
use super::{LAST_APPLIED, pipeline_resource, run_resource};
use crate::go_time::current_time;
use crate::{SIMULATED, SimulationOptions};
use trigger_devcluster::ApiError;
use trigger_devcluster::StoreHandle;
use trigger_devcluster::names::label_value_error;

/// Advances a run as far as possible. Returns the time at which it has to be reconciled again without a change.
pub(super) async fn reconcile(
    store: &StoreHandle,
    options: SimulationOptions,
    namespace: &str,
    name: &str,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(object) = store.get(&run_resource(), namespace, name).await? else { return Ok(None) };
    let mut reconciler = Reconciler { store, options, now: Timestamp::now(), run: PipelineRun(object) };
    match reconciler.advance().await {
        Ok(requeue) => Ok(requeue),
        Err(StopReason::Api(error)) => Err(error),
        Err(StopReason::Completed(completion)) => {
            reconciler.run.set_condition(completion.succeeded, completion.reason, &completion.message);
            reconciler.run.set_status("completionTime", current_time());
            reconciler.save().await?;
            Ok(None)
        }
    }
}

/// One reconciliation of a run, with a fixed time.
pub(super) struct Reconciler<'a> {
    pub(super) store: &'a StoreHandle,
    pub(super) options: SimulationOptions,
    pub(super) now: Timestamp,
    pub(super) run: PipelineRun,
}

impl Reconciler<'_> {
    async fn advance(&mut self) -> Result<Option<Timestamp>, StopReason> {
        if self.run.is_over() {
            return Ok(None);
        }
        let spec_status = self.run.spec_status();
        if !self.run.has_started() {
            self.annotate(json!({}), json!({SIMULATED: "true"})).await?;
            if spec_status == SpecStatus::Pending {
                self.run.set_condition(Succeeded::Unknown, "PipelineRunPending", "the run is pending");
                self.save().await?;
                return Ok(None);
            }
            self.start().await?;
        }
        if spec_status == SpecStatus::Cancelled {
            self.cancel_all(CancelReason::Cancelled).await?;
            return Err(Completion::failed("Cancelled", "the run was cancelled").into());
        }
        let deadline = self.run.deadline().map_err(Completion::invalid)?;
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            self.cancel_all(CancelReason::TimedOut).await?;
            return Err(Completion::failed("PipelineRunTimeout", "the run did not end in time").into());
        }
        if let Some(error) = label_value_error(self.run.name()) {
            return Err(Completion::invalid(format!("the name of the run is not valid: {error}")).into());
        }
        let spec = self.resolve().await?;
        let pipeline = Pipeline::parse(&spec).map_err(Completion::invalid)?;
        let variables = self.variables(&pipeline)?;
        let is_bound = |name: &str| self.run.workspace(name).is_some();
        if let Some(unbound) = pipeline.workspaces.iter().find(|w| !w.optional && !is_bound(&w.name)) {
            let message = format!("the run binds no workspace {:?}", unbound.name);
            return Err(Completion::failed("InvalidWorkspaceBindings", message).into());
        }
        let next = self.run_tasks(&pipeline, &variables).await?;
        Ok(next.into_iter().chain(deadline).min())
    }

    /// Writes the status. Fails if the run has changed meanwhile.
    pub(super) async fn save(&mut self) -> Result<(), ApiError> {
        self.run.0 = self.store.replace_status(&run_resource(), self.run.0.clone()).await?;
        Ok(())
    }

    /// Adds labels and annotations.
    async fn annotate(&mut self, labels: Value, annotations: Value) -> Result<(), ApiError> {
        let patch = json!({"metadata": {
            "labels": labels, "annotations": annotations, "uid": self.run.uid(),
            "resourceVersion": self.run.0["metadata"]["resourceVersion"],
        }});
        self.run.0 = self.store.merge(&run_resource(), self.run.namespace(), self.run.name(), &patch).await?;
        Ok(())
    }

    async fn start(&mut self) -> Result<(), ApiError> {
        self.run.set_status("startTime", current_time());
        let mut record = self.run.record();
        record.started = Some(self.now);
        self.run.set_record(&record);
        self.run.set_condition(Succeeded::Unknown, "Started", "the run has started");
        self.save().await
    }

    /// The spec of the Pipeline. It is resolved once: later changes of the Pipeline do not change the run.
    async fn resolve(&mut self) -> Result<Value, StopReason> {
        if let Some(spec) = self.run.status("pipelineSpec") {
            return Ok(spec.clone());
        }
        let missing = |message: String| Completion::failed("CouldntGetPipeline", message);
        let (metadata, name, spec) =
            match (self.run.spec_text("/pipelineRef/name"), self.run.spec("pipelineSpec")) {
                (Some(_), Some(_)) => {
                    return Err(Completion::invalid("pipelineRef and pipelineSpec exclude each other").into());
                }
                (None, Some(spec)) => (Value::Null, self.run.name().to_owned(), spec.clone()),
                (Some(name), None) => {
                    let found = self.store.get(&pipeline_resource(), self.run.namespace(), name).await?;
                    let mut found = found.ok_or_else(|| missing(format!("there is no Pipeline {name:?}")))?;
                    (found["metadata"].take(), name.to_owned(), found["spec"].take())
                }
                (None, None) if self.run.spec_text("/pipelineRef/resolver").is_some() => {
                    return Err(missing("the simulation has no resolvers".to_owned()).into());
                }
                (None, None) => return Err(missing("the run names no Pipeline".to_owned()).into()),
            };
        // Labels and annotations of the run take precedence over those of its Pipeline.
        let add = |key: &str| -> BTreeMap<String, Value> {
            let (own, given) = (self.run.metadata(key), metadata.get(key).and_then(Value::as_object));
            let given = given.into_iter().flatten().filter(|(key, _)| *key != LAST_APPLIED);
            let given = given.filter(|(key, _)| !own.contains_key(*key));
            given.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let (mut labels, annotations) = (add("labels"), add("annotations"));
        if label_value_error(&name).is_none() {
            labels.insert("tekton.dev/pipeline".to_owned(), name.into());
        }
        self.annotate(json!(labels), json!(annotations)).await?;
        self.run.set_status("pipelineSpec", spec.clone());
        self.save().await?;
        Ok(spec)
    }

    fn variables(&self, pipeline: &Pipeline) -> Result<Variables, Completion> {
        let run = &self.run;
        let given = run.params().map_err(|error| {
            Completion::invalid(format!("the parameters of the run cannot be read: {error}"))
        })?;
        let label = run.metadata("labels").remove("tekton.dev/pipeline");
        let context = BTreeMap::from([
            ("pipelineRun.name", run.name().to_owned()),
            ("pipelineRun.namespace", run.namespace().to_owned()),
            ("pipelineRun.uid", run.uid().to_owned()),
            ("pipeline.name", label.and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default()),
        ]);
        Variables::new(pipeline, given, context)
            .map_err(|message| Completion::failed("ParameterMissing", message))
    }
}
