//! Records of the journal in the words of the API, without what the caller may not see.

use futures::StreamExt;
use futures::stream;
use trigger_dispatch::image_changes;
use trigger_journal::{DecisionRecord, LaunchRecord, OutcomeRecord, Record};
use trigger_runtime::{RunRef, Runs};

use super::visibility::Visibility;
use crate::wire::{
    Decision, Delivery, DeliveryDetail, Header, ImageChange, Launch, ObjectName, Rejection, ReplayOrigin,
    Request, RunNow, Summary, Tried, Verification,
};

/// The predicate whose finding names Secrets.
const SECRET: &str = "secret";
/// How many runs of one delivery are looked after.
const RUNS_LOOKED_AFTER: usize = 100;
/// How many of them side by side.
const SIDE_BY_SIDE: usize = 8;

/// A delivery in a list.
pub(super) fn item(record: &Record, sight: &Visibility<'_>) -> Delivery {
    let delivery = &record.delivery;
    let hidden = hides(record, sight);
    Delivery {
        id: delivery.id.to_string(),
        source: delivery.source.to_string(),
        event: delivery.event.clone(),
        repository: delivery.repository.as_ref().map(ToString::to_string),
        object: observed(record, sight),
        received_at: delivery.received_at,
        state: record.state.into(),
        attempts: record.attempts,
        settled_at: record.settled_at,
        due: record.due,
        fault: record.fault.clone().filter(|_| !hidden),
        summary: summary(seen(&record.decisions, sight)),
        replay_of: delivery.replay.as_ref().map(|replay| replay.of.to_string()),
        hidden,
    }
}

/// Everything known about a delivery.
pub(super) async fn detail(record: &Record, sight: &Visibility<'_>, runs: &dyn Runs) -> DeliveryDetail {
    let (delivery, verification) = (&record.delivery, &record.verification);
    let hidden = hides(record, sight);
    let names = |keys: &[trigger_core::ObjectKey]| -> Vec<ObjectName> {
        keys.iter().filter(|key| sight.sees(&key.namespace)).map(ObjectName::from).collect()
    };
    DeliveryDetail {
        id: delivery.id.to_string(),
        request: request(record),
        verification: Verification {
            secrets: names(&verification.secrets),
            unsigned: verification.unsigned,
            without_entry: names(&verification.without_entry),
            observed: observed(record, sight),
        },
        state: record.state.into(),
        attempts: record.attempts,
        settled_at: record.settled_at,
        due: record.due,
        fault: record.fault.clone().filter(|_| !hidden),
        images: images(record, sight),
        decisions: decisions(&record.decisions, sight),
        launches: launches(record, sight, runs).await,
        replay: delivery.replay.as_ref().map(ReplayOrigin::from),
        replays: record.replays.iter().map(ToString::to_string).collect(),
        hidden,
    }
}

/// The object that it was seen to happen to.
fn observed(record: &Record, sight: &Visibility<'_>) -> Option<ObjectName> {
    record.verification.observed.as_ref().filter(|object| sight.sees(&object.namespace)).map(ObjectName::from)
}

/// The images that have changed, for those who may see where that was seen.
fn images(record: &Record, sight: &Visibility<'_>) -> Vec<ImageChange> {
    let is_seen = observed(record, sight).is_some();
    if is_seen { image_changes(&record.delivery).iter().map(ImageChange::from).collect() } else { Vec::new() }
}

/// A request that was refused.
pub(super) fn refusal(refusal: &trigger_journal::Rejection, sight: &Visibility<'_>) -> Rejection {
    let seen = refusal.tried.iter().filter(|tried| sight.sees(&tried.secret.namespace));
    let tried: Vec<_> =
        seen.map(|tried| Tried { secret: (&tried.secret).into(), finding: tried.finding.clone() }).collect();
    let hidden = tried.len() < refusal.tried.len();
    Rejection {
        id: refusal.delivery.to_string(),
        at: refusal.at,
        times: refusal.times,
        status: refusal.status,
        answer: refusal.answer.clone(),
        reason: Some(refusal.reason.clone()).filter(|_| !hidden),
        source: refusal.source.clone(),
        path: refusal.path.clone(),
        event: refusal.event.clone(),
        provider_id: refusal.provider_id.clone(),
        repository: refusal.repository.clone(),
        from: refusal.from.clone(),
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

/// Whether the record has something that the caller may not see.
fn hides(record: &Record, sight: &Visibility<'_>) -> bool {
    !super::visibility::concerned(record).iter().all(|namespace| sight.sees(namespace))
}

fn seen<'a>(
    decisions: &'a [DecisionRecord],
    sight: &'a Visibility<'_>,
) -> impl Iterator<Item = &'a DecisionRecord> {
    decisions.iter().filter(|decision| sight.sees(&decision.target.namespace))
}

/// The decisions about what the caller may see.
pub(super) fn decisions(decisions: &[DecisionRecord], sight: &Visibility<'_>) -> Vec<Decision> {
    let mut decisions: Vec<_> = seen(decisions, sight).map(Decision::from).collect();
    // Which Secrets did verify the delivery is said to everybody's rules, also to those of other tenants.
    let checks = decisions.iter_mut().flat_map(|decision| &mut decision.checks);
    for check in checks.filter(|check| check.predicate == SECRET) {
        check.found = seen_secrets(&check.found, sight);
    }
    decisions
}

/// The names of Secrets, `another` for those that the caller may not see.
fn seen_secrets(names: &str, sight: &Visibility<'_>) -> String {
    let shown = |name| match str::split_once(name, '/') {
        Some((namespace, _)) if !sight.sees(namespace) => "another",
        _ => name,
    };
    let mut names: Vec<&str> = names.split(", ").map(shown).collect();
    names.dedup();
    names.join(", ")
}

fn summary<'a>(decisions: impl Iterator<Item = &'a DecisionRecord>) -> Summary {
    let mut summary = Summary::default();
    let mut furthest = None;
    for decision in decisions {
        match &decision.outcome {
            OutcomeRecord::Fired { .. } => summary.started += 1,
            OutcomeRecord::AlsoMatched { .. } => summary.also_matched += 1,
            OutcomeRecord::Skipped { message, .. } => {
                summary.skipped += 1;
                // The rule that held longest is the one its owner meant.
                let held = decision.checks.iter().filter(|check| check.passed).count();
                if furthest.is_none_or(|(longest, _)| held > longest) {
                    furthest = Some((held, message));
                }
            }
        }
    }
    if summary.started == 0 {
        summary.nearest = furthest.map(|(_, message)| message.clone());
    }
    summary
}

async fn launches(record: &Record, sight: &Visibility<'_>, runs: &dyn Runs) -> Vec<Launch> {
    let seen = record.launches.iter().filter(|launch| sight.sees(&launch.run.namespace));
    let looks: Vec<_> = seen.enumerate().map(|(place, launch)| launch_now(launch, place, runs)).collect();
    stream::iter(looks).buffered(SIDE_BY_SIDE).collect().await
}

async fn launch_now(launch: &LaunchRecord, place: usize, runs: &dyn Runs) -> Launch {
    let is_there = launch.fault.is_none() && place < RUNS_LOOKED_AFTER;
    let run = RunRef { kind: &launch.kind, key: &launch.run, uid: launch.uid.as_deref() };
    let now = if is_there { Some(RunNow::from(runs.state(run).await)) } else { None };
    Launch {
        kind: launch.kind.clone(),
        run: (&launch.run).into(),
        uid: launch.uid.clone(),
        existed: launch.existed,
        fault: launch.fault.clone(),
        now,
    }
}

#[cfg(test)]
mod tests {
    use trigger_core::ObjectKey;
    use trigger_journal::CheckRecord;

    use super::*;

    fn skipped(message: &str, held: usize) -> DecisionRecord {
        let check = |passed| CheckRecord {
            predicate: "branch".to_owned(),
            passed,
            expected: String::new(),
            found: String::new(),
        };
        let checks = std::iter::repeat_n(check(true), held).chain([check(false)]);
        DecisionRecord {
            kind: "Build".to_owned(),
            target: ObjectKey::new("team-a", "web"),
            rule: "rule".to_owned(),
            index: 0,
            outcome: OutcomeRecord::Skipped { reason: "reason".to_owned(), message: message.to_owned() },
            checks: checks.collect(),
        }
    }

    #[test]
    fn the_rule_that_came_closest_is_the_one_to_hear_of() {
        let far = skipped("another tenant's key", 0);
        let near = skipped("the branch is dev", 2);
        let as_near = skipped("the branch is dev, said by a later rule", 2);
        let found = summary([&far, &near, &as_near].into_iter());
        assert_eq!((found.skipped, found.nearest.as_deref()), (3, Some("the branch is dev")));
        let run = ObjectKey::new("team-a", "web-1");
        let fired = DecisionRecord { outcome: OutcomeRecord::Fired { run }, ..near.clone() };
        let found = summary([&near, &fired].into_iter());
        assert_eq!((found.started, found.skipped, found.nearest), (1, 1, None));
    }
}
