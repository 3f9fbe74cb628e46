//! Intake before launches: fewer objects are created at a time while Secrets are slow to read.
//!
//! A sender waits for its answer, and the answer for a Secret. A run may start a moment later. Both ask the API server,
//! and creations take as much of it as they can get: a creation costs it five times as much as a read.
//!
//! So the number of creations at a time follows the time that reads take, as a sender on a network follows its losses:
//! a slow read halves it, each fast read adds a little while launches wait. Without reads there is no limit, since
//! no sender waits.
//!
//! Namespaces take turns: one whose deliveries create hundreds of objects delays those of another by one creation.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use trigger_runtime::KeyedSemaphore;

use crate::metrics::Metrics;

/// One creation at a time, in the units of [`State::limit`]. A fast read adds one unit, so that hundreds of them a
/// second add a few creations. Of one Secret there are 200 a second at most.
const UNIT: usize = 25;
/// The limit is never lower: a backlog must shrink, however slow the API server is.
const FEWEST: usize = UNIT;
/// From here on there is no limit. More creations at a time do not make an API server faster.
const MOST: usize = 64 * UNIT;
/// A read up to this time is fast in any case. A tenth of it is usual on an idle API server.
const FAST: Duration = Duration::from_millis(10);
/// Above [`FAST`], a read is slow if it takes so many times as long as the fastest one of the last minute: an API
/// server may be far away.
const SLOW_FACTOR: u32 = 4;
/// The fastest read is that of the current window of time and the one before.
const WINDOW: Duration = Duration::from_secs(30);
/// The shortest time between two cuts: reads that were under way at the same time are slow for one reason.
const ROUND: Duration = Duration::from_millis(50);
/// Without a read for so long there is no intake to protect.
const NO_READS: Duration = Duration::from_millis(250);
/// A creation counts no longer than this. One that takes longer waits for an admission webhook, which must not keep
/// the launches of others waiting.
const COUNTED_FOR: Duration = Duration::from_millis(100);
/// A launch waits no longer than this. Then it is not counted: it must not take the room of a namespace whose turn it is.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The gate that launches pass. Clones share it.
#[derive(Clone)]
pub(crate) struct LaunchGate(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// The first launch of each namespace. The others of the namespace wait for it.
    firsts: KeyedSemaphore<Arc<str>>,
    /// The turn of the launch that gets the next room. The first launches of namespaces wait in the order of arrival.
    turn: tokio::sync::Mutex<()>,
    /// Notified when there may be room for one more.
    freed: Notify,
    metrics: Metrics,
}

#[derive(Debug)]
struct State {
    /// How many creations may run at a time, in parts of one.
    limit: usize,
    running: usize,
    waiting: usize,
    /// When the last launch ended, if any.
    ended: Option<Instant>,
    /// When the limit was cut last.
    cut: Option<Instant>,
    /// When the last read ended.
    read: Option<Instant>,
    window: Instant,
    /// The fastest read in the current window and in the one before.
    fastest: [Option<Duration>; 2],
}

impl LaunchGate {
    pub(crate) fn new(metrics: Metrics) -> Self {
        metrics.launch_slots(MOST / UNIT);
        let state = Mutex::new(State::new(Instant::now()));
        let (firsts, turn) = (KeyedSemaphore::new(1), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { state, firsts, turn, freed: Notify::new(), metrics }))
    }

    /// Runs a creation for a namespace when there is room for it.
    pub(crate) async fn pass<T>(&self, namespace: &Arc<str>, creation: impl Future<Output = T>) -> T {
        let slot = self.enter(namespace).await;
        tokio::pin!(creation);
        if let Ok(created) = timeout(COUNTED_FOR, &mut creation).await {
            return created;
        }
        drop(slot);
        creation.await
    }

    /// Records the time that the API server took for a Secret.
    pub(crate) fn read_took(&self, took: Duration) {
        let mut state = self.state();
        let before = state.has_room();
        state.read_took(took, Instant::now());
        self.0.metrics.launch_slots(state.limit / UNIT);
        let has_more = !before && state.has_room();
        drop(state);
        if has_more {
            self.0.freed.notify_one();
        }
    }

    /// Whether work that can wait should: launches are under way or were a moment ago (`quiet`), or Secrets are slow
    /// to read.
    pub(crate) fn is_busy(&self, quiet: Duration) -> bool {
        self.state().is_busy(quiet, Instant::now())
    }

    /// Waits for room. `None` after the longest wait.
    async fn enter(&self, namespace: &Arc<str>) -> Option<Slot<'_>> {
        let waiting = Waiting::new(self);
        let room = async {
            let _first = self.0.firsts.acquire(Arc::clone(namespace)).await;
            let _turn = self.0.turn.lock().await;
            loop {
                let freed = self.0.freed.notified();
                if waiting.try_enter() {
                    return;
                }
                // Reads may end for good meanwhile: then there is no limit any more, and no read that says so.
                let _ = timeout(NO_READS, freed).await;
            }
        };
        let entered = timeout(LONGEST_WAIT, room).await;
        drop(waiting);
        entered.is_ok().then_some(Slot(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One launch that waits for room. Counted for as long as it is held.
struct Waiting<'a>(&'a LaunchGate);

impl<'a> Waiting<'a> {
    fn new(gate: &'a LaunchGate) -> Self {
        gate.state().waiting += 1;
        Self(gate)
    }

    fn try_enter(&self) -> bool {
        let mut state = self.0.state();
        state.forget_reads(Instant::now());
        let has_room = state.has_room();
        state.running += usize::from(has_room);
        has_room
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting = state.waiting.saturating_sub(1);
    }
}

/// One creation that is under way.
struct Slot<'a>(&'a LaunchGate);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running = state.running.saturating_sub(1);
        state.ended = Some(Instant::now());
        drop(state);
        self.0.0.freed.notify_one();
    }
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            limit: MOST,
            running: 0,
            waiting: 0,
            ended: None,
            cut: None,
            read: None,
            window: now,
            fastest: [None, None],
        }
    }

    fn has_room(&self) -> bool {
        self.limit >= MOST || (self.running + 1) * UNIT <= self.limit
    }

    fn is_busy(&self, quiet: Duration, now: Instant) -> bool {
        let lately = self.ended.is_some_and(|ended| now.saturating_duration_since(ended) < quiet);
        let is_cut = self.cut.is_some_and(|cut| now.saturating_duration_since(cut) < NO_READS);
        self.running + self.waiting > 0 || lately || is_cut
    }

    fn read_took(&mut self, took: Duration, now: Instant) {
        self.forget_reads(now);
        self.read = Some(now);
        if now.saturating_duration_since(self.window) >= WINDOW {
            self.window = now;
            self.fastest = [None, self.fastest[0]];
        }
        let fastest = self.fastest.iter().flatten().fold(took, |fastest, other| fastest.min(*other));
        self.fastest[0] = Some(self.fastest[0].map_or(took, |current| current.min(took)));
        let is_slow = took > FAST.max(fastest * SLOW_FACTOR);
        let was_cut = self.cut.is_some_and(|cut| now.saturating_duration_since(cut) < ROUND);
        if is_slow && !was_cut {
            // The creations that run now are those that were too many. Without any, something else makes reads slow.
            if self.running > 0 {
                self.limit = (self.limit.min(self.running * UNIT) / 2).max(FEWEST);
            }
            self.cut = Some(now);
        } else if !is_slow && self.waiting > 0 {
            self.limit = (self.limit + 1).min(MOST);
        }
    }

    /// Lifts the limit if there is no intake.
    fn forget_reads(&mut self, now: Instant) {
        if self.read.is_none_or(|read| now.saturating_duration_since(read) >= NO_READS) {
            self.limit = MOST;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn slow_reads_cut_the_launches_at_a_time_down_to_one_and_fast_ones_raise_them() {
        let mut now = Instant::now();
        let mut state = State::new(now);
        state.running = 32;
        state.read_took(2 * MS, now);
        let mut limits = vec![state.limit];
        for _ in 0..7 {
            now += ROUND;
            state.read_took(50 * MS, now);
            state.read_took(50 * MS, now);
            limits.push(state.limit);
            state.running = state.limit / UNIT;
        }
        assert_eq!(limits, [64, 16, 8, 4, 2, 1, 1, 1].map(|slots| slots * UNIT));
        state.read_took(2 * MS, now);
        assert_eq!(state.limit, UNIT, "no launch waits for more");
        state.waiting = 1;
        for _ in 0..UNIT {
            state.read_took(2 * MS, now);
        }
        assert_eq!(state.limit, 2 * UNIT);
        state.forget_reads(now + NO_READS);
        assert_eq!(state.limit, MOST, "no sender waits for an answer");
    }

    #[test]
    fn an_api_server_that_is_far_away_is_not_taken_for_a_slow_one() {
        let mut now = Instant::now();
        let mut state = State::new(now);
        state.running = 1;
        state.read_took(40 * MS, now);
        state.read_took(150 * MS, now);
        assert_eq!(state.limit, MOST);
        state.read_took(170 * MS, now);
        assert_eq!(state.limit, FEWEST);
        // One that has become slow for good becomes the measure.
        for _ in 0..3 {
            now += WINDOW;
            state.read_took(170 * MS, now);
        }
        now += ROUND;
        state.read_took(600 * MS, now);
        assert_eq!(state.limit, MOST);
    }

    /// An API server on which each request takes as long as there are others.
    #[derive(Default)]
    struct Busy(AtomicUsize);

    impl Busy {
        async fn serve(&self) -> Duration {
            let others = self.0.fetch_add(1, Ordering::SeqCst);
            let took = 3 * MS * u32::try_from(others + 1).unwrap();
            tokio::time::sleep(took).await;
            self.0.fetch_sub(1, Ordering::SeqCst);
            took
        }
    }

    #[tokio::test(start_paused = true)]
    async fn reads_stay_fast_while_launches_wait_and_every_launch_gets_through() {
        let (gate, namespace) = (LaunchGate::new(Metrics::default()), "team-a".into());
        let busy = Busy::default();
        let launches = join_all((0..400).map(|_| gate.pass(&namespace, busy.serve())));
        let reads = async {
            let mut slow = 0;
            for _ in 0..300 {
                let took = busy.serve().await;
                gate.read_took(took);
                slow += usize::from(took > 30 * MS);
                tokio::time::sleep(3 * MS).await;
            }
            slow
        };
        let (_, slow) = tokio::join!(launches, reads);
        assert!(slow < 15, "{slow} of 300 reads were slow");
    }

    #[tokio::test(start_paused = true)]
    async fn a_creation_that_hangs_does_not_hold_up_the_launches_of_others() {
        let gate = LaunchGate::new(Metrics::default());
        gate.read_took(MS);
        gate.state().running = 1;
        gate.read_took(100 * MS);
        gate.state().running = 0;
        assert_eq!(gate.state().limit, FEWEST);
        let began = Instant::now();
        let namespaces: [Arc<str>; 2] = ["team-a".into(), "team-b".into()];
        let hanging = gate.pass(&namespaces[0], std::future::pending::<()>());
        let other = async {
            gate.pass(&namespaces[1], async {}).await;
            began.elapsed()
        };
        let took = tokio::select! { () = hanging => unreachable!(), took = other => took };
        assert!(took < 2 * COUNTED_FOR, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_with_many_launches_does_not_hold_up_those_of_another() {
        let gate = LaunchGate::new(Metrics::default());
        gate.read_took(MS);
        let many = gate.clone();
        // Ten times as many as have room while reads are slow: most of them go on after the longest wait.
        let many = tokio::spawn(async move {
            loop {
                let gate = many.clone();
                tokio::spawn(async move {
                    gate.pass(&"team-b".into(), tokio::time::sleep(90 * MS)).await;
                });
                many.read_took(100 * MS);
                tokio::time::sleep(9 * MS).await;
            }
        });
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_secs(4)).await;
            let began = Instant::now();
            gate.pass(&"team-a".into(), async {}).await;
            let took = began.elapsed();
            assert!(took < 3 * COUNTED_FOR, "{took:?}");
        }
        many.abort();
    }
}
