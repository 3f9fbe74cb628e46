use anyhow::Context;
use data_encoding::BASE64;
use http::StatusCode;
use serde_json::Value;
use trigger_api::shipwright::Build;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_providers::{ALL, Provider, Sample, SampleKind, SampleRequest};
use trigger_runtime::SecretData;

use super::objects::{builds, secrets};
use super::outcome::follow;
use super::playground::Playground;
use super::story::Story;
use crate::sender::{HookResponse, fresh_commit, post};

/// The branch to use where a rule has only patterns.
const EXAMPLE_BRANCH: &str = "example";

/// A signed webhook that some rule waits for.
pub(super) struct WebhookDemo {
    title: String,
    /// The repository, as the Build spells it.
    pub(super) url: String,
    pub(super) provider: &'static dyn Provider,
    pub(super) key: SigningKey,
    request: SampleRequest,
}

/// The key that a webhook is signed with, and where it is stored.
pub(super) struct SigningKey {
    pub(super) secret: ObjectKey,
    pub(super) value: Vec<u8>,
}

impl WebhookDemo {
    /// Finds a push and a pull request that rules of the loaded Builds wait for. Needs the Secret of the Build, to
    /// sign with.
    pub(super) async fn find(playground: &Playground) -> anyhow::Result<Vec<Self>> {
        let mut found = Vec::new();
        for event in ["Push", "PullRequest"] {
            for build in playground.list(&builds()).await? {
                let build: Build = serde_json::from_value(build)?;
                if let Some(demo) = Self::for_build(playground, &build, event).await? {
                    found.push(demo);
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn for_build(playground: &Playground, build: &Build, event: &str) -> anyhow::Result<Option<Self>> {
        let Some(branch) = branch_of(build, event) else { return Ok(None) };
        let Some(git) = build.git() else { return Ok(None) };
        let Ok(repository) = trigger_providers::parse_repository(&git.url) else { return Ok(None) };
        let trigger_secret =
            build.spec.trigger.as_ref().and_then(|trigger| trigger.trigger_secret.as_deref());
        let Some(secret) = trigger_secret.or(git.clone_secret.as_deref()) else { return Ok(None) };
        let secret = ObjectKey::new(build.metadata.namespace.as_deref().unwrap_or_default(), secret);
        let Some((provider, key)) = signing_key(playground, secret).await? else { return Ok(None) };

        let commit = fresh_commit()?.to_string();
        let (title, kind) = if event == "Push" {
            let kind =
                SampleKind::Push { full_ref: format!("refs/heads/{branch}"), commit, files: Vec::new() };
            (format!("A push to {branch} of {repository}"), kind)
        } else {
            let kind = SampleKind::PullRequest {
                number: 7,
                action: "opened".to_owned(),
                base: branch.clone(),
                head: "feature".to_owned(),
                commit,
                fork: None,
                labels: Vec::new(),
            };
            (format!("A pull request for {branch} of {repository}"), kind)
        };
        let sample = Sample { repository, default_branch: "main".to_owned(), sender: "ada".to_owned(), kind };
        let request = provider.compose(&sample)?;
        Ok(Some(Self { title, url: git.url.clone(), provider, key, request }))
    }

    /// Posts the webhook and follows its delivery. False if no rule fired or a run failed.
    pub(super) async fn run(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        story.signed_step(&self.title, &self.key.secret);
        let response = self.post(playground).await?;
        story.response(response.status, &response.body);
        let Some(id) = delivery_id(&response) else { return Ok(false) };
        follow(story, playground, &playground.settled(&id).await?).await
    }

    /// Posts the webhook a second time. False if it is not recognised as a redelivery.
    pub(super) async fn run_again(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        story.step("A redelivery of the first webhook, as after a lost response");
        let response = self.post(playground).await?;
        story.response(response.status, &response.body);
        Ok(response.status == StatusCode::OK)
    }

    async fn post(&self, playground: &Playground) -> anyhow::Result<HookResponse> {
        let (event, body) = (self.request.event, self.request.body.clone());
        post(&playground.hook_url(self.provider), self.provider, event, body, Some(&self.key.value)).await
    }
}

fn delivery_id(response: &HookResponse) -> Option<DeliveryId> {
    let body: Value = serde_json::from_str(&response.body).ok()?;
    body["delivery"].as_str()?.parse().ok()
}

/// A branch for which a rule of the Build waits for `event`.
fn branch_of(build: &Build, event: &str) -> Option<String> {
    let rules = &build.spec.trigger.as_ref()?.when;
    let webhook = rules.iter().filter_map(|rule| rule.github.as_ref());
    let webhook = webhook.into_iter().find(|webhook| webhook.events.iter().any(|name| name == event))?;
    let literal = webhook.branches.iter().find(|branch| !branch.contains(['*', '?', '[']));
    let of_pattern = || webhook.branches.first().map(|pattern| pattern.replace(['*', '?'], EXAMPLE_BRANCH));
    let revision = || build.git().and_then(|git| git.revision.clone());
    literal.cloned().or_else(of_pattern).or_else(revision).or_else(|| Some("main".to_owned()))
}

/// The webhook key in a Secret, for the first provider that has an entry in it.
async fn signing_key(
    playground: &Playground,
    secret: ObjectKey,
) -> anyhow::Result<Option<(&'static dyn Provider, SigningKey)>> {
    let Some(object) = playground.get(&secrets(), &secret).await? else { return Ok(None) };
    let Some(data) = object["data"].as_object() else { return Ok(None) };
    let decoded: Result<Vec<_>, _> = data
        .iter()
        .map(|(name, value)| {
            let value = BASE64.decode(value.as_str().unwrap_or_default().as_bytes());
            value.map(|value| (name.clone(), value))
        })
        .collect();
    let decoded = decoded.with_context(|| format!("the data of the Secret {secret} is not base64"))?;
    let data = SecretData::new(decoded);
    let entries = ALL
        .iter()
        .flat_map(|provider| provider.secret_entries().into_iter().map(move |entry| (*provider, entry)));
    for (provider, entry) in entries {
        if let Some((_, value)) = data.webhook_keys(std::slice::from_ref(&entry)).first() {
            let value = value.to_vec();
            return Ok(Some((provider, SigningKey { secret, value })));
        }
    }
    Ok(None)
}
