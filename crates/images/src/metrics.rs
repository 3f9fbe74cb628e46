use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use trigger_registries::ResolveErrorKind;

use crate::ledger::ObservationOutcome;

/// The counters of image following. Cheap to clone; clones count together.
///
/// Every value of a label exists from the start: a rate over a series that appears with its first event
/// would miss that event.
#[derive(Debug, Clone)]
pub struct Metrics {
    observations: Family<OutcomeLabels, Counter>,
    digest_requests: Family<OutcomeLabels, Counter>,
    watched: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let (observations, digest_requests) = (Family::default(), Family::default());
        for outcome in ObservationOutcome::ALL.map(ObservationOutcome::name) {
            drop(observations.get_or_create(&OutcomeLabels { outcome }));
        }
        for outcome in ["known"].into_iter().chain(ResolveErrorKind::ALL.map(ResolveErrorKind::name)) {
            drop(digest_requests.get_or_create(&OutcomeLabels { outcome }));
        }
        Self { observations, digest_requests, watched: Gauge::default() }
    }
}

impl Metrics {
    /// Registers the metrics with `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "image_observations",
            "Observed digests of images, from any source, by outcome: first, same, changed",
            self.observations.clone(),
        );
        registry.register(
            "image_digest_requests",
            "Requests for the digests of images by outcome: known, or the kind of error",
            self.digest_requests.clone(),
        );
        registry.register(
            "images_watched",
            "Images that this replica polls registries for",
            self.watched.clone(),
        );
    }

    pub(crate) fn observed(&self, outcome: ObservationOutcome) {
        self.observations.get_or_create(&OutcomeLabels { outcome: outcome.name() }).inc();
    }

    /// A registry has answered about an image: `None` for a digest.
    pub(crate) fn answered(&self, error: Option<ResolveErrorKind>) {
        let outcome = error.map_or("known", ResolveErrorKind::name);
        self.digest_requests.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    pub(crate) fn watched(&self, count: usize) {
        self.watched.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
