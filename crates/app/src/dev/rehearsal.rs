use anyhow::Context;
use data_encoding::BASE64;
use serde_json::Value;
use trigger_api::shipwright::{Build, Condition};
use trigger_core::{DeliveryId, ObjectKey, RepoId};
use trigger_journal::{OutcomeRecord, Record, State};
use trigger_providers::{GitHub, Provider, Sample, SampleKind, SampleRequest};
use trigger_runtime::SecretData;

use super::playground::{Playground, builds};
use super::story::{self, Story};
use crate::sender::{Answer, fresh_commit, post};

/// A branch to use where a rule names only patterns.
const STAND_IN: &str = "example";

/// An event that is sent to the program, and that some rule waits for.
pub(crate) struct Rehearsal {
    /// What it is, in words.
    pub(super) title: String,
    /// The repository, as the Build spells it.
    pub(super) url: String,
    /// The Secret that it is signed with.
    pub(super) secret: ObjectKey,
    key: Vec<u8>,
    request: SampleRequest,
}

impl Rehearsal {
    /// A push and a pull request that rules of the loaded Builds wait for, as far as there are such rules
    /// and Secrets to sign with.
    pub(crate) async fn of(playground: &Playground) -> anyhow::Result<Vec<Self>> {
        let mut found = Vec::new();
        for event in ["Push", "PullRequest"] {
            for build in playground.list(&builds()).await? {
                let build: Build = serde_json::from_value(build)?;
                if let Some(rehearsal) = Self::for_build(playground, &build, event).await? {
                    found.push(rehearsal);
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn for_build(playground: &Playground, build: &Build, event: &str) -> anyhow::Result<Option<Self>> {
        let Some(branch) = branch_of(build, event) else { return Ok(None) };
        let Some(git) = build.git() else { return Ok(None) };
        let Ok(repository) = RepoId::parse(&git.url) else { return Ok(None) };
        let trigger_secret =
            build.spec.trigger.as_ref().and_then(|trigger| trigger.trigger_secret.as_deref());
        let Some(secret) = trigger_secret.or(git.clone_secret.as_deref()) else { return Ok(None) };
        let secret = ObjectKey::new(build.metadata.namespace.as_deref().unwrap_or_default(), secret);
        let Some(key) = key(playground, &secret).await? else { return Ok(None) };

        let commit = fresh_commit()?.to_string();
        let (title, kind) = if event == "Push" {
            let kind = SampleKind::Push { full_ref: format!("refs/heads/{branch}"), commit };
            (format!("A push to {branch} of {repository}"), kind)
        } else {
            let kind = SampleKind::PullRequest {
                number: 7,
                action: "opened".to_owned(),
                base: branch.clone(),
                head: "feature".to_owned(),
                commit,
                fork: None,
            };
            (format!("A pull request for {branch} of {repository}"), kind)
        };
        let sample = Sample { repository, default_branch: "main".to_owned(), sender: "ada".to_owned(), kind };
        Ok(Some(Self { title, url: git.url.clone(), secret, key, request: GitHub.compose(&sample) }))
    }

    /// Sends it and tells what becomes of it. False if no rule fired or a run failed.
    pub(crate) async fn play(&self, story: &mut Story, playground: &Playground) -> anyhow::Result<bool> {
        story.sending(&format!("{}, signed with the Secret {}", self.title, self.secret));
        let (answer, id) = self.send(playground).await?;
        story::answered(&answer);
        let Some(id) = id else { return Ok(false) };
        let record = playground.settled(&id).await?;
        story::decided(&record);
        all_built(playground, &record).await
    }

    /// Sends it a second time and tells that nothing runs twice.
    pub(crate) async fn play_again(
        &self,
        story: &mut Story,
        playground: &Playground,
    ) -> anyhow::Result<bool> {
        story.sending("The first delivery once more, as a provider would that got no answer");
        let (answer, _) = self.send(playground).await?;
        story::answered(&answer);
        Ok(answer.status == http::StatusCode::OK)
    }

    async fn send(&self, playground: &Playground) -> anyhow::Result<(Answer, Option<DeliveryId>)> {
        let (event, body) = (self.request.event, self.request.body.clone());
        let answer = post(&playground.hook_url(), &GitHub, event, body, Some(&self.key)).await?;
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let id = body["delivery"].as_str().and_then(|id| id.parse().ok());
        Ok((answer, id))
    }
}

/// Tells how what a delivery has started ends. False if it has started nothing, or something failed.
pub(super) async fn all_built(playground: &Playground, record: &Record) -> anyhow::Result<bool> {
    let mut good = record.state == State::Settled;
    let mut runs = 0;
    for run in fired(record) {
        let object = playground.finished(run).await?;
        good &= story::built(run, &object);
        runs += 1;
    }
    Ok(good && runs > 0)
}

fn fired(record: &Record) -> impl Iterator<Item = &ObjectKey> {
    record.decisions.iter().filter_map(|decision| match &decision.outcome {
        OutcomeRecord::Fired { run } => Some(run),
        _ => None,
    })
}

/// A branch for which a rule of the Build waits for `event`.
fn branch_of(build: &Build, event: &str) -> Option<String> {
    let rules = &build.spec.trigger.as_ref()?.when;
    let condition = rules.iter().find_map(|rule| match rule.condition() {
        Ok(Condition::GitHub(condition)) if condition.events.iter().any(|named| named == event) => {
            Some(condition)
        }
        _ => None,
    })?;
    let literal = condition.branches.iter().find(|branch| !branch.contains(['*', '?', '[']));
    let of_pattern = || condition.branches.first().map(|pattern| pattern.replace(['*', '?'], STAND_IN));
    let revision = || build.git().and_then(|git| git.revision.clone());
    literal.cloned().or_else(of_pattern).or_else(revision).or_else(|| Some("main".to_owned()))
}

async fn key(playground: &Playground, secret: &ObjectKey) -> anyhow::Result<Option<Vec<u8>>> {
    let secrets = trigger_devcluster::Gvr::new("", "v1", "secrets");
    let Some(object) = playground.get(&secrets, secret).await? else { return Ok(None) };
    let Some(data) = object["data"].as_object() else { return Ok(None) };
    let decoded: Result<Vec<_>, _> = data
        .iter()
        .map(|(name, value)| {
            let value = BASE64.decode(value.as_str().unwrap_or_default().as_bytes());
            value.map(|value| (name.clone(), value))
        })
        .collect();
    let data = SecretData::new(decoded.with_context(|| format!("the Secret {secret} is not base64"))?);
    Ok(data.webhook_keys(&GitHub.secret_keys()).first().map(|key| key.to_vec()))
}
