use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The metrics of a [`crate::Measured`] journal. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    appended: Histogram,
    failures: Family<CallLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: &'static str,
}

/// The kind of a call of [`crate::Journal`], as a label. The set is closed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call {
    Append,
    Claim,
    Settle,
    Read,
    Prune,
    Note,
}

impl Call {
    const ALL: [Self; 6] = [Self::Append, Self::Claim, Self::Settle, Self::Read, Self::Prune, Self::Note];

    fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Claim => "claim",
            Self::Settle => "settle",
            Self::Read => "read",
            Self::Prune => "prune",
            Self::Note => "note",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        // From a tenth of a millisecond, the time of a fast disk, to about 6 s: callers wait for 5 s.
        let appended = Histogram::new(exponential_buckets(0.0001, 2.0, 17));
        let failures = Family::<CallLabels, Counter>::default();
        for call in Call::ALL {
            drop(failures.get_or_create(&CallLabels { call: call.name() }));
        }
        Self { appended, failures }
    }
}

impl Metrics {
    /// Registers the metrics with `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "journal_append",
            "Time to store a delivery on disk",
            Unit::Seconds,
            self.appended.clone(),
        );
        registry.register(
            "journal_failures",
            "Failed calls of the journal: append, claim, settle (and release), read, prune, note (records beside \
             deliveries)",
            self.failures.clone(),
        );
    }

    pub(crate) fn appended(&self, seconds: f64) {
        self.appended.observe(seconds);
    }

    pub(crate) fn failed(&self, call: Call) {
        self.failures.get_or_create(&CallLabels { call: call.name() }).inc();
    }
}
