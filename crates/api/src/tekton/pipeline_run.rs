use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trigger_core::{ObjectKey, PipelineRunEvent, RunClass};

use super::{LABEL_PIPELINE, RecordedReference, TriggeredBuilds};
use crate::annotations;
use crate::resource::namespaced_resource;
use crate::shipwright;

/// What our keys, and upstream's, begin with. Labels of these are not the user's.
const OURS: [&str; 2] = ["trigger.shipwright.io/", "triggers.shipwright.io/"];
/// What the keys of upstream begin with.
const UPSTREAM: &str = "triggers.shipwright.io";

/// A PipelineRun (`tekton.dev/v1`). Owned by Tekton; we read it, and annotate it.
///
/// Source: <https://tekton.dev/docs/pipelines/pipelineruns/>.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PipelineRun {
    /// Standard object metadata.
    pub metadata: ObjectMeta,
    /// What to run. Kept as it is.
    #[serde(default)]
    pub spec: Value,
    /// How it goes. Kept as it is.
    #[serde(default)]
    pub status: Value,
}

impl PipelineRun {
    /// Where it is.
    pub fn key(&self) -> ObjectKey {
        let metadata = &self.metadata;
        ObjectKey::new(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        )
    }

    /// The class that its status is in at the moment `now`; `None` as long as it has not started.
    ///
    /// A run that was cancelled, or whose own time limit is over, is in that class before Tekton has
    /// ended it. Tekton's default time limit is not known here and does not count.
    pub fn class(&self, now: Timestamp) -> Option<RunClass> {
        if let Some(end) = self.end() {
            return Some(end);
        }
        if self.spec["status"] == "Cancelled" {
            return Some(RunClass::Cancelled);
        }
        self.moment("startTime")?;
        let is_late = self.deadline().is_some_and(|deadline| deadline < now);
        Some(if is_late { RunClass::TimedOut } else { RunClass::Started })
    }

    /// The class of a run that Tekton has ended.
    fn end(&self) -> Option<RunClass> {
        match self.condition()?["status"].as_str()? {
            "True" => Some(RunClass::Succeeded),
            "False" => Some(match self.reason() {
                Some("Cancelled") => RunClass::Cancelled,
                Some("PipelineRunTimeout") => RunClass::TimedOut,
                _ => RunClass::Failed,
            }),
            _ => None,
        }
    }

    /// When it came into `class`, as far as that is written down.
    fn since(&self, class: RunClass) -> Option<Timestamp> {
        if self.end().is_some() {
            return self.moment("completionTime").or_else(|| self.changed_at());
        }
        match class {
            RunClass::Started => self.moment("startTime"),
            RunClass::TimedOut => self.deadline(),
            // A request to end is written without a time.
            RunClass::Succeeded | RunClass::Failed | RunClass::Cancelled => None,
        }
    }

    /// When its own time limit is over, if it has one.
    fn deadline(&self) -> Option<Timestamp> {
        let limit = self.spec["timeouts"]["pipeline"].as_str().and_then(time_limit)?;
        self.moment("startTime")?.checked_add(limit).ok()
    }

    /// What it means that the run is in its class at the moment `now`; `None` as long as it has not started.
    pub fn event(&self, now: Timestamp) -> Option<PipelineRunEvent> {
        let class = self.class(now)?;
        let labels = self.metadata.labels.clone().unwrap_or_default();
        let theirs = |key: &String| !OURS.iter().any(|ours| key.starts_with(ours));
        Some(PipelineRunEvent {
            run: self.key(),
            uid: self.metadata.uid.clone().unwrap_or_default(),
            pipeline: self.pipeline(&labels),
            labels: labels.clone().into_iter().filter(|(key, _)| theirs(key)).collect(),
            class,
            reason: self.reason().map(ToOwned::to_owned),
            since: self.since(class),
            builds: self.builds(),
            carries_out: self.carries_out(&labels),
            recorded: self.recorded(class),
            seen: Arc::new(json!({
                "metadata": self.reduced_metadata(),
                "spec": {"pipelineRef": {"name": self.spec["pipelineRef"]["name"]}},
            })),
        })
    }

    /// The part of the run that [`PipelineRun::event`] and [`PipelineRun::record`] look at, as a manifest. A
    /// run can have hundreds of kilobytes of status; this has a few.
    pub fn reduced(&self) -> Self {
        let metadata = self.reduced_metadata();
        let spec = keep([
            ("pipelineRef", self.spec["pipelineRef"].clone()),
            ("pipelineSpec", shipwright_tasks(&self.spec["pipelineSpec"])),
            ("status", self.spec["status"].clone()),
            ("timeouts", self.spec["timeouts"].clone()),
        ]);
        let status = keep([
            ("conditions", self.condition().map_or(Value::Null, |condition| json!([condition]))),
            ("startTime", self.status["startTime"].clone()),
            ("completionTime", self.status["completionTime"].clone()),
            ("pipelineSpec", shipwright_tasks(&self.status["pipelineSpec"])),
        ]);
        Self { metadata, spec, status }
    }

    /// The part of `metadata` that events and records look at.
    fn reduced_metadata(&self) -> ObjectMeta {
        let ObjectMeta { name, namespace, uid, resource_version, labels, annotations, .. } = &self.metadata;
        let is_record = |key: &String| OURS.iter().any(|ours| key.starts_with(ours));
        let annotations = annotations.clone().map(|annotations| {
            annotations.into_iter().filter(|(key, _)| is_record(key)).collect::<BTreeMap<_, _>>()
        });
        ObjectMeta {
            name: name.clone(),
            namespace: namespace.clone(),
            uid: uid.clone(),
            resource_version: resource_version.clone(),
            labels: labels.clone(),
            annotations: annotations.filter(|annotations| !annotations.is_empty()),
            owner_references: self.metadata.owner_references.clone(),
            ..ObjectMeta::default()
        }
    }

    /// What the run is noted to have started, if the note is its own: a run that was made by copying another
    /// one carries a note of the other. A note that cannot be read is as good as none.
    pub fn record(&self) -> TriggeredBuilds {
        let annotation =
            |key: &str| self.metadata.annotations.as_ref().and_then(|all| all.get(key)).map(String::as_str);
        if annotation(annotations::RECORD_OF) != self.metadata.name.as_deref() {
            return TriggeredBuilds::default();
        }
        TriggeredBuilds::parse(annotation(annotations::TRIGGERED_BUILDS)).unwrap_or_default()
    }

    /// How upstream's controller refers to the run at a status: by the Pipeline that the run names, and all its labels but
    /// upstream's own.
    pub fn upstream_reference(&self, status: &str) -> RecordedReference {
        let name = self.spec["pipelineRef"]["name"].as_str().filter(|name| !name.is_empty());
        let is_theirs = |key: &str| key.starts_with(UPSTREAM);
        let labels = self.metadata.labels.clone().unwrap_or_default().into_iter();
        RecordedReference {
            name: name.map(ToOwned::to_owned),
            status: vec![status.to_owned()],
            selector: labels.filter(|(key, _)| !is_theirs(key)).collect(),
        }
    }

    fn recorded(&self, class: RunClass) -> Vec<String> {
        let record = self.record();
        let names: Vec<_> = [Some(class.name()), self.reason()].into_iter().flatten().collect();
        let builds = record.0.iter().map(|entry| &entry.build_name);
        builds.filter(|build| record.contains(build, &names)).cloned().collect()
    }

    /// By name, or by the label that Tekton sets also when a resolver found the Pipeline. A run with a
    /// pipeline of its own has that label too, with its own name.
    fn pipeline(&self, labels: &BTreeMap<String, String>) -> Option<String> {
        if self.spec["pipelineSpec"].is_object() {
            return None;
        }
        let named = self.spec["pipelineRef"]["name"].as_str().filter(|name| !name.is_empty());
        named.or(labels.get(LABEL_PIPELINE).map(String::as_str)).map(ToOwned::to_owned)
    }

    /// The BuildRun that the Build controller made it for, where it runs builds as PipelineRuns.
    fn carries_out(&self, labels: &BTreeMap<String, String>) -> Option<String> {
        let owners = self.metadata.owner_references.iter().flatten();
        let mut owners = owners.filter(|owner| {
            owner.kind == "BuildRun" && owner.api_version.split('/').next() == Some(shipwright::GROUP)
        });
        let label = labels.get(annotations::LABEL_BUILD_RUN_NAME).cloned();
        label.or_else(|| owners.next().map(|owner| owner.name.clone()))
    }

    /// The Builds that tasks of the pipeline run, as far as they are named.
    fn builds(&self) -> Vec<String> {
        let mut names = Vec::new();
        for spec in [&self.status["pipelineSpec"], &self.spec["pipelineSpec"]] {
            for task in tasks(spec).filter(|task| is_build(&task["taskRef"])) {
                let name = task["taskRef"]["name"].as_str().unwrap_or_default().to_owned();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    fn condition(&self) -> Option<&Value> {
        let mut conditions = self.status["conditions"].as_array().into_iter().flatten();
        conditions.find(|condition| condition["type"] == "Succeeded")
    }

    fn reason(&self) -> Option<&str> {
        self.condition()?["reason"].as_str().filter(|reason| !reason.is_empty())
    }

    fn changed_at(&self) -> Option<Timestamp> {
        self.condition()?["lastTransitionTime"].as_str()?.parse().ok()
    }

    fn moment(&self, field: &str) -> Option<Timestamp> {
        self.status[field].as_str()?.parse().ok()
    }
}

fn tasks(pipeline_spec: &Value) -> impl Iterator<Item = &Value> {
    let part = |name: &str| pipeline_spec[name].as_array().into_iter().flatten();
    part("tasks").chain(part("finally"))
}

/// Whether a reference is to a Build as a custom task, in any version.
fn is_build(reference: &Value) -> bool {
    let group = reference["apiVersion"].as_str().and_then(|version| version.split('/').next());
    group == Some(shipwright::GROUP) && reference["kind"] == "Build"
}

/// Of a pipeline only the tasks that run Builds, in either part.
fn shipwright_tasks(pipeline_spec: &Value) -> Value {
    if !pipeline_spec.is_object() {
        return Value::Null;
    }
    let references =
        tasks(pipeline_spec).map(|task| &task["taskRef"]).filter(|reference| is_build(reference));
    json!({"tasks": references.map(|reference| json!({"taskRef": reference})).collect::<Vec<_>>()})
}

fn keep<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let present = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A time limit as Go writes durations; `None` if it is none at all, which `0` says.
fn time_limit(text: &str) -> Option<Duration> {
    let limit: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(limit).ok().filter(|limit| !limit.is_zero())
}

namespaced_resource!(PipelineRun, "tekton.dev", "v1", "pipelineruns");

#[cfg(test)]
mod tests;
