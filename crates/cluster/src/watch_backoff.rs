//! How watches go about an API server that is away, and a kind that is not installed.

use std::time::Duration;

use kube::runtime::utils::Backoff;
use kube::runtime::watcher;
use tracing::{info, warn};
use trigger_runtime::error_chain;

use crate::metrics::Watch;

const SHORTEST: Duration = Duration::from_millis(500);
/// What is installed later, or comes back, is noticed after so long.
const LONGEST: Duration = Duration::from_secs(5);

/// How long a watch waits before it tries again: longer every time, until it works.
#[derive(Debug)]
pub(crate) struct WatchBackoff(Duration);

impl Default for WatchBackoff {
    fn default() -> Self {
        Self(SHORTEST)
    }
}

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let now = self.0;
        self.0 = (2 * now).min(LONGEST);
        Some(now)
    }
}

impl Backoff for WatchBackoff {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// Tells of a watch that does not work: once, until it works again. Its state is counted.
#[derive(Debug)]
pub(crate) struct Complaint {
    /// The kind, in the plural.
    kind: &'static str,
    /// What becomes of what depends on it while it is not installed.
    meanwhile: &'static str,
    told: bool,
    watch: Watch,
}

impl Complaint {
    pub(crate) fn new(kind: &'static str, meanwhile: &'static str, watch: Watch) -> Self {
        Self { kind, meanwhile, told: false, watch }
    }

    /// The watch has failed.
    pub(crate) fn begins(&mut self, namespace: Option<&str>, error: &watcher::Error) {
        self.watch.fails(is_absent(error));
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        let Self { kind, meanwhile, .. } = self;
        if is_absent(error) {
            info!(kind, namespace, meanwhile, "not installed; waiting for it");
        } else {
            let reason = error_chain(error);
            warn!(kind, namespace, reason, "these cannot be watched; trying again");
        }
    }

    /// The watch works.
    pub(crate) fn ends(&mut self) {
        self.told = false;
        self.watch.works();
    }
}

/// Whether the kind is not installed.
pub(crate) fn is_absent(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == 404)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_every_time_until_it_works() {
        let mut patience = WatchBackoff::default();
        let waits: Vec<_> = patience.by_ref().take(6).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 5000, 5000]);
        patience.reset();
        assert_eq!(patience.next(), Some(SHORTEST));
    }
}
