//! The state machine of the election, without I/O.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{DEADLINE, DURATION};

/// A Lease as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// The holder; `None` if it was released.
    pub(super) holder: Option<Arc<str>>,
    /// `leaseDurationSeconds`, if it is set.
    pub(super) duration: Option<Duration>,
    /// `renewTime`, which changes with each renewal. Only compared for equality: it is the time of another clock.
    pub(super) renewed: Option<String>,
    /// `leaseTransitions`: how often the holder has changed.
    pub(super) transitions: i32,
    /// `metadata.resourceVersion`, with which a write fails if another replica wrote first.
    pub(super) version: Option<String>,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// There is no Lease: create one with this replica as holder.
    Create,
    /// Replace the holder of this version of the Lease.
    Take(Seen),
    /// Renew this version of the Lease.
    Renew(Seen),
    /// Another replica holds it.
    Wait,
}

/// The knowledge of a candidate.
#[derive(Debug)]
pub(super) struct ElectionState {
    us: Arc<str>,
    /// The Lease as it was read last, and since when it is unchanged. The inner `None`: there is no Lease.
    seen: Option<(Option<Seen>, Instant)>,
    /// Until when this replica leads.
    until: Option<Instant>,
}

impl ElectionState {
    pub(super) fn new(us: Arc<str>) -> Self {
        Self { us, seen: None, until: None }
    }

    /// Records the Lease of a response that arrived at `now`.
    pub(super) fn note(&mut self, lease: Option<Seen>, now: Instant) {
        if !lease.as_ref().is_some_and(|lease| self.is_ours(lease)) {
            self.until = None;
        }
        let since = match &self.seen {
            // A change of its labels, for example, is no renewal.
            Some((before, since)) if is_same_term(before.as_ref(), lease.as_ref()) => *since,
            _ => now,
        };
        self.seen = Some((lease, since));
    }

    /// Records that this replica holds the Lease, by a request that was sent at `begun`.
    pub(super) fn won(&mut self, lease: Seen, begun: Instant) {
        self.note(Some(lease), begun);
        self.until = Some(begun + DEADLINE);
    }

    /// Records that the Lease has changed since it was read.
    pub(super) fn look_again(&mut self) {
        if let Some((Some(seen), _)) = &mut self.seen {
            seen.version = None;
        }
    }

    /// Until when this replica leads, if it does.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Records that the leadership has expired.
    pub(super) fn lost(&mut self) {
        self.until = None;
        self.look_again();
    }

    /// The holder, as far as is known.
    pub(super) fn leader(&self) -> Option<Arc<str>> {
        self.seen.as_ref()?.0.as_ref()?.holder.clone()
    }

    /// The step at `now`; `None` if the Lease has to be read first.
    pub(super) fn step(&self, now: Instant) -> Option<Step> {
        let (lease, since) = self.seen.as_ref()?;
        let Some(lease) = lease else { return Some(Step::Create) };
        lease.version.as_ref()?;
        let duration = lease.duration.unwrap_or(DURATION);
        Some(match &lease.holder {
            None => Step::Take(lease.clone()),
            Some(holder) if *holder == self.us => Step::Renew(lease.clone()),
            Some(_) if now.saturating_duration_since(*since) >= duration => Step::Take(lease.clone()),
            Some(_) => Step::Wait,
        })
    }

    fn is_ours(&self, lease: &Seen) -> bool {
        lease.holder.as_ref() == Some(&self.us)
    }
}

fn is_same_term(one: Option<&Seen>, other: Option<&Seen>) -> bool {
    let term = |seen: &Seen| (seen.holder.clone(), seen.renewed.clone(), seen.transitions);
    one.map(term) == other.map(term)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term() -> ElectionState {
        ElectionState::new("us".into())
    }

    fn lease(holder: Option<&str>, renewed: u64) -> Seen {
        Seen {
            holder: holder.map(Arc::from),
            duration: Some(DURATION),
            renewed: Some(renewed.to_string()),
            transitions: 0,
            version: Some(format!("v{renewed}")),
        }
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn what_was_seen_decides_what_is_done() {
        let now = Instant::now();
        for (what, seen, expected) in [
            ("there is none", None, Step::Create),
            ("released", Some(lease(None, 1)), Step::Take(lease(None, 1))),
            ("ours already", Some(lease(Some("us"), 1)), Step::Renew(lease(Some("us"), 1))),
            ("another's", Some(lease(Some("them"), 1)), Step::Wait),
        ] {
            let mut term = term();
            assert_eq!(term.step(now), None, "nothing was read yet");
            term.note(seen, now);
            assert_eq!(term.step(now), Some(expected), "{what}");
            assert_eq!(term.until(), None, "{what}: reading makes no replica lead");
        }
    }

    /// The clock of the holder may say anything; so may ours.
    #[test]
    fn a_lease_is_taken_when_it_has_not_changed_for_its_duration_by_our_own_clock() {
        let begun = Instant::now();
        let mut term = term();
        for second in 0..=60 {
            let now = begun + seconds(second);
            // It is renewed until the second 30, with times that lie in any order.
            term.note(Some(lease(Some("them"), 1000 - second.min(30))), now);
            let expected = second >= 45;
            assert_eq!(matches!(term.step(now), Some(Step::Take(_))), expected, "in second {second}");
        }
    }

    #[test]
    fn the_holder_says_for_how_long_it_wants_it_left_alone() {
        let begun = Instant::now();
        for (duration, taken_after) in [(Some(seconds(1)), 1), (Some(seconds(40)), 40), (None, 15)] {
            let mut term = term();
            term.note(Some(Seen { duration, ..lease(Some("them"), 1) }), begun);
            assert_eq!(term.step(begun + seconds(taken_after - 1)), Some(Step::Wait));
            assert!(matches!(term.step(begun + seconds(taken_after)), Some(Step::Take(_))));
        }
    }

    #[test]
    fn a_change_of_labels_is_no_renewal() {
        let begun = Instant::now();
        let mut term = term();
        term.note(Some(lease(Some("them"), 1)), begun);
        let labelled = Seen { version: Some("later".to_owned()), ..lease(Some("them"), 1) };
        term.note(Some(labelled.clone()), begun + seconds(10));
        assert_eq!(term.step(begun + seconds(15)), Some(Step::Take(labelled)), "by the version it has now");
    }

    #[test]
    fn a_leader_lets_go_before_another_may_take_over() {
        let begun = Instant::now();
        let mut leader = term();
        leader.won(lease(Some("us"), 1), begun);
        // It took effect at once, and was seen at the same moment.
        let mut other = ElectionState::new("them".into());
        other.note(Some(lease(Some("us"), 1)), begun);
        let until = leader.until().unwrap();
        assert!(matches!(other.step(until + super::super::STEP_DOWN_GRACE), Some(Step::Wait)));
        assert_eq!(until, begun + DEADLINE, "counted from before the request was sent");
        leader.won(lease(Some("us"), 2), begun + seconds(8));
        assert_eq!(leader.until(), Some(begun + seconds(8) + DEADLINE));
    }

    #[test]
    fn who_sees_another_hold_it_leads_no_more() {
        let now = Instant::now();
        for seen in [Some(lease(Some("them"), 2)), Some(lease(None, 2)), None] {
            let mut term = term();
            term.won(lease(Some("us"), 1), now);
            term.note(seen.clone(), now);
            assert_eq!(term.until(), None, "{seen:?}");
        }
    }

    #[test]
    fn a_write_that_was_refused_has_the_lease_read_again() {
        let now = Instant::now();
        let mut term = term();
        term.won(lease(Some("us"), 1), now);
        term.look_again();
        assert_eq!(term.step(now), None);
        assert!(term.until().is_some(), "we lead until the time is up or another is seen to");
        term.lost();
        assert_eq!((term.step(now), term.until()), (None, None));
    }
}
