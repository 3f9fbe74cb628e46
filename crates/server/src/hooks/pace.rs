use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::Answer;

/// Failed verifications that a repository may have at once before it is paced.
const BURST: f64 = 30.0;
/// Failed verifications per second that are forgotten.
const FORGIVEN_PER_SECOND: f64 = 1.0;
/// Deliveries of a paced repository are verified together, this far apart.
const TICK: Duration = Duration::from_millis(250);
/// How many deliveries may wait for a tick.
const MOST_WAITING: usize = 1024;

/// Keeps forged deliveries from spending our API server, without shutting out the real ones.
///
/// A repository with many failed verifications is paced: its deliveries wait for the next tick and are
/// verified together, so that they share the reads of their Secrets. Turning them away instead would let
/// anybody silence a repository by sending it forgeries. For notifications of registries a format stands in
/// the place of a repository, and its key file in that of the Secrets.
pub(super) struct Pace {
    began: Instant,
    failures: Mutex<HashMap<Box<str>, Bucket>>,
    waiting: AtomicUsize,
}

struct Bucket {
    failures: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), failures: Mutex::default(), waiting: AtomicUsize::new(0) }
    }

    /// Returns when a delivery for `repository` may be verified.
    pub(super) async fn turn(&self, repository: &str) -> Result<(), Answer> {
        if !self.is_paced(repository, Instant::now()) {
            return Ok(());
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Answer::TooMany);
        }
        let waiting = Waiting(&self.waiting);
        let since = self.began.elapsed();
        let ticks = u32::try_from(since.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX);
        tokio::time::sleep(TICK.saturating_mul(ticks.saturating_add(1)).saturating_sub(since)).await;
        drop(waiting);
        Ok(())
    }

    /// Notes that a delivery for `repository`, one that a Build uses, was not verified.
    pub(super) fn failed(&self, repository: &str) {
        let now = Instant::now();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        // Only repositories of Builds come here, and only while somebody forges deliveries for them.
        failures.retain(|_, bucket| bucket.level(now) > 0.0);
        let bucket = failures.entry(repository.into()).or_insert(Bucket { failures: 0.0, at: now });
        *bucket = Bucket { failures: bucket.level(now) + 1.0, at: now };
    }

    fn is_paced(&self, repository: &str, now: Instant) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(repository).is_some_and(|bucket| bucket.level(now) >= BURST)
    }
}

impl Bucket {
    fn level(&self, now: Instant) -> f64 {
        let forgiven = now.saturating_duration_since(self.at).as_secs_f64() * FORGIVEN_PER_SECOND;
        (self.failures - forgiven).clamp(0.0, BURST * 2.0)
    }
}

/// Counts one who waits, also if it goes away while waiting.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_repository_with_many_forgeries_waits_and_others_do_not() {
        let pace = Pace::new();
        for _ in 0..40 {
            pace.failed("github.com/acme/web");
        }
        let now = Instant::now();
        assert!(pace.is_paced("github.com/acme/web", now));
        assert!(!pace.is_paced("github.com/acme/other", now));
        assert!(!pace.is_paced("github.com/acme/web", now + Duration::from_mins(1)), "it is forgiven");
        let before = tokio::time::Instant::now();
        assert_eq!(pace.turn("github.com/acme/web").await, Ok(()));
        assert!(before.elapsed() <= TICK && before.elapsed() > Duration::ZERO);
        assert_eq!(pace.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let pace = Pace::new();
        for _ in 0..40 {
            pace.failed("r");
        }
        pace.waiting.store(MOST_WAITING, Ordering::Relaxed);
        assert_eq!(pace.turn("r").await, Err(Answer::TooMany));
        assert_eq!(pace.waiting.load(Ordering::Relaxed), MOST_WAITING);
    }
}
