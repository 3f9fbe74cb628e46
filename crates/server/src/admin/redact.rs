//! Converts records of the journal to the types of the API, without the parts that the caller may not see.

use futures::StreamExt;
use futures::stream;
use trigger_images::image_changes;
use trigger_journal::{DecisionRecord, LaunchRecord, OutcomeRecord, Record};
use trigger_runtime::{RunRef, Runs};

use super::visibility::Visibility;
use crate::wire::{
    Decision, Delivery, DeliveryDetail, Header, ImageChange, KeyRef, Launch, ObjectName, Rejection,
    ReplayOrigin, Request, RunState, Summary, TriedSecret, Verification,
};

/// The predicate whose found value lists Secrets.
const SECRET_PREDICATE: &str = "secret";
/// How many runs of one delivery are read from the API server.
const MAX_RUN_READS: usize = 100;
/// How many runs are read concurrently.
const CONCURRENT_RUN_READS: usize = 8;

/// A delivery in a list.
pub(super) fn item(record: &Record, visibility: &Visibility<'_>) -> Delivery {
    let delivery = &record.delivery;
    let hidden = is_partly_hidden(record, visibility);
    Delivery {
        id: delivery.id.to_string(),
        source: delivery.source.to_string(),
        event: delivery.event.clone(),
        repository: delivery.repository.as_ref().map(ToString::to_string),
        object: observed(record, visibility),
        received_at: delivery.received_at,
        state: record.state.into(),
        attempts: record.attempts,
        settled_at: record.settled_at,
        due: record.due,
        error: record.error.clone().filter(|_| !hidden),
        summary: summary(visible(&record.decisions, visibility)),
        replay_of: delivery.replay.as_ref().map(|replay| replay.of.to_string()),
        hidden,
    }
}

/// A delivery with its request, verification, decisions and runs.
pub(super) async fn detail(record: &Record, visibility: &Visibility<'_>, runs: &dyn Runs) -> DeliveryDetail {
    let (delivery, verification) = (&record.delivery, &record.verification);
    let hidden = is_partly_hidden(record, visibility);
    let names = |keys: &[trigger_core::ObjectKey]| -> Vec<ObjectName> {
        keys.iter().filter(|key| visibility.can_see(&key.namespace)).map(ObjectName::from).collect()
    };
    DeliveryDetail {
        id: delivery.id.to_string(),
        request: request(record),
        verification: Verification {
            keys: verification
                .keys
                .iter()
                .filter(|key| visibility.can_see(&key.secret.namespace))
                .map(KeyRef::from)
                .collect(),
            route: Some(verification.route.to_string()).filter(|route| !route.is_empty()),
            unsigned: verification.unsigned.is_allowed(),
            without_entry: names(&verification.without_entry),
            observed: observed(record, visibility),
        },
        state: record.state.into(),
        attempts: record.attempts,
        settled_at: record.settled_at,
        due: record.due,
        error: record.error.clone().filter(|_| !hidden),
        images: images(record, visibility),
        decisions: decisions(&record.decisions, visibility),
        launches: launches(record, visibility, runs).await,
        replay: delivery.replay.as_ref().map(ReplayOrigin::from),
        replays: record.replays.iter().map(ToString::to_string).collect(),
        hidden,
    }
}

/// The observed object, if the caller may see its namespace.
fn observed(record: &Record, visibility: &Visibility<'_>) -> Option<ObjectName> {
    record
        .verification
        .observed
        .as_ref()
        .filter(|object| visibility.can_see(&object.namespace))
        .map(ObjectName::from)
}

/// The changed images, if the caller may see the namespace in which the change was observed.
fn images(record: &Record, visibility: &Visibility<'_>) -> Vec<ImageChange> {
    let is_visible = observed(record, visibility).is_some();
    if is_visible {
        image_changes(&record.delivery).iter().map(ImageChange::from).collect()
    } else {
        Vec::new()
    }
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
        path: rejection.path.clone(),
        event: rejection.event.clone(),
        provider_id: rejection.provider_id.clone(),
        repository: rejection.repository.clone(),
        from: rejection.from.clone(),
        tried,
        hidden,
    }
}

fn request(record: &Record) -> Request {
    let delivery = &record.delivery;
    let headers = delivery.headers.iter();
    Request {
        source: delivery.source.to_string(),
        path: delivery.path.to_string(),
        event: delivery.event.clone(),
        provider_id: delivery.provider_id.clone(),
        repository: delivery.repository.as_ref().map(ToString::to_string),
        received_at: delivery.received_at,
        headers: headers.map(|(name, value)| Header { name: name.clone(), value: value.clone() }).collect(),
        body_kept: record.body_kept,
        body_size: record.body_kept.then_some(delivery.body.len()),
    }
}

/// Whether the record concerns a namespace that the caller may not see.
fn is_partly_hidden(record: &Record, visibility: &Visibility<'_>) -> bool {
    !super::visibility::namespaces_of(record).iter().all(|namespace| visibility.can_see(namespace))
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

fn summary<'a>(decisions: impl Iterator<Item = &'a DecisionRecord>) -> Summary {
    let mut summary = Summary::default();
    let mut nearest = None;
    for decision in decisions {
        match &decision.outcome {
            OutcomeRecord::Fired { .. } => summary.started += 1,
            OutcomeRecord::AlsoMatched { .. } => summary.also_matched += 1,
            OutcomeRecord::Skipped { message, .. } => {
                summary.skipped += 1 + decision.further;
                // With several skipped rules, the one with the most passed checks is most likely the intended one.
                let passed = decision.checks.iter().filter(|check| check.passed).count();
                if nearest.is_none_or(|(most, _)| passed > most) {
                    nearest = Some((passed, message));
                }
            }
        }
    }
    if summary.started == 0 {
        summary.nearest = nearest.map(|(_, message)| message.clone());
    }
    summary
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

#[cfg(test)]
mod tests {
    use trigger_core::{ObjectKey, Ordinal, ResourceRef};
    use trigger_journal::CheckRecord;

    use super::*;

    fn skipped(message: &str, passed: usize) -> DecisionRecord {
        let check = |passed| CheckRecord {
            predicate: "branch".to_owned(),
            passed,
            expected: String::new(),
            found: String::new(),
        };
        let checks = std::iter::repeat_n(check(true), passed).chain([check(false)]);
        DecisionRecord {
            owner: ResourceRef::new("shipwright.io", "Build", ObjectKey::new("team-a", "web")),
            event: Ordinal::FIRST,
            rule: "rule".to_owned(),
            index: 0,
            outcome: OutcomeRecord::Skipped { reason: "reason".to_owned(), message: message.to_owned() },
            checks: checks.collect(),
            further: 0,
        }
    }

    #[test]
    fn the_summary_names_the_rule_with_the_most_passed_checks() {
        let far = skipped("another tenant's key", 0);
        let near = skipped("the branch is dev", 2);
        let as_near = skipped("the branch is dev, for a later rule", 2);
        let found = summary([&far, &near, &as_near].into_iter());
        assert_eq!((found.skipped, found.nearest.as_deref()), (3, Some("the branch is dev")));
        let run = ResourceRef::new("shipwright.io", "BuildRun", ObjectKey::new("team-a", "web-1"));
        let fired = DecisionRecord { outcome: OutcomeRecord::Fired { runs: vec![run] }, ..near.clone() };
        let found = summary([&near, &fired].into_iter());
        assert_eq!((found.started, found.skipped, found.nearest), (1, 1, None));
    }
}
