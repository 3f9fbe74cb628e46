//! Deliveries that wait: for Secrets that could not be read, and for namespaces whose Builds are not known.

use std::sync::Arc;
use std::time::Duration;

use trigger_core::{
    Credential, Delivery, DeliveryId, KeyForm, ObjectKey, Unsigned, Verified, Verifier, WaitingSecret,
    narrowed_id, sign,
};
use trigger_dispatch::{DecideAgain, store_arrival};
use trigger_journal::{AppendOutcome, History, Intake, Record, ReplayOutcome, ReplayRequest, State};
use trigger_rules::Coverage;

use super::{KEY, World, build, push};

/// The delivery as it is stored for team-b, whose Secrets `hook` and `spare` could not be read.
fn waiting(delivery: Delivery) -> Verified<Delivery> {
    let tag = sign(KEY, KeyForm::Raw, b"", &delivery.body).unwrap();
    let mut verifier = Verifier::new(delivery, Credential::hmac_sha256(tag).into());
    assert!(verifier.try_key(&ObjectKey::new("team-a", "hook"), "github-token", KEY));
    for name in ["hook", "spare"] {
        verifier.unread(WaitingSecret::new(ObjectKey::new("team-b", name), None));
    }
    verifier.finish_with_waiting(Unsigned::No).unwrap().waiting.remove(0)
}

impl World {
    /// Appends a delivery for team-a and what waits of it for team-b. Returns the ids of both.
    async fn append_waiting(&self, commit: char) -> (DeliveryId, DeliveryId) {
        let waiting = waiting(push(commit));
        let id = waiting.value().id.clone();
        assert_eq!(self.journal.append(waiting).await.unwrap(), AppendOutcome::New);
        (self.append(push(commit)).await.0, id)
    }

    fn hold(&self, secret: &str, key: &[u8]) {
        self.script.keys.lock().unwrap().insert(ObjectKey::new("team-b", secret), key.to_vec());
    }

    async fn until(&self, id: &DeliveryId, reached: impl Fn(&Record) -> bool) -> Record {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let record = self.journal.find(id).await.unwrap().unwrap();
            if reached(&record) {
                return record;
            }
            assert!(std::time::Instant::now() < deadline, "never reached: {record:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test]
async fn a_delivery_that_waited_runs_once_when_its_secret_can_be_read() {
    let world = World::new(&["team-b/web"], |_| {});
    let (received, id) = world.append_waiting('1').await;
    world.synced.send_replace(true);
    let waits = world.until(&id, |record| record.attempts > 2 && record.error.is_some()).await;
    let error = waits.error.unwrap();
    assert!(error.contains("team-b/hook") && error.contains("and 1 more; the delivery waits"), "{error}");
    assert!(waits.launches.is_empty() && waits.decisions.is_empty());
    assert_eq!(world.script.asked("web"), 0);
    let warned = world.script.warned.lock().unwrap().clone();
    assert!(
        warned.len() == 1 && warned[0].starts_with("team-b/web: reading the Secret team-b/hook"),
        "{warned:?}"
    );

    // The other Secret still cannot be read. It silences rules of its own only.
    world.hold("hook", KEY);
    let partly =
        |record: &Record| record.verification.waiting.as_ref().is_some_and(|it| !it.continued_as.is_empty());
    let further = world.until(&id, partly).await.verification.waiting.unwrap().continued_as.remove(0);
    assert_eq!(further, narrowed_id(&received, "team-b", 0));
    assert_eq!(world.ended(&further).await.launches.len(), 1);

    world.hold("spare", b"another key");
    let over = world.ended(&id).await;
    assert_eq!((over.state, over.error, over.launches.len()), (State::Settled, None, 0));
    let waiting = over.verification.waiting.unwrap();
    assert_eq!((waiting.presented, waiting.continued_as), (None, vec![further]));
    assert_eq!(world.script.asked("web"), 1);
}

#[tokio::test]
async fn a_delivery_that_no_key_verifies_starts_nothing_and_forgets_what_was_presented() {
    let world = World::new(&["team-b/web"], |_| {});
    for secret in ["hook", "spare"] {
        world.hold(secret, b"another key");
    }
    let (_, id) = world.append_waiting('1').await;
    world.synced.send_replace(true);
    let over = world.ended(&id).await;
    assert_eq!((over.state, over.error), (State::Settled, None));
    let waiting = over.verification.waiting.unwrap();
    assert!(waiting.presented.is_none() && waiting.continued_as.is_empty(), "{waiting:?}");
    assert_eq!(world.script.asked("web"), 0);
}

#[tokio::test]
async fn a_secret_that_is_never_readable_fails_the_delivery_and_a_replay_waits_again() {
    let world = World::new(&["team-b/web"], |settings| settings.secret_wait = Duration::ZERO);
    let (received, id) = world.append_waiting('1').await;
    world.synced.send_replace(true);
    let failed = world.ended(&id).await;
    let error = failed.error.unwrap();
    assert_eq!(failed.state, State::Failed);
    assert!(error.contains("team-b/hook") && error.contains("--secret-wait"), "{error}");

    for secret in ["hook", "spare"] {
        world.hold(secret, KEY);
    }
    let (request, by, from) = ("once".to_owned(), "ada".to_owned(), "10.0.0.7".to_owned());
    let replay = ReplayRequest { of: id, request, by, from, namespaces: None };
    let ReplayOutcome::New(replay) = world.journal.replay(replay).await.unwrap() else { panic!("not new") };
    let further = narrowed_id(&received, "team-b", 0);
    assert_eq!(
        world.ended(&replay).await.verification.waiting.unwrap().continued_as,
        [narrowed_id(&received, "team-b", 0)]
    );
    assert_eq!(world.ended(&further).await.launches.len(), 1);
}

#[tokio::test]
async fn a_crash_between_the_steps_of_a_resumed_delivery_makes_no_second_one() {
    let world = World::new(&["team-b/web"], |_| {});
    let (received, id) = world.append_waiting('1').await;
    for secret in ["hook", "spare"] {
        world.hold(secret, KEY);
    }
    // The verified delivery was stored, and then the program was killed: the waiting one is claimed once more.
    let mut verifier = {
        let (copy, verification) = waiting(push('1')).into_parts();
        Verifier::resume(&copy, &verification.waiting.unwrap()).unwrap()
    };
    for secret in ["hook", "spare"] {
        assert!(verifier.try_key(&ObjectKey::new("team-b", secret), "github-token", KEY));
    }
    let further = verifier.finish(Unsigned::No).unwrap().narrowed_to("team-b", 0, |_| true).unwrap();
    world.journal.append(further).await.unwrap();
    world.synced.send_replace(true);
    let over = world.ended(&id).await;
    assert_eq!(over.verification.waiting.unwrap().continued_as, [narrowed_id(&received, "team-b", 0)]);
    assert_eq!(world.ended(&narrowed_id(&received, "team-b", 0)).await.launches.len(), 1);
    assert_eq!(world.script.asked("web"), 1);
}

fn without_team_b() -> Coverage {
    Coverage { unseen: [Arc::from("team-b")].into(), is_stale: false }
}

#[tokio::test]
async fn a_delivery_for_a_namespace_whose_builds_are_not_known_yet_is_kept_for_it() {
    let world = World::new(&["team-a/web"], |_| {});
    world.inventory.publish(without_team_b());
    let (theirs, _) = world.append_of("team-b", push('1')).await;
    world.synced.send_replace(true);
    let waits = world.until(&theirs, |record| record.attempts > 2 && record.error.is_some()).await;
    assert!(waits.error.is_some_and(|error| error.contains("namespace team-b are not known yet")));
    let (ours, _) = world.append(push('2')).await;
    assert_eq!(world.ended(&ours).await.launches.len(), 1, "others go on");

    world.inventory.apply(&build("team-b", "app"));
    world.inventory.mark_synced();
    assert_eq!(world.ended(&theirs).await.launches.len(), 1);
    assert_eq!(world.script.asked("app"), 1);
}

#[tokio::test]
async fn a_delivery_that_arrives_again_runs_for_a_namespace_that_had_no_part_in_its_decision() {
    let world = World::new(&["team-a/web"], |_| {});
    world.inventory.publish(without_team_b());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('1')).await;
    assert_eq!(world.ended(&id).await.launches.len(), 1);

    world.inventory.apply(&build("team-b", "app"));
    world.inventory.apply(&build("team-c", "late"));
    world.inventory.mark_synced();
    for (namespace, runs) in [("team-b", 1), ("team-b", 1), ("team-c", 0)] {
        let delivery = push('1');
        let tag = sign(KEY, KeyForm::Raw, b"", &delivery.body).unwrap();
        let mut verifier = Verifier::new(delivery, Credential::hmac_sha256(tag).into());
        assert!(verifier.try_key(&ObjectKey::new(namespace, "hook"), "github-token", KEY));
        let arrival = verifier.finish_with_waiting(Unsigned::No).unwrap();
        store_arrival(world.journal.as_ref(), arrival, None, DecideAgain::Never).await.unwrap();
        let further = world.journal.find(&narrowed_id(&id, namespace, 0)).await.unwrap();
        assert_eq!(usize::from(further.is_some()), runs, "{namespace}");
    }
    world.ended(&narrowed_id(&id, "team-b", 0)).await;
    assert_eq!((world.script.asked("app"), world.script.asked("late")), (1, 0));
    assert_eq!(world.script.asked("web"), 1, "it runs nothing twice");
}
