//! What a provider sends, and what the program makes of it.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_core::{DeliveryId, RepoId};
use trigger_journal::{OutcomeRecord, Record, State};
use trigger_providers::{Sample, SampleKind, SampleRequest};

use super::{KEY, SHA, World, compose, rule, secret_entry, sign};

/// The name of the Build, and of its Secret, with which [`World::barrier`] works.
pub(super) const SENTINEL: &str = "sentinel";

/// The provider's id of a delivery, where a scenario chooses none.
pub const PROVIDER_ID: &str = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

/// What the program answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub body: String,
}

impl World {
    pub fn sample(&self, kind: SampleKind) -> Sample {
        let repository = RepoId::parse(&self.repository()).unwrap();
        Sample { repository, default_branch: "main".to_owned(), sender: "ada".to_owned(), kind }
    }

    pub fn push(&self, reference: &str, commit: &str) -> Sample {
        self.sample(SampleKind::Push {
            full_ref: reference.to_owned(),
            commit: commit.to_owned(),
            files: Vec::new(),
        })
    }

    pub fn push_main(&self) -> Sample {
        self.push("refs/heads/main", SHA)
    }

    /// A push to `main` that changes files.
    pub fn push_of(&self, commit: &str, files: &[&str]) -> Sample {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        let full_ref = "refs/heads/main".to_owned();
        self.sample(SampleKind::Push { full_ref, commit: commit.to_owned(), files })
    }

    pub fn pull_request(&self, action: &str, head: &str, base: &str) -> Sample {
        self.sample(SampleKind::PullRequest {
            number: 7,
            action: action.to_owned(),
            base: base.to_owned(),
            head: head.to_owned(),
            commit: SHA.to_owned(),
            fork: None,
            labels: Vec::new(),
        })
    }

    /// A change of a pull request for `main` that has labels.
    pub fn labeled(&self, action: &str, labels: &[&str]) -> Sample {
        let mut sample = self.pull_request(action, "feature", "main");
        if let SampleKind::PullRequest { labels: own, .. } = &mut sample.kind {
            own.extend(labels.iter().map(|label| (*label).to_owned()));
        }
        sample
    }

    /// The status of the response to a delivery about a repository without rules.
    pub fn unused(&self) -> StatusCode {
        if self.provider.disables_hooks() { StatusCode::OK } else { StatusCode::NOT_FOUND }
    }

    /// Signs a sample with team-a's key and posts it.
    pub async fn send(&self, sample: &Sample) -> Answer {
        self.send_signed(sample, KEY).await
    }

    pub async fn send_signed(&self, sample: &Sample, key: &str) -> Answer {
        let request = self.compose(sample);
        self.post(request.event, &request.body, Some(key)).await
    }

    /// The request that the provider makes of a sample.
    pub fn compose(&self, sample: &Sample) -> SampleRequest {
        compose(self.provider, sample)
    }

    /// The headers that the provider sends with a body now.
    pub fn sign(&self, event: &str, id: &str, body: &[u8], key: Option<&str>) -> http::HeaderMap {
        sign(self.provider, event, id, body, key)
    }

    /// Posts a body as it is, signed with `key`.
    pub async fn post(&self, event: &str, body: &[u8], key: Option<&str>) -> Answer {
        self.post_with(self.sign(event, PROVIDER_ID, body, key), body).await
    }

    pub async fn post_with(&self, headers: http::HeaderMap, body: &[u8]) -> Answer {
        self.post_to(&self.hook_url(), headers, body).await
    }

    /// Posts to any address, such as that of another replica.
    pub async fn post_to(&self, url: &str, headers: http::HeaderMap, body: &[u8]) -> Answer {
        let request = self.http.post(url).headers(headers).body(body.to_vec());
        let response = request.send().await.unwrap();
        Answer { status: response.status(), body: response.text().await.unwrap() }
    }

    /// Sends a sample that must be accepted; returns its record once it is settled.
    pub async fn deliver(&self, sample: &Sample) -> Record {
        let answer = self.send(sample).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        self.settled(&answer.delivery()).await
    }

    pub async fn settled(&self, id: &DeliveryId) -> Record {
        self.until(&format!("delivery {id} is settled"), || async {
            let record = self.program.journal.find(id).await.unwrap()?;
            matches!(record.state, State::Settled | State::Failed).then_some(record)
        })
        .await
    }

    /// Returns when everything that was sent before is settled: a push to a Build of its own starts a run, and then the
    /// queue is empty.
    pub async fn barrier(&self) {
        static COMMITS: AtomicU64 = AtomicU64::new(1);
        let repository = format!("{}-{SENTINEL}", self.repository());
        if self.rules_of("team-a", SENTINEL).is_none() {
            self.secret("team-a", SENTINEL, &[(&secret_entry(self.provider), SENTINEL)]).await;
            let trigger = json!({"triggerSecret": SENTINEL, "when": [rule("push", &["Push"], &["main"])]});
            self.build_of("team-a", SENTINEL, json!({"url": repository}), trigger).await;
        }
        let commit = format!("{:040x}", COMMITS.fetch_add(1, Ordering::Relaxed));
        let mut push = self.push("refs/heads/main", &commit);
        push.repository = RepoId::parse(&repository).unwrap();
        let record = self.settled(&self.send_signed(&push, SENTINEL).await.delivery()).await;
        assert_eq!(record.launches.len(), 1, "{record:?}");
        self.drained().await;
    }

    /// Returns when every delivery is settled.
    pub async fn drained(&self) {
        self.until("the queue is empty", || async {
            let stats = self.program.journal.stats().await.unwrap();
            (stats.pending + stats.claimed == 0).then_some(())
        })
        .await;
    }

    /// How many BuildRuns there are in team-a and in team-b, behind a barrier.
    pub async fn settled_run_counts(&self) -> (usize, usize) {
        self.barrier().await;
        self.run_counts().await
    }

    /// Fails if anything that was sent before has started a run.
    pub async fn nothing_started(&self) {
        assert_eq!(self.settled_run_counts().await, (0, 0));
    }
}

impl Answer {
    /// The id that the program gave the delivery.
    pub fn delivery(&self) -> DeliveryId {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["delivery"].as_str().unwrap_or_else(|| panic!("no delivery in {self:?}")).parse().unwrap()
    }
}

/// What was decided: `build/rule: fired`, or the reason for skipping; in the order of names.
pub fn decisions(record: &Record) -> Vec<String> {
    let mut found: Vec<_> = record
        .decisions
        .iter()
        .map(|decision| {
            let outcome = match &decision.outcome {
                OutcomeRecord::Fired { .. } => "fired",
                OutcomeRecord::AlsoMatched { .. } => "also-matched",
                OutcomeRecord::Skipped { reason, .. } => reason,
            };
            format!("{}/{}: {outcome}", decision.owner.name(), decision.rule)
        })
        .collect();
    found.sort();
    found
}
