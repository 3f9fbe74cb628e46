//! Converts records of the journal to the types of the API, without the parts that the caller may not see.

use futures::StreamExt;
use futures::stream;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_journal::{DecisionRecord, LaunchRecord, Record};
use trigger_runtime::{RunRef, Runs};

use super::deliveries::Found;
use super::listed::Listed;
use super::visibility::{SECRET_PREDICATE, Visibility, owners_of};
use crate::wire::{
    Decision, Delivery, DeliveryDetail, Header, ImageChange, KeyRef, Launch, ObjectName, Rejection,
    ReplayOrigin, Request, RunState, TriedSecret, Verification, Waiting,
};

/// How many runs of one delivery are read from the API server.
const MAX_RUN_READS: usize = 100;
/// How many runs are read concurrently.
const CONCURRENT_RUN_READS: usize = 8;

/// A delivery in a list.
pub(super) fn item(listed: &Listed, visibility: &Visibility<'_>) -> Delivery {
    Delivery {
        id: listed.id.to_string(),
        source: listed.source.to_string(),
        event: listed.event.clone(),
        repository: listed.repository.clone(),
        object: visible_object(listed.object.as_ref(), visibility),
        received_at: listed.received_at,
        state: listed.state.into(),
        attempts: listed.attempts,
        settled_at: listed.settled_at,
        due: listed.due,
        error: listed.error.clone().filter(|_| visibility.can_see_all(&listed.owners)),
        summary: listed.summary(|namespace| visibility.can_see(namespace)),
        replay_of: listed.replay_of.as_ref().map(ToString::to_string),
        hidden: !visibility.can_see_all(&listed.namespaces()),
    }
}

/// A delivery with its request, verification, decisions and runs. `replays` are the visible ones.
pub(super) async fn detail(
    found: &Found,
    replays: Vec<DeliveryId>,
    visibility: &Visibility<'_>,
    runs: &dyn Runs,
) -> DeliveryDetail {
    let record = &found.record;
    let (delivery, verification) = (&record.delivery, &record.verification);
    let names = |keys: &[ObjectKey]| -> Vec<ObjectName> {
        keys.iter().filter(|key| visibility.can_see(&key.namespace)).map(ObjectName::from).collect()
    };
    let keys = verification.keys.iter().filter(|key| visibility.can_see(&key.secret.namespace));
    let namespaces = verification.namespaces.as_ref().map(|namespaces| {
        let visible = namespaces.iter().filter(|namespace| visibility.can_see(namespace));
        visible.map(ToString::to_string).collect()
    });
    let without_entry = [&verification.without_entry[..], &verification.late_without_entry].concat();
    DeliveryDetail {
        id: delivery.id.to_string(),
        request: request(found, visibility),
        verification: Verification {
            keys: keys.map(KeyRef::from).collect(),
            route: Some(visibility.visible_path(&verification.route)).filter(|route| !route.is_empty()),
            unsigned: verification.allows_unsigned(),
            without_entry: names(&without_entry),
            observed: visible_object(verification.observed.as_ref(), visibility),
            listener: visible_object(verification.listener.as_ref(), visibility),
            namespaces,
            waiting: waiting(record, visibility),
        },
        state: record.state.into(),
        attempts: record.attempts,
        settled_at: record.settled_at,
        due: record.due,
        error: record.error.clone().filter(|_| visibility.can_see_all(&owners_of(record))),
        images: images(found, visibility),
        decisions: decisions(&record.decisions, visibility),
        launches: launches(record, visibility, runs).await,
        replay: delivery.replay.as_ref().map(ReplayOrigin::from),
        replays: replays.iter().map(ToString::to_string).collect(),
        hidden: is_partly_hidden(record, visibility) || replays.len() < record.replays.len(),
    }
}

/// The Secrets that the delivery waits for, if the caller may see their namespace.
fn waiting(record: &Record, visibility: &Visibility<'_>) -> Option<Waiting> {
    let waiting = record.verification.waiting.as_ref()?;
    let is_visible = waiting.namespace().is_some_and(|namespace| visibility.can_see(namespace));
    is_visible.then(|| Waiting::from(waiting))
}

/// An object, if the caller may see its namespace.
fn visible_object(object: Option<&ObjectKey>, visibility: &Visibility<'_>) -> Option<ObjectName> {
    object.filter(|object| visibility.can_see(&object.namespace)).map(ObjectName::from)
}

/// The changed images, if the caller may see the namespace in which the change was observed.
fn images(found: &Found, visibility: &Visibility<'_>) -> Vec<ImageChange> {
    let observed = found.record.verification.observed.as_ref();
    let is_visible = visible_object(observed, visibility).is_some();
    if is_visible { found.images.clone() } else { Vec::new() }
}

/// A rejected request.
pub(super) fn rejection(rejection: &trigger_journal::Rejection, visibility: &Visibility<'_>) -> Rejection {
    let visible = rejection.tried.iter().filter(|tried| visibility.can_see(&tried.secret.namespace));
    let tried: Vec<_> = visible
        .map(|tried| TriedSecret { secret: (&tried.secret).into(), finding: tried.finding.clone() })
        .collect();
    let hidden = tried.len() < rejection.tried.len();
    Rejection {
        id: rejection.delivery.to_string(),
        at: rejection.at,
        times: rejection.times,
        status: rejection.status,
        answer: rejection.answer.clone(),
        reason: Some(rejection.reason.clone()).filter(|_| !hidden),
        source: rejection.source.clone(),
        path: visibility.visible_path(&rejection.path),
        event: rejection.event.clone(),
        provider_id: rejection.provider_id.clone(),
        repository: rejection.repository.clone(),
        from: rejection.from.clone().filter(|_| !hidden),
        tried,
        hidden,
    }
}

fn request(found: &Found, visibility: &Visibility<'_>) -> Request {
    let record = &found.record;
    let delivery = &record.delivery;
    let can_read_body = visibility.can_read_body(record);
    let headers = delivery.headers.iter().filter(|_| can_read_body);
    Request {
        source: delivery.source.to_string(),
        path: visibility.visible_path(&delivery.path),
        event: delivery.event.clone(),
        provider_id: delivery.provider_id.clone(),
        repository: delivery.repository.as_ref().map(ToString::to_string),
        received_at: delivery.received_at,
        headers: headers.map(|(name, value)| Header { name: name.clone(), value: value.clone() }).collect(),
        body_kept: record.body_kept,
        body_size: (record.body_kept && can_read_body).then_some(found.body_size),
    }
}

/// Whether the record concerns a namespace that the caller may not see.
fn is_partly_hidden(record: &Record, visibility: &Visibility<'_>) -> bool {
    let rules = record.decisions.iter().map(|decision| decision.owner.namespace());
    let trigger_core::Verification { without_entry, late_without_entry, .. } = &record.verification;
    let without_entry = without_entry.iter().chain(late_without_entry).map(|secret| &secret.namespace);
    let owners = owners_of(record);
    !visibility.can_read_body(record)
        || !owners.iter().chain(rules).chain(without_entry).all(|namespace| visibility.can_see(namespace))
}

fn visible<'a>(
    decisions: &'a [DecisionRecord],
    visibility: &'a Visibility<'_>,
) -> impl Iterator<Item = &'a DecisionRecord> {
    decisions.iter().filter(|decision| visibility.can_see(decision.owner.namespace()))
}

/// The decisions about rules that the caller may see.
pub(super) fn decisions(decisions: &[DecisionRecord], visibility: &Visibility<'_>) -> Vec<Decision> {
    let mut decisions: Vec<_> = visible(decisions, visibility).map(Decision::from).collect();
    // This predicate lists every Secret that verified the delivery, also those of other tenants.
    let checks = decisions.iter_mut().flat_map(|decision| &mut decision.checks);
    for check in checks.filter(|check| check.predicate == SECRET_PREDICATE) {
        check.found = redacted_secrets(&check.found, visibility);
    }
    decisions
}

/// The names of Secrets, with `another` in place of those that the caller may not see.
fn redacted_secrets(names: &str, visibility: &Visibility<'_>) -> String {
    let redact = |name| match str::split_once(name, '/') {
        Some((namespace, _)) if !visibility.can_see(namespace) => "another",
        _ => name,
    };
    let mut names: Vec<&str> = names.split(", ").map(redact).collect();
    names.dedup();
    names.join(", ")
}

async fn launches(record: &Record, visibility: &Visibility<'_>, runs: &dyn Runs) -> Vec<Launch> {
    let visible = record.launches.iter().filter(|launch| visibility.can_see(launch.run.namespace()));
    let reads: Vec<_> = visible.enumerate().map(|(position, one)| launch(one, position, runs)).collect();
    stream::iter(reads).buffered(CONCURRENT_RUN_READS).collect().await
}

async fn launch(launch: &LaunchRecord, position: usize, runs: &dyn Runs) -> Launch {
    let is_read = launch.error.is_none() && position < MAX_RUN_READS;
    let run = RunRef { resource: &launch.run, uid: launch.uid.as_deref() };
    let state = if is_read { Some(RunState::from(runs.state(run).await)) } else { None };
    Launch {
        run: (&launch.run).into(),
        event: launch.event.get(),
        uid: launch.uid.clone(),
        existed: launch.existed,
        error: launch.error.clone(),
        state,
    }
}
