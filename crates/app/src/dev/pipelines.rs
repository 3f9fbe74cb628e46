use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::shipwright::Build;
use trigger_api::tekton::{LABEL_PIPELINE_RUN, PipelineRun};
use trigger_core::ObjectKey;
use trigger_dispatch::PipelineRunChange;

use super::objects::{build_runs, builds, custom_runs, key, pipeline_runs, pipelines, text};
use super::outcome::follow;
use super::playground::Playground;
use super::story::{self, Story};

/// A run of a Pipeline of the loaded manifests.
pub(super) struct PipelineDemo {
    pipeline: ObjectKey,
    shows: Shows,
}

/// The purpose of the run.
enum Shows {
    /// A rule of this Build fires when the run ends.
    Rule { build: String },
    /// A custom task of the run builds this Build.
    CustomTask { build: String },
}

impl PipelineDemo {
    /// Finds a Pipeline whose end a rule waits for, and one that has a Build as a task.
    pub(super) async fn find(playground: &Playground) -> anyhow::Result<Vec<Self>> {
        let pipelines = playground.list(&pipelines()).await?;
        let mut found = Vec::new();
        for build in playground.list(&builds()).await? {
            let build: Build = serde_json::from_value(build)?;
            let namespace = build.metadata.namespace.as_deref().unwrap_or_default();
            let exists = |name: &&str| {
                pipelines.iter().any(|pipeline| key(pipeline) == ObjectKey::new(namespace, *name))
            };
            if let Some(name) = awaited_pipeline(&build).as_deref().filter(exists) {
                let build = build.metadata.name.clone().unwrap_or_default();
                found.push(Self { pipeline: ObjectKey::new(namespace, name), shows: Shows::Rule { build } });
                break;
            }
        }
        found.extend(pipelines.iter().find_map(|pipeline| {
            let build = build_of_a_task(pipeline)?;
            Some(Self { pipeline: key(pipeline), shows: Shows::CustomTask { build } })
        }));
        Ok(found)
    }

    /// Creates the PipelineRun and follows what it starts. False if a run failed.
    pub(super) async fn run(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        let ObjectKey { namespace, name } = &self.pipeline;
        story.step(&match &self.shows {
            Shows::Rule { build } => {
                format!("The Pipeline {name} runs; a rule of the Build {build} waits for its end")
            }
            Shows::CustomTask { build } => {
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
        playground.cluster.store().apply(object).await.context("cannot create the PipelineRun")?;
        let finished = playground.finished(&pipeline_runs(), &run).await?;
        let succeeded = story::tekton_run("PipelineRun", &run, &finished, "the simulated Tekton");
        let followed = match &self.shows {
            Shows::Rule { .. } => follow_rule(story, playground, finished).await?,
            Shows::CustomTask { .. } => follow_custom_tasks(story, playground, &run, &finished).await?,
        };
        Ok(succeeded && followed)
    }
}

/// Follows the delivery that the end of a PipelineRun causes.
async fn follow_rule(story: &mut Story, playground: &Playground, finished: Value) -> anyhow::Result<bool> {
    let run: PipelineRun = serde_json::from_value(finished)?;
    let event = run.event(Timestamp::now()).context("the PipelineRun has not started")?;
    let record = playground.observed(&PipelineRunChange::delivery_id(&event)).await?;
    story.observed(&record);
    follow(story, playground, &record).await
}

/// Shows the custom tasks of a PipelineRun and their BuildRuns. False if there is none, or one failed.
async fn follow_custom_tasks(
    story: &Story,
    playground: &Playground,
    run: &ObjectKey,
    finished: &Value,
) -> anyhow::Result<bool> {
    let mut succeeded = false;
    for task in playground.list(&custom_runs()).await? {
        if task["metadata"]["labels"][LABEL_PIPELINE_RUN] != run.name.as_ref() {
            continue;
        }
        succeeded = story::tekton_run("CustomRun", &key(&task), &task, "this program");
        let build_run = text(&task["status"]["extraFields"]["buildRunName"]);
        let build_run = ObjectKey::new(run.namespace.as_ref(), build_run);
        if let Some(object) = playground.get(&build_runs(), &build_run).await? {
            succeeded &= story.build_run(&build_run, &object);
        }
    }
    story.results(finished);
    Ok(succeeded)
}

/// The Pipeline whose success a rule waits for.
fn awaited_pipeline(build: &Build) -> Option<String> {
    let rules = &build.spec.trigger.as_ref()?.when;
    rules.iter().filter(|rule| rule.kind == "Pipeline").find_map(|rule| {
        let object_ref = rule.object_ref.as_ref()?;
        let awaits_success = object_ref.status.iter().any(|status| status == "Succeeded");
        object_ref.name.clone().filter(|_| awaits_success)
    })
}

/// The first Build that is a task of the pipeline.
fn build_of_a_task(pipeline: &Value) -> Option<String> {
    pipeline["spec"]["tasks"].as_array()?.iter().map(|task| &task["taskRef"]).find_map(|reference| {
        let group = reference["apiVersion"].as_str()?.split('/').next();
        let is_build = group == Some(trigger_api::shipwright::GROUP) && reference["kind"] == "Build";
        reference["name"].as_str().filter(|_| is_build).map(ToOwned::to_owned)
    })
}
