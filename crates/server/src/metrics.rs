use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What the hook listener counts. Cheap to clone; clones count together.
///
/// Labels are bounded: neither repositories nor the senders' names of events occur in them.
#[derive(Debug, Clone)]
pub struct Metrics {
    received: Family<AnswerLabels, Counter>,
    answered: Histogram,
    refusals_not_kept: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    provider: &'static str,
    answer: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        // From a tenth of a millisecond to about 13 s: GitHub waits 10 s.
        let answered = Histogram::new(exponential_buckets(0.0001, 2.0, 18));
        Self { received: Family::default(), answered, refusals_not_kept: Counter::default() }
    }
}

impl Metrics {
    /// Makes the counters known to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "deliveries_received",
            "Webhook requests, by provider and by what they were answered",
            self.received.clone(),
        );
        registry.register(
            "refusals_not_kept",
            "Refused requests that were not noted because there were too many at once",
            self.refusals_not_kept.clone(),
        );
        registry.register_with_unit(
            "delivery_answer",
            "From the end of the request's headers to its answer",
            Unit::Seconds,
            self.answered.clone(),
        );
    }

    /// Counts refused requests that were not noted because there were too many.
    pub(crate) fn refusals_not_kept(&self) -> Counter {
        self.refusals_not_kept.clone()
    }

    pub(crate) fn answered(&self, provider: &'static str, answer: &'static str, seconds: f64) {
        self.received.get_or_create(&AnswerLabels { provider, answer }).inc();
        self.answered.observe(seconds);
    }
}
