//! The BuildRun of an attempt.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Map, Value};
use trigger_api::annotations;
use trigger_api::shipwright::{BuildReference, BuildRunSpec, BuildSpec};
use trigger_core::{ObjectKey, is_label_value};
use trigger_targets::Condition;
use trigger_targets::build_run::BuildRunDraft;

use crate::build_request::{BuildChoice, BuildRequest, InvalidTask};
use crate::task::Task;

/// A BuildRun to create.
#[derive(Debug, Clone, PartialEq)]
pub struct Creation {
    /// Where, and under which name.
    pub key: ObjectKey,
    /// The object, whole.
    pub object: Value,
    /// The condition that its status is given once its controller has begun with it.
    pub condition: Condition,
}

/// The fields of a named Build that shape the BuildRun of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedBuild {
    /// `retention.atBuildDeletion`: the BuildRun goes with its Build. Then it must have no other owner, since a garbage
    /// collector deletes an object with owners only when all of them are gone.
    pub takes_runs_along: bool,
    /// `timeout`.
    pub timeout: Option<String>,
}

impl NamedBuild {
    /// The fields of a Build, from its JSON.
    pub fn read(build: &Value) -> Self {
        let spec = &build["spec"];
        Self {
            takes_runs_along: spec["retention"]["atBuildDeletion"] == true,
            timeout: spec["timeout"].as_str().map(ToOwned::to_owned),
        }
    }
}

impl Task {
    /// The BuildRun of the current attempt. `build` is the Build that the task names, if it names one.
    pub fn creation(&self, build: &NamedBuild) -> Result<Creation, InvalidTask> {
        let request = self.request.clone()?;
        let of_build = match &request.build {
            BuildChoice::Named(_) => build.timeout.as_deref(),
            BuildChoice::Embedded(spec) => spec.other.get("timeout").and_then(Value::as_str),
        };
        let timeout = self.timeout.of_build_run(request.has_timeout, of_build);
        let key = self.run();
        let owner = OwnerReference {
            api_version: self.kind.api_version().to_owned(),
            kind: self.kind.name().to_owned(),
            name: self.key.name.to_string(),
            uid: self.uid.clone(),
            // The Build may want to be the controller; there can only be one.
            controller: Some(false),
            block_owner_deletion: Some(false),
        };
        let draft = BuildRunDraft {
            key: key.clone(),
            labels: self.labels(&request.build),
            annotations: self.annotations(),
            owner: (!build.takes_runs_along).then_some(owner),
            spec: spec(request, timeout),
            reason: self.kind.name(),
            sentence: self.sentence(),
        };
        let condition = draft.condition();
        let object = draft
            .object()
            .map_err(|error| InvalidTask::invalid(format!("the BuildRun cannot be written: {error}")))?;
        Ok(Creation { key, object, condition })
    }

    fn labels(&self, build: &BuildChoice) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([(annotations::LABEL_CUSTOM_RUN_UID.to_owned(), self.uid.clone())]);
        let mut set = |key: &str, value: &str| {
            // The object name of a task can be longer than a label may be.
            if !value.is_empty() && is_label_value(value) {
                labels.insert(key.to_owned(), value.to_owned());
            }
        };
        set(self.kind.owner_label(), &self.key.name);
        if let BuildChoice::Named(name) = build {
            set(annotations::LABEL_BUILD_NAME, name);
        }
        labels
    }

    fn annotations(&self) -> BTreeMap<String, String> {
        let pipeline = self.pipeline.as_ref();
        let known = [
            (annotations::CUSTOM_RUN, Some(self.key.name.to_string())),
            (annotations::PIPELINE_RUN, pipeline.map(|pipeline| pipeline.run.clone())),
            (annotations::TRACE_PARENT, self.trace.map(|trace| trace.to_string())),
        ];
        known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }

    fn sentence(&self) -> String {
        let attempt = format!("attempt {} of {}", self.attempt() + 1, self.retries.saturating_add(1));
        let (kind, name) = (self.kind.name(), &self.key.name);
        match &self.pipeline {
            None => format!("{attempt} of {kind} {name}"),
            Some(pipeline) => {
                let task = pipeline.task.as_deref().unwrap_or(name);
                format!("{attempt} of task {task} of PipelineRun {} ({kind} {name})", pipeline.run)
            }
        }
    }
}

fn spec(request: BuildRequest, timeout: Option<String>) -> BuildRunSpec {
    let BuildRequest { build, params, volumes, service_account, has_timeout: _ } = request;
    let mut other = Map::new();
    if !volumes.is_empty() {
        other.insert("volumes".to_owned(), volumes.into());
    }
    if let Some(account) = service_account {
        other.insert("serviceAccount".to_owned(), account.into());
    }
    let build = match build {
        BuildChoice::Named(name) => {
            if !params.is_empty() {
                other.insert("paramValues".to_owned(), params.into());
            }
            if let Some(timeout) = timeout {
                other.insert("timeout".to_owned(), timeout.into());
            }
            BuildReference { name: Some(name), spec: None }
        }
        BuildChoice::Embedded(mut spec) => {
            override_inside(&mut spec, params, timeout);
            BuildReference { name: None, spec: Some(spec) }
        }
    };
    BuildRunSpec { build, other }
}

/// The Build project forbids these two beside an embedded spec, so they go into it.
fn override_inside(spec: &mut BuildSpec, params: Vec<Value>, timeout: Option<String>) {
    if let Some(timeout) = timeout {
        spec.other.insert("timeout".to_owned(), timeout.into());
    }
    if params.is_empty() {
        return;
    }
    let is_overridden = |known: &Value| params.iter().any(|param| param["name"] == known["name"]);
    let mut values = match spec.other.remove("paramValues") {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    values.retain(|known| !is_overridden(known));
    values.extend(params);
    spec.other.insert("paramValues".to_owned(), values.into());
}
