use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use trigger_runtime::LeakyBuckets;

use super::response::HookResponse;

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
pub(crate) struct FailureLimiter {
    began: Instant,
    /// Of repositories of Builds only, while somebody forges deliveries for them.
    failures: LeakyBuckets<Box<str>>,
    waiting: AtomicUsize,
}

impl FailureLimiter {
    pub(crate) fn new() -> Self {
        let failures = LeakyBuckets::new(FORGIVEN_PER_SECOND);
        Self { began: Instant::now(), failures, waiting: AtomicUsize::new(0) }
    }

    /// Returns when a delivery for `repository` may be verified.
    pub(crate) async fn acquire(&self, repository: &str) -> Result<(), HookResponse> {
        if !self.is_paced(repository, Instant::now()) {
            return Ok(());
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(HookResponse::TooMany);
        }
        let waiting = Waiting(&self.waiting);
        let since = self.began.elapsed();
        let ticks = u32::try_from(since.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX);
        tokio::time::sleep(TICK.saturating_mul(ticks.saturating_add(1)).saturating_sub(since)).await;
        drop(waiting);
        Ok(())
    }

    /// Notes that a delivery for `repository`, one that a Build uses, was not verified.
    pub(crate) fn failed(&self, repository: &str) {
        self.failures.fill(repository.into(), BURST * 2.0, Instant::now());
    }

    fn is_paced(&self, repository: &str, now: Instant) -> bool {
        self.failures.level(repository, now) >= BURST
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
        let pace = FailureLimiter::new();
        for _ in 0..40 {
            pace.failed("github.com/acme/web");
        }
        let now = Instant::now();
        assert!(pace.is_paced("github.com/acme/web", now));
        assert!(!pace.is_paced("github.com/acme/other", now));
        assert!(!pace.is_paced("github.com/acme/web", now + Duration::from_mins(1)), "it is forgiven");
        let before = tokio::time::Instant::now();
        assert_eq!(pace.acquire("github.com/acme/web").await, Ok(()));
        assert!(before.elapsed() <= TICK && before.elapsed() > Duration::ZERO);
        assert_eq!(pace.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let pace = FailureLimiter::new();
        for _ in 0..40 {
            pace.failed("r");
        }
        pace.waiting.store(MOST_WAITING, Ordering::Relaxed);
        assert_eq!(pace.acquire("r").await, Err(HookResponse::TooMany));
        assert_eq!(pace.waiting.load(Ordering::Relaxed), MOST_WAITING);
    }
}
