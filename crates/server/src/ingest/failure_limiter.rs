use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use trigger_runtime::LeakyBuckets;

use super::response::HookResponse;

/// Failed verifications at once before a repository is paced: more than a misconfigured sender causes in a minute.
const BURST: f64 = 30.0;
/// Failed verifications per second by which the level of a repository sinks.
const DRAIN_PER_SECOND: f64 = 1.0;
/// The interval at which the waiting deliveries of a paced repository are verified together.
const TICK: Duration = Duration::from_millis(100);
/// Deliveries that may wait for a tick. Each holds a connection and its body.
pub(crate) const MAX_WAITING: usize = 1024;

/// Limits the Secret reads that forged deliveries cause, without blocking genuine ones.
///
/// A repository with many failed verifications is paced: its deliveries wait for the next tick and are verified
/// together, so that they share the reads of their Secrets. Rejecting them instead would let an attacker block a
/// repository with forgeries. All paths of a provider are paced together: they lead to the same Secrets. Notifications of
/// registries are paced per format, which has a key file in place of Secrets.
pub(crate) struct FailureLimiter {
    began: Instant,
    /// The level of each paced repository. Only repositories with rules get one, so the map is bounded.
    failures: LeakyBuckets<Box<str>>,
    waiting: AtomicUsize,
}

impl FailureLimiter {
    pub(crate) fn new() -> Self {
        let failures = LeakyBuckets::new(DRAIN_PER_SECOND);
        Self { began: Instant::now(), failures, waiting: AtomicUsize::new(0) }
    }

    /// Waits until a delivery from `source` for `repository` may be verified. Fails if too many wait already.
    pub(crate) async fn acquire(&self, source: &str, repository: &str) -> Result<(), HookResponse> {
        if !self.is_paced(&key(source, repository), Instant::now()) {
            return Ok(());
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
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

    /// Records a failed verification for `repository`, which must have rules.
    pub(crate) fn failed(&self, source: &str, repository: &str) {
        self.failures.fill(key(source, repository), BURST * 2.0, Instant::now());
    }

    fn is_paced(&self, key: &str, now: Instant) -> bool {
        self.failures.level(key, now) >= BURST
    }
}

/// Names of sources have no spaces.
fn key(source: &str, repository: &str) -> Box<str> {
    format!("{source} {repository}").into()
}

/// Counts a waiting delivery until it is dropped, also if its client disconnects.
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
        let limiter = FailureLimiter::new();
        for _ in 0..40 {
            limiter.failed("github", "github.com/acme/web");
        }
        let now = Instant::now();
        let web = key("github", "github.com/acme/web");
        assert!(limiter.is_paced(&web, now));
        for other in [key("github", "github.com/acme/other"), key("gitlab", "github.com/acme/web")] {
            assert!(!limiter.is_paced(&other, now), "{other}");
        }
        assert!(!limiter.is_paced(&web, now + Duration::from_mins(1)), "the level has sunk");
        let before = tokio::time::Instant::now();
        assert_eq!(limiter.acquire("github", "github.com/acme/web").await, Ok(()));
        assert!(before.elapsed() <= TICK && before.elapsed() > Duration::ZERO);
        assert_eq!(limiter.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn waiting_deliveries_are_limited() {
        let limiter = FailureLimiter::new();
        for _ in 0..40 {
            limiter.failed("github", "r");
        }
        limiter.waiting.store(MAX_WAITING, Ordering::Relaxed);
        assert_eq!(limiter.acquire("github", "r").await, Err(HookResponse::TooMany));
        assert_eq!(limiter.waiting.load(Ordering::Relaxed), MAX_WAITING);
    }
}
