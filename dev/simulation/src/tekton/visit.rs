//! One look at a PipelineRun, and the next steps on its way. Looking again changes nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::custom_run::Why;
use super::ending::{Ending, Halt};
use super::pipeline::Pipeline;
use super::run::{PipelineRun, Request, Succeeded};
use super::variables::Variables;
use super::{LAST_APPLIED, pipeline_resource, run_resource};
use crate::go_time::current_time;
use crate::{SIMULATED, SimulationOptions};
use trigger_devcluster::ApiError;
use trigger_devcluster::StoreHandle;
use trigger_devcluster::names::label_value_fault;

/// Takes a run as far as it can go now. Returns when it can go further by itself.
pub(super) async fn visit(
    store: &StoreHandle,
    options: SimulationOptions,
    namespace: &str,
    name: &str,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(object) = store.get(&run_resource(), namespace, name).await? else { return Ok(None) };
    let mut visit = Visit { store, options, now: Timestamp::now(), run: PipelineRun(object) };
    match visit.advance().await {
        Ok(wake) => Ok(wake),
        Err(Halt::Refused(error)) => Err(error),
        Err(Halt::End(ending)) => {
            visit.run.set_condition(ending.succeeded, ending.reason, &ending.message);
            visit.run.set_status("completionTime", current_time());
            visit.save().await?;
            Ok(None)
        }
    }
}

/// A visit: the time stands still while it lasts.
pub(super) struct Visit<'a> {
    pub(super) store: &'a StoreHandle,
    pub(super) options: SimulationOptions,
    pub(super) now: Timestamp,
    pub(super) run: PipelineRun,
}

impl Visit<'_> {
    async fn advance(&mut self) -> Result<Option<Timestamp>, Halt> {
        if self.run.is_over() {
            return Ok(None);
        }
        let request = self.run.request();
        if !self.run.has_started() {
            self.mark(json!({}), json!({SIMULATED: "true"})).await?;
            if request == Request::Wait {
                self.run.set_condition(
                    Succeeded::Unknown,
                    "PipelineRunPending",
                    "the run is not to begin yet",
                );
                self.save().await?;
                return Ok(None);
            }
            self.begin().await?;
        }
        if request == Request::Cancel {
            self.cancel_everything(Why::Cancelled).await?;
            return Err(Ending::bad("Cancelled", "the run was cancelled").into());
        }
        let deadline = self.run.deadline().map_err(Ending::invalid)?;
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            self.cancel_everything(Why::TimedOut).await?;
            return Err(Ending::bad("PipelineRunTimeout", "the run did not end in time").into());
        }
        if let Some(fault) = label_value_fault(self.run.name()) {
            return Err(Ending::invalid(format!("the name of the run is not valid: {fault}")).into());
        }
        let spec = self.resolve().await?;
        let pipeline = Pipeline::parse(&spec).map_err(Ending::invalid)?;
        let variables = self.variables(&pipeline)?;
        let is_bound = |name: &str| self.run.workspace(name).is_some();
        if let Some(unbound) = pipeline.workspaces.iter().find(|w| !w.optional && !is_bound(&w.name)) {
            let message = format!("the run binds no workspace {:?}", unbound.name);
            return Err(Ending::bad("InvalidWorkspaceBindings", message).into());
        }
        let next = self.work(&pipeline, &variables).await?;
        Ok(next.into_iter().chain(deadline).min())
    }

    /// Writes the status; refused if the run was changed meanwhile.
    pub(super) async fn save(&mut self) -> Result<(), ApiError> {
        self.run.0 = self.store.replace_status(&run_resource(), self.run.0.clone()).await?;
        Ok(())
    }

    /// Adds labels and annotations.
    async fn mark(&mut self, labels: Value, annotations: Value) -> Result<(), ApiError> {
        let patch = json!({"metadata": {
            "labels": labels, "annotations": annotations, "uid": self.run.uid(),
            "resourceVersion": self.run.0["metadata"]["resourceVersion"],
        }});
        self.run.0 = self.store.merge(&run_resource(), self.run.namespace(), self.run.name(), &patch).await?;
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), ApiError> {
        self.run.set_status("startTime", current_time());
        let mut record = self.run.record();
        record.started = Some(self.now);
        self.run.set_record(&record);
        self.run.set_condition(Succeeded::Unknown, "Started", "the run has begun");
        self.save().await
    }

    /// The spec of what is run. It is looked up once: a Pipeline that changes later changes no run.
    async fn resolve(&mut self) -> Result<Value, Halt> {
        if let Some(spec) = self.run.status("pipelineSpec") {
            return Ok(spec.clone());
        }
        let missing = |message: String| Ending::bad("CouldntGetPipeline", message);
        let (metadata, name, spec) =
            match (self.run.spec_text("/pipelineRef/name"), self.run.spec("pipelineSpec")) {
                (Some(_), Some(_)) => {
                    return Err(Ending::invalid("pipelineRef and pipelineSpec exclude each other").into());
                }
                (None, Some(spec)) => (Value::Null, self.run.name().to_owned(), spec.clone()),
                (Some(name), None) => {
                    let found = self.store.get(&pipeline_resource(), self.run.namespace(), name).await?;
                    let mut found = found.ok_or_else(|| missing(format!("there is no Pipeline {name:?}")))?;
                    (found["metadata"].take(), name.to_owned(), found["spec"].take())
                }
                (None, None) if self.run.spec_text("/pipelineRef/resolver").is_some() => {
                    return Err(missing("resolvers are not played".to_owned()).into());
                }
                (None, None) => return Err(missing("the run names no Pipeline".to_owned()).into()),
            };
        // What the run says itself comes before what its Pipeline says.
        let add = |key: &str| -> BTreeMap<String, Value> {
            let (own, given) = (self.run.metadata(key), metadata.get(key).and_then(Value::as_object));
            let given = given.into_iter().flatten().filter(|(key, _)| *key != LAST_APPLIED);
            let given = given.filter(|(key, _)| !own.contains_key(*key));
            given.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let (mut labels, annotations) = (add("labels"), add("annotations"));
        if label_value_fault(&name).is_none() {
            labels.insert("tekton.dev/pipeline".to_owned(), name.into());
        }
        self.mark(json!(labels), json!(annotations)).await?;
        self.run.set_status("pipelineSpec", spec.clone());
        self.save().await?;
        Ok(spec)
    }

    fn variables(&self, pipeline: &Pipeline) -> Result<Variables, Ending> {
        let run = &self.run;
        let given = run
            .params()
            .map_err(|error| Ending::invalid(format!("the parameters of the run cannot be read: {error}")))?;
        let label = run.metadata("labels").remove("tekton.dev/pipeline");
        let context = BTreeMap::from([
            ("pipelineRun.name", run.name().to_owned()),
            ("pipelineRun.namespace", run.namespace().to_owned()),
            ("pipelineRun.uid", run.uid().to_owned()),
            ("pipeline.name", label.and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default()),
        ]);
        Variables::new(pipeline, given, context).map_err(|message| Ending::bad("ParameterMissing", message))
    }
}
