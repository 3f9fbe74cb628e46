use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::shipwright::{self, Build, Condition, PipelineSelector};
use trigger_api::tekton::{LABEL_PIPELINE_RUN, PipelineRun};
use trigger_core::ObjectKey;
use trigger_dispatch::PipelineRunChange;

use super::playground::{Playground, build_runs, builds, custom_runs, pipeline_runs, pipelines};
use super::rehearsal::all_built;
use super::story::{self, Story};

/// A pipeline of the loaded manifests that is run.
pub(crate) struct PipelineRehearsal {
    pipeline: ObjectKey,
    what: What,
}

/// What there is to see.
enum What {
    /// Its end starts a Build.
    Rule { build: String },
    /// A Build is one of its tasks.
    Task { build: String },
}

impl PipelineRehearsal {
    /// A pipeline whose end a rule waits for, and one that has a Build as a task, as far as there are such.
    pub(crate) async fn of(playground: &Playground) -> anyhow::Result<Vec<Self>> {
        let pipelines = playground.list(&pipelines()).await?;
        let mut found = Vec::new();
        for build in playground.list(&builds()).await? {
            let build: Build = serde_json::from_value(build)?;
            let namespace = build.metadata.namespace.as_deref().unwrap_or_default();
            let is_there = |name: &&str| {
                pipelines.iter().any(|pipeline| key(pipeline) == ObjectKey::new(namespace, *name))
            };
            if let Some(name) = awaited(&build).as_deref().filter(is_there) {
                let build = build.metadata.name.clone().unwrap_or_default();
                found.push(Self { pipeline: ObjectKey::new(namespace, name), what: What::Rule { build } });
                break;
            }
        }
        let task = pipelines.iter().find_map(|pipeline| {
            let build = build_of_a_task(pipeline)?;
            Some(Self { pipeline: key(pipeline), what: What::Task { build } })
        });
        found.extend(task);
        Ok(found)
    }

    /// Runs it and tells what becomes of it. False if something failed.
    pub(crate) async fn play(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        let ObjectKey { namespace, name } = &self.pipeline;
        story.sending(&match &self.what {
            What::Rule { build } => {
                format!("The Pipeline {name} runs; a rule of the Build {build} waits for its end")
            }
            What::Task { build } => {
                format!("The Pipeline {name} runs; one of its tasks is the Build {build}")
            }
        });
        let run = ObjectKey::new(namespace.as_ref(), format!("{name}-1"));
        let object = json!({
            "apiVersion": "tekton.dev/v1",
            "kind": "PipelineRun",
            "metadata": {"namespace": namespace.as_ref(), "name": run.name.as_ref()},
            "spec": {"pipelineRef": {"name": name.as_ref()}},
        });
        playground.cluster.store().apply(object).await.context("the PipelineRun is refused")?;
        let ended = playground.over(&pipeline_runs(), &run).await?;
        let good = story::ran("PipelineRun", &run, &ended, "the simulated Tekton");
        let good = good
            & match &self.what {
                What::Rule { .. } => follow_the_rule(playground, ended).await?,
                What::Task { .. } => follow_the_tasks(playground, &run, &ended).await?,
            };
        Ok(good)
    }
}

/// Tells which rules the end of a PipelineRun has fired.
async fn follow_the_rule(playground: &Playground, ended: Value) -> anyhow::Result<bool> {
    let run: PipelineRun = serde_json::from_value(ended)?;
    let change = PipelineRunChange::of(&run, Timestamp::now()).context("the PipelineRun has not started")?;
    let record = playground.appeared(&change.delivery.value().id).await?;
    story::kept(&record);
    story::decided(&record);
    all_built(playground, &record).await
}

/// Tells how the tasks of a PipelineRun that are Builds went.
async fn follow_the_tasks(playground: &Playground, run: &ObjectKey, ended: &Value) -> anyhow::Result<bool> {
    let mut good = false;
    for task in playground.list(&custom_runs()).await? {
        if task["metadata"]["labels"][LABEL_PIPELINE_RUN] != run.name.as_ref() {
            continue;
        }
        let task_key = key(&task);
        good = story::ran("CustomRun", &task_key, &task, "this program");
        let build_run = task["status"]["extraFields"]["buildRunName"].as_str().unwrap_or_default();
        let build_run = ObjectKey::new(run.namespace.as_ref(), build_run);
        if let Some(object) = playground.get(&build_runs(), &build_run).await? {
            good &= story::built(&build_run, &object);
        }
    }
    story::results(ended);
    Ok(good)
}

/// The Pipeline whose success a rule waits for.
fn awaited(build: &Build) -> Option<String> {
    let rules = &build.spec.trigger.as_ref()?.when;
    rules.iter().find_map(|rule| match rule.condition() {
        Ok(Condition::Pipeline(condition)) if condition.status.iter().any(|status| status == "Succeeded") => {
            match condition.pipeline {
                PipelineSelector::Name(name) => Some(name),
                PipelineSelector::Labels(_) => None,
            }
        }
        _ => None,
    })
}

/// The first Build that is a task of the pipeline.
fn build_of_a_task(pipeline: &Value) -> Option<String> {
    pipeline["spec"]["tasks"].as_array()?.iter().map(|task| &task["taskRef"]).find_map(|reference| {
        let group = reference["apiVersion"].as_str()?.split('/').next();
        let is_build = group == Some(shipwright::GROUP) && reference["kind"] == "Build";
        reference["name"].as_str().filter(|_| is_build).map(ToOwned::to_owned)
    })
}

fn key(object: &Value) -> ObjectKey {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    ObjectKey::new(text("namespace"), text("name"))
}
