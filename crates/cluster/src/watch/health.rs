use kube::runtime::watcher;
use tracing::{debug, info, warn};

use super::{Failure, is_progress};
use crate::metrics::Watch;
use crate::sentence::{Remedies, of_watch};

/// What an operator does.
const REMEDIES: Remedies<'_> =
    Remedies { forbidden: "bind the ClusterRole `shipwright-trigger`", absent: "the kind is not installed" };

/// Whether a watch works. Logs each class of failure once, until the watch works again, and sets its gauge.
#[derive(Debug)]
pub(crate) struct WatchHealth {
    /// The kind, in the plural.
    kind: &'static str,
    namespace: Option<String>,
    /// What happens to dependent rules while the kind is not installed.
    meanwhile: &'static str,
    /// Whether the program is of no use without the kind.
    is_required: bool,
    /// The classes of failures since the watch last worked.
    logged: Vec<Failure>,
    watch: Watch,
}

impl WatchHealth {
    pub(crate) fn new(
        kind: &'static str,
        namespace: Option<String>,
        meanwhile: &'static str,
        watch: Watch,
    ) -> Self {
        Self { kind, namespace, meanwhile, is_required: false, logged: Vec::new(), watch }
    }

    /// The same for a kind without which the program is of no use.
    pub(crate) fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// Records an error of the watch.
    pub(crate) fn failed(&mut self, error: &watcher::Error) {
        self.record(error);
    }

    /// True if the error was logged as a failure: as the first of its class since the watch last worked.
    fn record(&mut self, error: &watcher::Error) -> bool {
        let Self { kind, namespace, meanwhile, .. } = &*self;
        let (failure, reason) = (Failure::of(error), of_watch(error, REMEDIES));
        if failure.is_routine() {
            debug!(kind, namespace, reason, "the watch has ended; starting it again");
            return false;
        }
        let is_new = !self.logged.contains(&failure);
        match failure {
            _ if !is_new => {}
            Failure::Absent if self.is_required => {
                warn!(kind, namespace, meanwhile, "not installed; waiting for it");
            }
            Failure::Absent => info!(kind, namespace, meanwhile, "not installed; waiting for it"),
            _ => warn!(kind, namespace, reason, "the watch fails; trying again"),
        }
        if is_new {
            self.logged.push(failure);
        }
        self.watch.fails(failure == Failure::Absent);
        is_new
    }

    /// Records that the kind is not installed, which another has found out and logged.
    pub(crate) fn becomes_absent(&mut self) {
        self.logged.clear();
        self.watch.fails(true);
    }

    /// Records an event of the watch.
    pub(crate) fn received<K>(&mut self, event: &watcher::Event<K>) {
        if !is_progress(event) {
            return;
        }
        if !self.logged.is_empty() {
            self.logged.clear();
            info!(kind = self.kind, namespace = self.namespace, "the watch works");
        }
        self.watch.works();
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;
    use crate::metrics::{Metrics, Watched};

    #[test]
    fn each_class_of_failure_is_new_once_until_the_watch_works() {
        let watch = Metrics::default().watch(Watched::Images);
        let mut health = WatchHealth::new("Image objects", None, "registries are polled", watch);
        let error = |code| {
            let status = Status::failure("words", "Reason").with_code(code).boxed();
            watcher::Error::InitialListFailed(kube::Error::Api(status))
        };
        let (init, done) = (watcher::Event::<()>::Init, watcher::Event::<()>::InitDone);
        for (step, expected) in [(404, true), (404, false), (403, true), (404, false), (410, false)] {
            health.received(&init);
            assert_eq!(health.record(&error(step)), expected, "{step}");
        }
        health.received(&done);
        assert!(health.record(&error(404)), "it has worked in between");
    }
}
