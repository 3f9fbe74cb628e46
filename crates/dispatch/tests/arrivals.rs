//! What is stored when a delivery arrives again, over a real journal. No dispatcher runs: a test settles what it claims.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy's leave for tests does not reach the functions that they share"
)]

use std::time::Duration;

use trigger_core::{
    Arrival, Credential, Delivery, DeliveryId, ObjectKey, Ordinal, ResourceRef, Unsigned, Verified, Verifier,
    WaitingSecret, narrowed_id, narrowed_id_of_secret,
};
use trigger_dispatch::{DecideAgain, Stored, store_arrival};
use trigger_journal::{
    AppendOutcome, CheckRecord, ClaimRequest, DecisionRecord, History, Intake, OutcomeRecord, Queue, Record,
    Retention, Settlement, SqliteJournal, sqlite,
};

struct Scene {
    journal: SqliteJournal,
    _folder: tempfile::TempDir,
}

fn received() -> DeliveryId {
    DeliveryId::derive(&[b"received"])
}

fn secret(name: &str) -> ObjectKey {
    let (namespace, name) = name.split_once('/').unwrap();
    ObjectKey::new(namespace, name)
}

/// The delivery with the keys of these Secrets.
fn by(secrets: &[&str]) -> Verified<Delivery> {
    let delivery = Delivery {
        id: received(),
        source: "forge".into(),
        path: "/hooks/forge".into(),
        provider_id: None,
        event: "push".to_owned(),
        repository: None,
        received_at: jiff::Timestamp::UNIX_EPOCH,
        headers: Vec::new(),
        body: "{}".into(),
        replay: None,
    };
    let mut verifier = Verifier::new(delivery, Credential::token(b"key").into());
    for name in secrets {
        assert!(verifier.try_key(&secret(name), "token", b"key"));
    }
    verifier.finish(Unsigned::No).unwrap()
}

/// A decision on a rule of a Build with this Secret: it was skipped because of the Secret, or else it fired.
fn decision(name: &str, verified: bool) -> DecisionRecord {
    let secret = secret(name);
    let owner = |kind| ResourceRef::new("shipwright.io", kind, secret.clone());
    let check = CheckRecord {
        predicate: "secret".to_owned(),
        passed: verified,
        expected: name.to_owned(),
        found: String::new(),
    };
    let outcome = if verified {
        OutcomeRecord::Fired { runs: vec![owner("BuildRun")] }
    } else {
        OutcomeRecord::Skipped { reason: "secret-did-not-verify".to_owned(), message: String::new() }
    };
    let (rule, event) = ("push".to_owned(), Ordinal::FIRST);
    DecisionRecord { owner: owner("Build"), rule, index: 0, event, outcome, checks: vec![check], further: 0 }
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = SqliteJournal::open(folder.path().join("journal.db"), sqlite::Options::default());
        Self { journal: journal.unwrap(), _folder: folder }
    }

    async fn arrive(&self, secrets: &[&str]) -> Stored {
        self.arrive_with(secrets, DecideAgain::Never).await
    }

    async fn arrive_with(&self, secrets: &[&str], decide_again: DecideAgain) -> Stored {
        let arrival = Arrival { delivery: by(secrets), waiting: Vec::new() };
        store_arrival(&self.journal, arrival, None, decide_again).await.unwrap()
    }

    /// Settles what is claimable with these decisions, or fails it.
    async fn settle(&self, decisions: &[DecisionRecord], error: Option<&str>) -> usize {
        let claimed = self.journal.claim(ClaimRequest::any(1000, Duration::from_hours(1))).await.unwrap();
        for claimed in &claimed {
            let (decisions, error) = (decisions.to_vec(), error.map(ToOwned::to_owned));
            let settlement = Settlement { decisions, error, ..Settlement::default() };
            self.journal.settle(claimed.token.clone(), settlement).await.unwrap();
        }
        claimed.len()
    }

    async fn find(&self, id: &DeliveryId) -> Option<Record> {
        self.journal.find(id).await.unwrap()
    }

    async fn secrets_of(&self, id: &DeliveryId) -> Vec<String> {
        let record = self.find(id).await.unwrap();
        record.verification.secrets().into_iter().map(ToString::to_string).collect()
    }
}

fn further(namespace: &str, place: usize) -> DeliveryId {
    narrowed_id(&received(), namespace, place)
}

#[tokio::test]
async fn two_hundred_secrets_with_one_key_cost_one_further_delivery() {
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    let names: Vec<_> = (0..200).map(|number| format!("team-b/hook-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let stored = scene.arrive(&names).await;
    assert_eq!(
        (stored.id, stored.outcome, stored.is_first),
        (further("team-b", 0), AppendOutcome::New, false)
    );
    assert_eq!(scene.secrets_of(&further("team-b", 0)).await, names);
    assert_eq!(scene.arrive(&names).await.outcome, AppendOutcome::InProgress);
    assert_eq!(scene.settle(&[], None).await, 2, "the received one and one more");
}

#[tokio::test]
async fn hooks_of_one_tenant_with_keys_of_their_own_run_their_builds_once() {
    let scene = Scene::new();
    let hooks = ["team-a/one", "team-a/two", "team-a/three"];
    scene.arrive(&hooks[..1]).await;
    let decisions = hooks.map(|name| decision(name, name == hooks[0]));
    scene.settle(&decisions, None).await;
    for (place, hook) in hooks[1..].iter().enumerate() {
        let stored = scene.arrive(&[hook]).await;
        assert_eq!((stored.id, stored.outcome), (further("team-a", place), AppendOutcome::New));
        assert_eq!(scene.secrets_of(&further("team-a", place)).await, [*hook]);
        scene.settle(&decisions, None).await;
    }
    for hook in hooks {
        assert_eq!(scene.arrive(&[hook]).await.outcome, AppendOutcome::Settled);
    }
    assert_eq!(scene.arrive(&hooks).await.outcome, AppendOutcome::Settled);
    assert_eq!(scene.settle(&[], None).await, 0);
}

#[tokio::test]
async fn the_hooks_of_one_tenant_that_send_one_event_are_bounded() {
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    let names: Vec<_> = (0..20).map(|number| format!("team-b/hook-{number}")).collect();
    for name in &names {
        scene.arrive(&[name]).await;
    }
    assert_eq!(scene.settle(&[], None).await, 1 + 8);
}

#[tokio::test]
async fn a_renamed_secret_and_a_build_made_again_run_no_old_delivery() {
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    scene.settle(&[decision("team-a/hook", true)], None).await;
    // The Secret has another name now, and another tenant has made a Build since.
    for later in ["team-a/renamed", "team-b/hook"] {
        let stored = scene.arrive(&[later]).await;
        assert_eq!((stored.id, stored.outcome), (received(), AppendOutcome::Settled), "{later}");
    }
    assert_eq!(scene.settle(&[], None).await, 0);
}

#[tokio::test]
async fn a_delivery_of_which_the_key_is_left_takes_nothing_from_a_tenant_that_had_no_turn() {
    let scene = Scene::new();
    scene.arrive(&["team-b/hook"]).await;
    scene.settle(&[decision("team-b/hook", true), decision("team-a/hook", false)], None).await;
    let nothing = Retention { payloads: Duration::ZERO, deliveries: Duration::ZERO, ..Retention::default() };
    while !scene.journal.prune(nothing).await.unwrap().is_empty() {}
    assert!(scene.find(&received()).await.unwrap().decisions.is_empty());
    for old in ["team-b/hook", "team-b/renamed"] {
        assert_eq!(scene.arrive(&[old]).await.outcome, AppendOutcome::Settled, "{old}");
    }
    let stored = scene.arrive(&["team-a/hook"]).await;
    assert_eq!((stored.id, stored.outcome), (further("team-a", 0), AppendOutcome::New));
    scene.settle(&[decision("team-a/hook", true)], None).await;
    assert_eq!(scene.arrive(&["team-a/hook"]).await.outcome, AppendOutcome::Settled, "once");
}

#[tokio::test]
async fn a_tenant_whose_rules_are_not_listed_has_its_turn_once() {
    let left_out = |namespace: &str| {
        let outcome = OutcomeRecord::Skipped { reason: "left-out".to_owned(), message: String::new() };
        DecisionRecord { outcome, checks: Vec::new(), ..decision(&format!("{namespace}/any"), false) }
    };
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    let decisions = [decision("team-a/hook", true), left_out("team-a"), left_out("team-b")];
    scene.settle(&decisions, None).await;
    assert_eq!(scene.arrive(&["team-a/renamed"]).await.outcome, AppendOutcome::Settled);
    for outcome in [AppendOutcome::New, AppendOutcome::InProgress] {
        assert_eq!(scene.arrive(&["team-b/hook"]).await.outcome, outcome);
    }
    assert_eq!(scene.settle(&[], None).await, 1);
}

#[tokio::test]
async fn a_failed_delivery_is_retried_for_its_own_tenant_only() {
    let scene = Scene::new();
    let decisions = [decision("team-a/hook", true), decision("team-b/hook", false)];
    scene.arrive(&["team-a/hook"]).await;
    scene.settle(&decisions, Some("the quota is used up")).await;
    let stored = scene.arrive(&["team-b/hook"]).await;
    assert_eq!((stored.id, stored.outcome), (further("team-b", 0), AppendOutcome::New));
    assert_eq!(scene.settle(&decisions, None).await, 1);
    // Team-b's run exists. Its next arrival neither runs it again nor touches what has failed for team-a.
    assert_eq!(scene.arrive(&["team-b/hook"]).await.outcome, AppendOutcome::Settled);
    assert_eq!(scene.settle(&[], None).await, 0);

    // The key of both verifies this arrival.
    let stored = scene.arrive(&["team-a/hook", "team-b/hook"]).await;
    assert_eq!((stored.id, stored.outcome), (received(), AppendOutcome::Reopened));
    assert_eq!(scene.secrets_of(&received()).await, ["team-a/hook"], "team-b has its own");
    assert_eq!(scene.settle(&[], None).await, 1);
}

#[tokio::test]
async fn a_failed_delivery_is_retried_after_its_secret_was_renamed() {
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    scene.settle(&[decision("team-a/hook", true)], Some("the quota is used up")).await;
    let stored = scene.arrive(&["team-a/renamed"]).await;
    assert_eq!((stored.id, stored.outcome), (received(), AppendOutcome::Reopened));
    assert!(scene.secrets_of(&received()).await.contains(&"team-a/renamed".to_owned()));
}

#[tokio::test]
async fn a_further_delivery_that_failed_is_retried() {
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    scene.settle(&[decision("team-a/hook", true), decision("team-b/hook", false)], None).await;
    scene.arrive(&["team-b/hook"]).await;
    scene.settle(&[decision("team-b/hook", true)], Some("forbidden")).await;
    let stored = scene.arrive(&["team-b/hook"]).await;
    assert_eq!((stored.id, stored.outcome), (further("team-b", 0), AppendOutcome::Reopened));
}

#[tokio::test]
async fn a_further_delivery_of_a_version_before_is_known() {
    let scene = Scene::new();
    let (hook, id) = (secret("team-b/hook"), narrowed_id_of_secret(&received(), &secret("team-b/hook")));
    scene.arrive(&["team-a/hook"]).await;
    let before = by(&["team-b/hook"]).narrowed_to_secret(&hook).unwrap();
    assert_eq!(scene.journal.append(before).await.unwrap(), AppendOutcome::New);
    assert_eq!(scene.arrive(&["team-b/hook"]).await.outcome, AppendOutcome::InProgress);
    let decisions = [decision("team-a/hook", true), decision("team-b/hook", false)];
    assert_eq!(scene.settle(&decisions, None).await, 2);
    assert_eq!(scene.arrive(&["team-b/hook"]).await.outcome, AppendOutcome::Settled);
    assert!(scene.find(&further("team-b", 0)).await.is_none());

    // One more Secret of the namespace is new, and that one only.
    let decisions = [decision("team-b/hook", false), decision("team-b/spare", false)];
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    scene.settle(&decisions, None).await;
    scene.journal.append(by(&["team-b/hook"]).narrowed_to_secret(&hook).unwrap()).await.unwrap();
    scene.settle(&[], Some("forbidden")).await;
    scene.arrive(&["team-b/hook", "team-b/spare"]).await;
    assert_eq!(scene.secrets_of(&further("team-b", 0)).await, ["team-b/spare"]);
    assert_eq!(scene.find(&id).await.unwrap().state, trigger_journal::State::Pending, "retried");
}

#[tokio::test]
async fn many_arrivals_at_one_moment_store_each_key_once() {
    let scene = Scene::new();
    let hooks = ["team-a/hook", "team-b/hook", "team-b/spare", "team-c/hook"];
    let arrivals =
        (0..40).map(|number| number % hooks.len()).map(|place| scene.arrive(&hooks[place..=place]));
    futures::future::join_all(arrivals).await;
    let claimed = scene.journal.claim(ClaimRequest::any(1000, Duration::from_hours(1))).await.unwrap();
    let mut found: Vec<_> = claimed
        .iter()
        .flat_map(|claimed| claimed.verification.secrets().into_iter().map(ToString::to_string))
        .collect();
    found.sort();
    assert_eq!(found, hooks);
}

#[tokio::test]
async fn a_waiting_delivery_is_stored_for_secrets_that_have_not_had_their_turn() {
    let arrival = |unread: &[&str]| {
        let (delivery, _) = by(&["team-a/hook"]).into_parts();
        let mut verifier = Verifier::new(delivery, Credential::token(b"key").into());
        assert!(verifier.try_key(&secret("team-a/hook"), "token", b"key"));
        for name in unread {
            verifier.unread(WaitingSecret::new(secret(name), None));
        }
        verifier.finish_with_waiting(Unsigned::No).unwrap()
    };
    let scene = Scene::new();
    let arrive = async |unread: &[&str]| {
        store_arrival(&scene.journal, arrival(unread), None, DecideAgain::Never).await.unwrap()
    };
    let stored = arrive(&["team-b/hook", "team-c/hook"]).await;
    assert_eq!((stored.id, stored.outcome, stored.waiting), (received(), AppendOutcome::New, 2));
    assert_eq!(arrive(&["team-b/hook"]).await.waiting, 0, "a redelivery waits once");
    let decisions = [decision("team-a/hook", true), decision("team-b/hook", false)];
    assert_eq!(scene.settle(&decisions, None).await, 3);

    let stored = arrive(&["team-b/hook"]).await;
    assert_eq!((stored.outcome, stored.waiting), (AppendOutcome::Settled, 0));
    // Secrets of Builds that were made since.
    let stored = arrive(&["team-b/later", "team-d/hook"]).await;
    assert_eq!((stored.outcome, stored.waiting), (AppendOutcome::Settled, 0));
}

/// A decision on a rule that was skipped for this reason, with a Secret that had verified the delivery.
fn skipped(reason: &str) -> DecisionRecord {
    let outcome = OutcomeRecord::Skipped { reason: reason.to_owned(), message: String::new() };
    DecisionRecord { outcome, ..decision("team-a/hook", true) }
}

#[tokio::test]
async fn a_delivery_that_started_nothing_is_decided_again_if_that_is_wanted() {
    let scene = Scene::new();
    let again = async || scene.arrive_with(&["team-a/hook"], DecideAgain::NothingStarted).await;
    assert_eq!(again().await.outcome, AppendOutcome::New);
    for _ in 0..2 {
        assert_eq!(again().await.outcome, AppendOutcome::InProgress);
        assert_eq!(scene.settle(&[skipped("branch-not-listed")], None).await, 1);
        assert_eq!(scene.arrive(&["team-a/hook"]).await.outcome, AppendOutcome::Settled);
        let stored = again().await;
        assert_eq!((stored.outcome, stored.is_first), (AppendOutcome::Reopened, false));
        assert!(!stored.started_nothing, "it is decided again");
    }
    assert_eq!(scene.settle(&[decision("team-a/hook", true)], None).await, 1);
    assert_eq!(again().await.outcome, AppendOutcome::Settled, "a rule fired");
}

#[tokio::test]
async fn a_push_that_another_delivery_built_is_not_decided_again() {
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    scene.settle(&[skipped("branch-not-listed"), skipped("same-push")], None).await;
    let stored = scene.arrive_with(&["team-a/hook"], DecideAgain::NothingStarted).await;
    assert_eq!(stored.outcome, AppendOutcome::Settled);
    assert_eq!(scene.settle(&[], None).await, 0);
}

#[tokio::test]
async fn a_sender_without_every_key_has_nothing_decided_again() {
    let scene = Scene::new();
    scene.arrive(&["team-a/hook", "team-b/hook"]).await;
    scene.settle(&[skipped("branch-not-listed")], None).await;
    let again =
        async |secrets: &[&str]| scene.arrive_with(secrets, DecideAgain::NothingStarted).await.outcome;
    assert_eq!(again(&["team-a/hook"]).await, AppendOutcome::Settled);
    assert_eq!(again(&["team-b/hook", "team-a/hook"]).await, AppendOutcome::Reopened);
    assert_eq!(scene.settle(&[], None).await, 1);
}

#[tokio::test]
async fn a_further_delivery_is_decided_again_for_its_own_keys() {
    let scene = Scene::new();
    scene.arrive(&["team-a/hook"]).await;
    scene.arrive(&["team-b/hook"]).await;
    scene.settle(&[skipped("branch-not-listed")], None).await;
    let stored = scene.arrive_with(&["team-b/hook"], DecideAgain::NothingStarted).await;
    assert_eq!((stored.id, stored.outcome), (further("team-b", 0), AppendOutcome::Reopened));
    assert_eq!(scene.find(&received()).await.unwrap().state, trigger_journal::State::Settled);
    assert_eq!(scene.settle(&[], None).await, 1);
}
