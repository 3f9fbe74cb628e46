//! The backoff of watches while the API server is unreachable or a kind is not installed.

use std::time::Duration;

use kube::runtime::watcher;
use tracing::{info, warn};
use trigger_runtime::{Backoff, error_chain};

use crate::metrics::Watch;

/// A kind that is installed later, or an API server that returns, is noticed within five seconds.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(5) };

/// [`Backoff`] as kube's watches want it: an iterator over pauses that is reset after a success.
#[derive(Debug, Default)]
pub(crate) struct WatchBackoff {
    failures: u32,
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        Some(BACKOFF.pause(self.failures))
    }
}

impl kube::runtime::utils::Backoff for WatchBackoff {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Whether a watch works. Logs a failure once, until the watch works again, and sets its gauge.
#[derive(Debug)]
pub(crate) struct WatchHealth {
    /// The kind, in the plural.
    kind: &'static str,
    /// What happens to dependent rules while the kind is not installed.
    meanwhile: &'static str,
    logged: bool,
    watch: Watch,
}

impl WatchHealth {
    pub(crate) fn new(kind: &'static str, meanwhile: &'static str, watch: Watch) -> Self {
        Self { kind, meanwhile, logged: false, watch }
    }

    /// The watch has failed.
    pub(crate) fn failed(&mut self, namespace: Option<&str>, error: &watcher::Error) {
        self.watch.fails(is_absent(error));
        if std::mem::replace(&mut self.logged, true) {
            return;
        }
        let Self { kind, meanwhile, .. } = self;
        if is_absent(error) {
            info!(kind, namespace, meanwhile, "not installed; waiting for it");
        } else {
            let reason = error_chain(error);
            warn!(kind, namespace, reason, "the watch fails; trying again");
        }
    }

    /// The watch works.
    pub(crate) fn works(&mut self) {
        self.logged = false;
        self.watch.works();
    }
}

/// Whether the kind is not installed.
pub(crate) fn is_absent(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == 404)
}

#[cfg(test)]
mod tests {
    use kube::runtime::utils::Backoff as _;

    use super::*;

    #[test]
    fn pauses_grow_until_the_watch_works() {
        let mut backoff = WatchBackoff::default();
        let pauses: Vec<_> = backoff.by_ref().take(6).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next(), Some(BACKOFF.first));
    }
}
