use anyhow::Context;
use data_encoding::BASE64;
use http::StatusCode;
use serde_json::Value;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_journal::State;
use trigger_providers::{Provider, Sample, SampleKind, SampleRequest};

use super::objects::{event_listeners, key, pipeline_runs, secrets, text};
use super::playground::Playground;
use super::story::{self, Story};
use super::webhooks::SigningKey;
use crate::options::default_provider;
use crate::sender::{HookResponse, fresh_commit, post};

/// The interceptor that takes the webhooks of every provider.
const GIT: &str = "git";

/// A signed push to an EventListener of Tekton Triggers that a trigger with the interceptor `git` waits for.
pub(super) struct ListenerDemo {
    listener: ObjectKey,
    title: String,
    provider: &'static dyn Provider,
    key: SigningKey,
    request: SampleRequest,
}

impl ListenerDemo {
    /// Finds a listener with such a trigger. Needs the Secret of the trigger, to sign with.
    pub(super) async fn find(playground: &Playground) -> anyhow::Result<Option<Self>> {
        for listener in playground.list(&event_listeners()).await? {
            let triggers = listener["spec"]["triggers"].as_array().into_iter().flatten();
            let first = |trigger: &Value| trigger["interceptors"][0].clone();
            for interceptor in triggers.map(first).filter(|one| one["ref"]["name"] == GIT) {
                if let Some(found) = Self::of(playground, key(&listener), &interceptor["params"]).await? {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    async fn of(
        playground: &Playground,
        listener: ObjectKey,
        params: &Value,
    ) -> anyhow::Result<Option<Self>> {
        let param = |name: &str| {
            let params = params.as_array().into_iter().flatten();
            params
                .into_iter()
                .find(|param| param["name"] == name)
                .map_or(&Value::Null, |param| &param["value"])
        };
        let Ok(repository) = trigger_providers::parse_repository(text(param("repository"))) else {
            return Ok(None);
        };
        let reference = param("secretRef");
        let secret = ObjectKey::new(listener.namespace.as_ref(), text(&reference["secretName"]));
        let Some(object) = playground.get(&secrets(), &secret).await? else { return Ok(None) };
        let value = text(&object["data"][text(&reference["secretKey"])]);
        let value = BASE64.decode(value.as_bytes());
        let value = value.with_context(|| format!("the data of the Secret {secret} is not base64"))?;
        let provider =
            trigger_providers::by_name(default_provider()).context("the default provider is unknown")?;
        let branch = param("branches")[0].as_str().filter(|branch| !branch.contains(['*', '?', '[']));
        let branch = branch.unwrap_or("main");
        let title = format!("A push to {branch} of {repository}, for the EventListener {listener}");
        let sample = Sample {
            repository,
            default_branch: "main".to_owned(),
            sender: "ada".to_owned(),
            kind: SampleKind::Push {
                full_ref: format!("refs/heads/{branch}"),
                commit: fresh_commit()?.to_string(),
                files: Vec::new(),
            },
        };
        let request = provider.compose(&sample)?;
        Ok(Some(Self { listener, title, provider, key: SigningKey { secret, value }, request }))
    }

    /// Posts the webhook and follows its delivery to the end of its PipelineRuns. False if no trigger fired or a run failed.
    pub(super) async fn run(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        story.signed_step(&self.title, &self.key.secret);
        let url = playground.listener_url(&self.listener);
        let (event, body) = (self.request.event, self.request.body.clone());
        let response = post(&url, self.provider, event, body, Some(&self.key.value)).await?;
        story::listener_response(response.status, &response.body);
        let Some(id) = delivery_id(&response) else { return Ok(false) };
        let record = playground.settled(&id).await?;
        story.decisions(&record);
        let mut succeeded = record.state == State::Settled && response.status == StatusCode::ACCEPTED;
        let created = record.launches.iter().filter(|launch| launch.error.is_none());
        let runs: Vec<_> = created.filter(|launch| *launch.run.kind == *"PipelineRun").collect();
        for launch in &runs {
            let run = &launch.run.key;
            let finished = playground.finished(&pipeline_runs(), run).await?;
            succeeded &= story::tekton_run("PipelineRun", run, &finished, "the simulated Tekton");
        }
        Ok(succeeded && !runs.is_empty())
    }
}

fn delivery_id(response: &HookResponse) -> Option<DeliveryId> {
    response.headers.get("trigger-delivery")?.to_str().ok()?.parse().ok()
}
