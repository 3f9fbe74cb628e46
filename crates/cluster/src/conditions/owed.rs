use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use tokio::time::Instant;
use trigger_api::annotations;
use trigger_api::shipwright::BuildRun;
use trigger_core::{DeliveryId, ObjectKey};
use trigger_runtime::Backoff;

use crate::triggered_condition::{QUIET, SeenConditions};

/// The number of runs that are remembered, at about half a kilobyte each. Beyond, the runs are listed again when there is
/// room: what is owed is on the cluster.
pub(crate) const MAX_OWED: usize = 10_000;
/// Of one namespace, whose tenants can create runs that look like ours.
pub(crate) const MAX_OWED_OF_NAMESPACE: usize = MAX_OWED / 2;

/// A condition that is due for so long is written beside launches. Without launches it is written at once.
const OVERDUE: Duration = Duration::from_secs(30);
/// A failed write is repeated with these pauses.
const AGAIN: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) };
/// After so many refused writes of one version of a run, the condition is given up.
const TRIES: u32 = 6;
/// How long the launch of a run may miss in the journal: an attempt ends within an hour, the longest claim.
const RECORDED_WITHIN: Duration = Duration::from_hours(1);

/// The runs without a condition.
pub(super) struct OwedConditions {
    delay: Duration,
    runs: HashMap<ObjectKey, OwedRun>,
    of_namespace: HashMap<Arc<str>, usize>,
    /// Whether there was no room for a run.
    has_missed: bool,
    /// The next ones, so that not all runs are looked at for each.
    due: VecDeque<ObjectKey>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct OwedRun {
    pub(super) uid: String,
    pub(super) delivery: DeliveryId,
    pub(super) seen: SeenConditions,
    first_seen: Instant,
    /// When its version last changed.
    changed: Instant,
    tries: u32,
    not_before: Instant,
    is_writing: bool,
    /// The watch that lists it, and the number of its list.
    part: usize,
    listed: u64,
}

/// What to do after a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The condition is there, or never will be.
    Done,
    /// The run has changed since it was seen.
    Changed,
    /// The API server or the journal does not work now.
    Retry,
    /// The launch is not recorded yet.
    NotRecorded,
}

impl OwedConditions {
    /// Runs whose controller does not begin with them are due after `delay`.
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            runs: HashMap::new(),
            of_namespace: HashMap::new(),
            has_missed: false,
            due: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// The runs are listed again.
    pub(super) fn begin(&mut self) {
        self.has_missed = false;
    }

    /// Whether the runs have to be listed again: some had no room, and there is room for many now.
    pub(super) fn wants_list(&self) -> bool {
        self.has_missed && self.runs.len() < MAX_OWED / 4
    }

    /// Takes a run as a watch shows it, in the list of this number.
    pub(super) fn observe(&mut self, run: &BuildRun, (part, listed): (usize, u64), now: Instant) {
        let seen = SeenConditions::read(&run.metadata, run.status.as_ref());
        let (Some(namespace), Some(uid)) = (run.metadata.namespace.as_deref(), run.uid()) else { return };
        let delivery =
            run.annotations().get(annotations::DELIVERY).and_then(|id| id.parse::<DeliveryId>().ok());
        let key = ObjectKey::new(namespace, run.name_any());
        let Some(delivery) = delivery.filter(|_| !seen.is_triggered) else {
            return self.remove(&key);
        };
        if let Some(owed) = self.runs.get_mut(&key).filter(|owed| owed.uid == uid) {
            owed.listed = listed;
            if owed.seen != seen {
                owed.seen = seen;
                owed.changed = now;
                owed.tries = 0;
            }
            return;
        }
        self.remove(&key);
        let of_namespace = self.of_namespace.get(&key.namespace).copied().unwrap_or_default();
        if self.runs.len() >= MAX_OWED || of_namespace >= MAX_OWED_OF_NAMESPACE {
            self.has_missed = true;
            return;
        }
        *self.of_namespace.entry(Arc::clone(&key.namespace)).or_default() += 1;
        let owed = OwedRun {
            uid,
            delivery,
            seen,
            first_seen: now,
            changed: now,
            tries: 0,
            not_before: now,
            is_writing: false,
            part,
            listed,
        };
        self.runs.insert(key, owed);
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) {
        if self.runs.remove(key).is_none() {
            return;
        }
        if let Some(count) = self.of_namespace.get_mut(&key.namespace) {
            *count -= 1;
            if *count == 0 {
                self.of_namespace.remove(&key.namespace);
            }
        }
    }

    /// Drops the runs of a watch that its last list does not have.
    pub(super) fn listed(&mut self, (part, listed): (usize, u64)) {
        let gone = |owed: &OwedRun| owed.part == part && owed.listed != listed;
        let gone: Vec<_> =
            self.runs.iter().filter(|(_, owed)| gone(owed)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.remove(&key);
        }
    }

    /// The next run whose condition is due. While launches are under way (`is_busy`), only one that is overdue.
    pub(super) fn next(&mut self, is_busy: bool, now: Instant) -> Option<(ObjectKey, OwedRun)> {
        let delay = self.delay;
        while let Some(key) = self.due.pop_front() {
            let Some(owed) = self.runs.get_mut(&key) else { continue };
            if !owed.is_due(delay, is_busy, now) {
                continue;
            }
            owed.is_writing = true;
            return Some((key, owed.clone()));
        }
        None
    }

    /// Looks for the runs that are due.
    pub(super) fn find_due(&mut self, is_busy: bool, now: Instant) {
        let delay = self.delay;
        let due = self.runs.iter().filter(|(_, owed)| owed.is_due(delay, is_busy, now));
        self.due = due.map(|(key, _)| key.clone()).collect();
    }

    /// Takes the outcome of a write. Returns true if the condition is given up.
    pub(super) fn written(
        &mut self,
        key: &ObjectKey,
        wrote: &OwedRun,
        outcome: Outcome,
        now: Instant,
    ) -> bool {
        let Some(owed) = self.runs.get_mut(key).filter(|owed| owed.uid == wrote.uid) else { return false };
        owed.is_writing = false;
        let is_new = owed.seen.version != wrote.seen.version;
        let given_up = match outcome {
            Outcome::Done => {
                self.remove(key);
                return false;
            }
            // The watch has shown the new version meanwhile.
            Outcome::Changed if is_new => return false,
            Outcome::Changed => {
                owed.tries += 1;
                owed.tries >= TRIES
            }
            Outcome::Retry => {
                owed.tries = owed.tries.saturating_add(1);
                false
            }
            Outcome::NotRecorded => {
                owed.tries = owed.tries.saturating_add(1);
                now.saturating_duration_since(owed.first_seen) > RECORDED_WITHIN
            }
        };
        owed.not_before = now + AGAIN.after(owed.tries, 0.5);
        if given_up {
            self.remove(key);
        }
        given_up
    }
}

impl OwedRun {
    fn is_due(&self, delay: Duration, is_busy: bool, now: Instant) -> bool {
        let due = self.due(delay).max(self.not_before);
        let due = if is_busy { due + OVERDUE } else { due };
        !self.is_writing && due <= now
    }

    /// When the run's controller should be quiet.
    fn due(&self, delay: Duration) -> Instant {
        let at_last = self.first_seen + delay;
        match (self.seen.has_ended, self.seen.has_begun) {
            (true, _) => self.changed,
            (false, true) => (self.changed + QUIET).min(at_last.max(self.first_seen + QUIET)),
            (false, false) => at_last,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const DELAY: Duration = Duration::from_secs(10);
    const LIST: (usize, u64) = (0, 1);

    fn run(name: &str, version: &str, conditions: &Value) -> BuildRun {
        let delivery = DeliveryId::derive(&[name.as_bytes()]).to_string();
        let metadata = json!({
            "namespace": "team-a", "name": name, "uid": format!("uid of {name}"), "resourceVersion": version,
            "annotations": {annotations::DELIVERY: delivery},
        });
        serde_json::from_value(json!({"metadata": metadata, "status": {"conditions": conditions}})).unwrap()
    }

    fn succeeded(status: &str) -> Value {
        json!([{"type": "Succeeded", "status": status}])
    }

    fn next(owed: &mut OwedConditions, is_busy: bool, now: Instant) -> Option<String> {
        owed.find_due(is_busy, now);
        owed.next(is_busy, now).map(|(key, _)| key.name.to_string())
    }

    #[test]
    fn a_condition_waits_until_the_controller_is_quiet_and_no_longer_than_the_delay() {
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let mut owed = OwedConditions::new(DELAY);
        owed.observe(&run("begun", "1", &json!([])), LIST, began);
        owed.observe(&run("untouched", "1", &json!([])), LIST, began);
        owed.observe(&run("begun", "2", &succeeded("Unknown")), LIST, at(100));
        owed.observe(&run("begun", "3", &succeeded("Unknown")), LIST, at(800));
        assert_eq!(next(&mut owed, false, at(1700)), None);
        assert_eq!(next(&mut owed, false, at(1800)).as_deref(), Some("begun"));
        assert_eq!(
            next(&mut owed, false, at(9999)),
            None,
            "it is being written, and the other has a moment left"
        );
        assert_eq!(next(&mut owed, false, at(10_000)).as_deref(), Some("untouched"));
        owed.observe(&run("ended", "7", &succeeded("True")), LIST, at(11_000));
        assert_eq!(next(&mut owed, false, at(11_000)).as_deref(), Some("ended"));
        for version in 1..200_u64 {
            let seen = at(20_000 + version * 100);
            owed.observe(&run("restless", &version.to_string(), &succeeded("Unknown")), LIST, seen);
        }
        assert_eq!(next(&mut owed, false, at(31_000)).as_deref(), Some("restless"));
    }

    #[test]
    fn launches_go_first_until_a_condition_is_overdue() {
        let began = Instant::now();
        let mut owed = OwedConditions::new(DELAY);
        owed.observe(&run("ended", "1", &succeeded("True")), LIST, began);
        assert_eq!(next(&mut owed, true, began + OVERDUE - QUIET), None);
        assert_eq!(next(&mut owed, true, began + OVERDUE).as_deref(), Some("ended"));
    }

    #[test]
    fn runs_that_have_their_condition_or_name_no_delivery_are_owed_nothing() {
        let now = Instant::now();
        let mut owed = OwedConditions::new(DELAY);
        owed.observe(&run("web", "1", &json!([])), LIST, now);
        assert_eq!(owed.len(), 1);
        owed.observe(&run("web", "2", &json!([{"type": "Triggered", "status": "True"}])), LIST, now);
        let mut foreign = run("foreign", "1", &json!([]));
        foreign.metadata.annotations = None;
        owed.observe(&foreign, LIST, now);
        assert_eq!(owed.len(), 0);
        owed.observe(&run("deleted", "1", &json!([])), LIST, now);
        owed.observe(&run("kept", "1", &json!([])), (0, 2), now);
        owed.listed((0, 2));
        assert_eq!(owed.runs.keys().map(|key| key.name.as_ref()).collect::<Vec<_>>(), ["kept"]);
    }

    #[test]
    fn a_write_that_conflicts_waits_for_the_version_that_the_watch_shows() {
        let now = Instant::now();
        let mut owed = OwedConditions::new(DELAY);
        owed.observe(&run("web", "1", &succeeded("True")), LIST, now);
        owed.find_due(false, now);
        let (key, wrote) = owed.next(false, now).unwrap();
        owed.observe(&run("web", "2", &succeeded("True")), LIST, now);
        assert!(!owed.written(&key, &wrote, Outcome::Changed, now));
        assert_eq!(next(&mut owed, false, now).as_deref(), Some("web"), "the new version is tried at once");
        let mut later = now;
        let mut tries = 0;
        loop {
            let wrote = owed.runs[&key].clone();
            tries += 1;
            if owed.written(&key, &wrote, Outcome::Changed, later) {
                break;
            }
            later += Duration::from_mins(1);
        }
        assert_eq!((tries, owed.len()), (TRIES, 0), "an API server that refuses every write is left alone");
    }

    #[test]
    fn memory_is_bounded_by_namespace_and_in_all_and_what_had_no_room_is_listed_again() {
        let now = Instant::now();
        let mut owed = OwedConditions::new(DELAY);
        for number in 0..MAX_OWED {
            owed.observe(&run(&format!("run-{number}"), "1", &json!([])), LIST, now);
        }
        assert_eq!((owed.len(), owed.wants_list()), (MAX_OWED_OF_NAMESPACE, false));
        let mut other = run("other", "1", &json!([]));
        other.metadata.namespace = Some("team-b".to_owned());
        owed.observe(&other, LIST, now);
        assert_eq!(owed.len(), MAX_OWED_OF_NAMESPACE + 1, "one namespace leaves room for others");
        let keys: Vec<_> = owed.runs.keys().take(MAX_OWED / 4 + 2).cloned().collect();
        assert!(!owed.wants_list());
        for key in &keys {
            owed.remove(key);
        }
        assert!(owed.wants_list());
    }
}
