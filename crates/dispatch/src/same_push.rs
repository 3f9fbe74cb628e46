//! One run of a target for one push of one commit to one ref, however many hooks deliver the push.
//!
//! Two hooks send two bodies, or one body under two ids: two deliveries. The first one that fires for a target takes the
//! push for it, in an entry of the journal that all replicas share. The decision for a later one is that it was built.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tracing::warn;
use trigger_core::{Commit, DeliveryId, Event, Events, GitEvent, GitEventKind};
use trigger_journal::{ClaimedDelivery, JournalError, Notebook};
use trigger_rules::{Decided, Decision, Outcome};

/// The entries of a namespace. The pushes to one ref are in one entry.
const SLOTS: u8 = 64;
/// The pushes that one entry remembers. The oldest make room, and a hook that is later than that builds once more.
pub(crate) const MAX_PUSHES: usize = 16;
/// The targets that the pushes of one entry remember together. A push to a repository of many Builds takes some KiB.
pub(crate) const MAX_TARGETS: usize = 1024;
/// Two hooks deliver a push within seconds, and within minutes if one is sent again. A later push whose payload has no time
/// of its own is another one.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);

/// The turns of this process at the entries: others than its own are seldom in the way.
pub(crate) struct PushTurns([Mutex<()>; SLOTS as usize]);

/// A push to a ref, or the deletion of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Push {
    /// A digest of repository and ref.
    #[serde(rename = "ref")]
    reference: DeliveryId,
    /// `None` if the ref was deleted.
    commit: Option<Commit>,
    before: Option<Commit>,
    /// Who pushed.
    sender: Option<String>,
    /// When it was pushed, in seconds, if the provider says so.
    at: Option<i64>,
}

/// A push that was built, or is being built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    #[serde(flatten)]
    push: Push,
    /// When the first delivery of it was received.
    received: Timestamp,
    /// The delivery that starts a run, by the UID of the target.
    by: BTreeMap<String, DeliveryId>,
}

impl Default for PushTurns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl Push {
    fn of(event: &GitEvent) -> Option<Self> {
        let (kind, name, commit) = match &event.kind {
            GitEventKind::Push { branch, commit } => ("heads", branch.as_str(), Some(commit)),
            GitEventKind::BranchDeleted { branch } => ("heads", branch.as_str(), None),
            GitEventKind::Tag { tag, commit } => ("tags", tag.as_str(), Some(commit)),
            GitEventKind::TagDeleted { tag } => ("tags", tag.as_str(), None),
            GitEventKind::PullRequest(_)
            | GitEventKind::Moved { .. }
            | GitEventKind::Ping
            | GitEventKind::Other { .. } => return None,
        };
        let repository = event.repository.names.first()?.as_str();
        let reference = DeliveryId::derive(&[repository.as_bytes(), kind.as_bytes(), name.as_bytes()]);
        // Only full ids can be told apart.
        let commit = commit.map(|commit| Commit::parse(commit.as_str())).transpose().ok()?;
        let mark = event.push.clone().unwrap_or_default();
        Some(Self { reference, commit, before: mark.before, sender: event.sender.clone(), at: mark.at })
    }

    /// The entry of the pushes to this ref.
    fn slot(&self) -> u8 {
        self.reference.as_str().bytes().fold(0_u8, |slot, byte| slot.wrapping_mul(31).wrapping_add(byte))
            % SLOTS
    }

    /// Whether `taken`, which `is_last` of this ref, is the same push.
    fn is(&self, taken: &Taken, is_last: bool, received: Timestamp) -> bool {
        let Taken { push, received: then, .. } = taken;
        if (Self { at: None, ..self.clone() }) != (Self { at: None, ..push.clone() }) {
            return false;
        }
        match (self.at, push.at) {
            (Some(at), Some(then)) => at == then,
            // The same change may have been made again: only what nothing came after is the same push.
            _ => is_last && received.duration_since(*then).abs() <= WINDOW,
        }
    }
}

/// Takes the pushes of a delivery for the targets that it starts, and skips the rules of those whose push another delivery
/// has taken. A replay is meant to run, and takes nothing.
pub(crate) async fn skip_repeated(
    claimed: &ClaimedDelivery,
    events: &Events,
    decided: &mut [Decided],
    notebook: &dyn Notebook,
    turns: &PushTurns,
) -> Result<(), JournalError> {
    if claimed.delivery.replay.is_some() {
        return Ok(());
    }
    for ((_, event), decided) in events.iter().zip(decided) {
        let Event::Git(event) = event else { continue };
        let Some(push) = Push::of(event) else { continue };
        for (namespace, targets) in targets(decided, push.commit.is_none()) {
            let entry = Entry { namespace: &namespace, push: &push, turns, notebook };
            let by = entry.take(&targets, &claimed.delivery.id, claimed.delivery.received_at).await?;
            let of_namespace = |decision: &&mut Decision| *decision.target.resource.namespace() == namespace;
            for decision in decided.decisions.iter_mut().filter(of_namespace) {
                if let Some(delivery) = by.get(&*decision.target.uid) {
                    decision.skip_same_push(delivery);
                }
            }
        }
    }
    Ok(())
}

/// The UIDs of the targets that start, by namespace. A deletion is noted for every namespace that it concerns.
fn targets(decided: &Decided, is_deletion: bool) -> BTreeMap<Arc<str>, Vec<Arc<str>>> {
    let mut targets = BTreeMap::<_, Vec<_>>::new();
    for decision in &decided.decisions {
        let target = &decision.target;
        let starts = matches!(decision.outcome, Outcome::Fired(_));
        if starts || is_deletion {
            let uids = targets.entry(Arc::clone(target.resource.namespace())).or_default();
            if starts {
                uids.push(Arc::clone(&target.uid));
            }
        }
    }
    targets
}

struct Entry<'a> {
    namespace: &'a str,
    push: &'a Push,
    turns: &'a PushTurns,
    notebook: &'a dyn Notebook,
}

impl Entry<'_> {
    /// Takes the push for targets. Returns the deliveries that have taken it before, by the UID of the target.
    async fn take(
        &self,
        targets: &[Arc<str>],
        delivery: &DeliveryId,
        received: Timestamp,
    ) -> Result<HashMap<String, DeliveryId>, JournalError> {
        let slot = self.push.slot();
        let name = format!("pushes/{}/{slot}", self.namespace);
        let _turn = match self.turns.0.get(usize::from(slot)) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        loop {
            let entry = self.notebook.entry(&name).await?;
            let revision = entry.as_ref().map_or(0, |entry| entry.revision);
            let mut pushes = entry.map(|entry| read(&name, &entry.text)).unwrap_or_default();
            let (by, changed) = take(&mut pushes, self.push, targets, delivery, received);
            if !changed {
                return Ok(by);
            }
            bound(&mut pushes);
            // A text of strings and numbers can be written.
            let text = serde_json::to_string(&pushes).unwrap_or_default();
            if self.notebook.compare_and_swap(&name, revision, text).await? {
                return Ok(by);
            }
        }
    }
}

fn read(name: &str, text: &str) -> Vec<Taken> {
    serde_json::from_str(text).unwrap_or_else(|error| {
        warn!(name, %error, "the record of pushes cannot be read and begins again");
        Vec::new()
    })
}

/// The deliveries that have taken the push for targets before; and whether `pushes` has changed, in which it is taken for
/// the others.
fn take(
    pushes: &mut Vec<Taken>,
    push: &Push,
    targets: &[Arc<str>],
    delivery: &DeliveryId,
    received: Timestamp,
) -> (HashMap<String, DeliveryId>, bool) {
    let last = pushes.iter().rposition(|taken| taken.push.reference == push.reference);
    if push.commit.is_none() {
        // What was pushed before the deletion may be pushed once more.
        let is_noted =
            last.is_none_or(|last| pushes.get(last).is_some_and(|taken| taken.push.commit.is_none()));
        if !is_noted {
            pushes.push(Taken { push: push.clone(), received, by: BTreeMap::new() });
        }
        return (HashMap::new(), !is_noted);
    }
    // An earlier attempt at the delivery has taken it. Later pushes change nothing.
    let is_own = |uid: &str| pushes.iter().any(|taken| taken.by.get(uid) == Some(delivery));
    let missing: Vec<_> = targets.iter().filter(|uid| !is_own(uid)).map(ToString::to_string).collect();
    if missing.is_empty() {
        return (HashMap::new(), false);
    }
    let mut places = pushes.iter().enumerate();
    let same = places.rfind(|(place, taken)| push.is(taken, last == Some(*place), received));
    let Some(same) = same.map(|(place, _)| place).and_then(|place| pushes.get_mut(place)) else {
        let by = missing.into_iter().map(|uid| (uid, delivery.clone())).collect();
        pushes.push(Taken { push: push.clone(), received, by });
        return (HashMap::new(), true);
    };
    let (mut before, mut changed) = (HashMap::new(), false);
    for uid in missing {
        if let Some(first) = same.by.get(&uid) {
            before.insert(uid, first.clone());
        } else {
            same.by.insert(uid, delivery.clone());
            changed = true;
        }
    }
    (before, changed)
}

/// Forgets the oldest pushes, but not the last one.
fn bound(pushes: &mut Vec<Taken>) {
    let targets = |pushes: &[Taken]| pushes.iter().map(|taken| taken.by.len()).sum::<usize>();
    while pushes.len() > 1 && (pushes.len() > MAX_PUSHES || targets(pushes) > MAX_TARGETS) {
        pushes.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(digit: char) -> Option<Commit> {
        Commit::parse(&digit.to_string().repeat(40)).ok()
    }

    fn push(reference: &str, before: char, after: char, at: Option<i64>) -> Push {
        let (commit, before) = (commit(after), commit(before));
        let reference = DeliveryId::derive(&[reference.as_bytes()]);
        Push { reference, commit, before, sender: Some("ada".to_owned()), at }
    }

    fn deletion(reference: &str) -> Push {
        Push { commit: None, ..push(reference, 'a', 'a', None) }
    }

    /// Plays deliveries in order: the push, the seconds of its receipt, and the delivery that is expected to have built it
    /// for the target before.
    #[track_caller]
    fn check(deliveries: &[(&str, Push, i64, Option<&str>)]) {
        let id = |name: &str| DeliveryId::derive(&[name.as_bytes()]);
        let mut pushes = Vec::new();
        for (name, push, second, expected) in deliveries {
            let received = Timestamp::from_second(*second).unwrap();
            let (by, _) = take(&mut pushes, push, &["uid".into()], &id(name), received);
            assert_eq!(by.get("uid"), expected.map(id).as_ref(), "{name}");
        }
    }

    #[test]
    fn one_push_that_two_hooks_deliver_is_built_once() {
        for at in [None, Some(7)] {
            let pushed = || push("main", 'a', 'b', at);
            check(&[("1", pushed(), 0, None), ("2", pushed(), 3, Some("1")), ("3", pushed(), 9, Some("1"))]);
            check(&[("1", pushed(), 0, None), ("1", pushed(), 0, None)]);
        }
    }

    #[test]
    fn other_pushes_are_built() {
        let main = || push("main", 'a', 'b', None);
        check(&[
            ("1", main(), 0, None),
            ("another ref", push("dev", 'a', 'b', None), 1, None),
            ("another commit", push("main", 'b', 'c', None), 2, None),
            ("back to an older commit", push("main", 'c', 'b', None), 3, None),
            ("back and forth", push("main", 'b', 'c', None), 4, None),
            ("by another person", Push { sender: None, ..push("main", 'b', 'c', None) }, 5, None),
        ]);
        check(&[("1", main(), 0, None), ("after the window", main(), 601, None)]);
        // A provider that gives the time of the push is believed.
        let timed = |at| push("main", 'a', 'b', Some(at));
        check(&[
            ("1", timed(7), 0, None),
            ("pushed later", timed(9), 2, None),
            ("late", timed(7), 9000, Some("1")),
        ]);
    }

    #[test]
    fn a_ref_that_was_deleted_may_be_pushed_again() {
        let tag = || push("v1", '0', 'b', None);
        check(&[
            ("1", tag(), 0, None),
            ("2", tag(), 1, Some("1")),
            ("deleted", deletion("v1"), 2, None),
            ("again", tag(), 3, None),
            ("again by another hook", tag(), 4, Some("again")),
        ]);
    }

    #[test]
    fn a_retry_keeps_the_push_that_it_took_whatever_came_since() {
        check(&[
            ("1", push("main", 'a', 'b', None), 0, None),
            ("2", push("main", 'b', 'c', None), 1, None),
            ("1", push("main", 'a', 'b', None), 0, None),
            ("3", push("main", 'b', 'c', None), 2, Some("2")),
        ]);
    }

    #[test]
    fn the_memory_is_bounded_and_survives_json() {
        let mut pushes = Vec::new();
        let uids: Vec<Arc<str>> = (0..100).map(|uid| uid.to_string().into()).collect();
        for number in 0..100_u32 {
            let id = DeliveryId::derive(&[&number.to_be_bytes()]);
            take(&mut pushes, &push(&number.to_string(), 'a', 'b', None), &uids, &id, Timestamp::UNIX_EPOCH);
            bound(&mut pushes);
        }
        assert_eq!(pushes.len(), MAX_TARGETS / 100);
        let json = serde_json::to_string(&pushes).unwrap();
        assert_eq!(read("entry", &json), pushes);
        assert_eq!(read("entry", "{"), []);
    }
}
