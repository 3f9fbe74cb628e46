use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use trigger_rules::Reason;

/// The metrics of the dispatcher. Cheap to clone; clones share their counters.
///
/// Every value of a label exists from the start: a rate over a series that appears with its first event would miss
/// that event.
#[derive(Debug, Clone)]
pub struct Metrics {
    decisions: Family<OutcomeLabels, Counter>,
    attempts: Family<OutcomeLabels, Counter>,
    handled: Histogram,
    launch_time: Histogram,
    launches: Family<OutcomeLabels, Counter>,
    pruned: Family<PrunedLabels, Counter>,
    observed: Family<OutcomeLabels, Counter>,
    throttled: Counter,
    cloud_events: Family<OutcomeLabels, Counter>,
    leader: Gauge,
}

/// How an attempt at a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    /// Every rule is decided, and every run that is due has been created.
    Settled,
    /// The delivery cannot succeed and is not retried.
    Failed,
    /// The delivery is retried later.
    Retryable,
    /// Some runs wait for the rate limit of their namespace.
    Throttled,
    /// The Secret that could verify the delivery cannot be read yet.
    Waiting,
}

impl AttemptEnd {
    const ALL: [Self; 5] = [Self::Settled, Self::Failed, Self::Retryable, Self::Throttled, Self::Waiting];

    fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Retryable => "retryable",
            Self::Throttled => "throttled",
            Self::Waiting => "waiting",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PrunedLabels {
    what: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            decisions: Family::default(),
            attempts: Family::default(),
            // From 5 ms to 1.5 hours: a delivery whose runs cannot be created is retried for a day.
            handled: Histogram::new(exponential_buckets(0.005, 4.0, 11)),
            // From 1 ms to about a minute: an admission webhook may take 30 s.
            launch_time: Histogram::new(exponential_buckets(0.001, 2.0, 17)),
            launches: Family::default(),
            pruned: Family::default(),
            observed: Family::default(),
            throttled: Counter::default(),
            cloud_events: Family::default(),
            leader: Gauge::default(),
        };
        metrics.create_series();
        metrics
    }
}

impl Metrics {
    fn create_series(&self) {
        for outcome in ["fired", "also-matched"].into_iter().chain(Reason::all().map(|reason| reason.name()))
        {
            drop(self.decisions.get_or_create(&OutcomeLabels { outcome }));
        }
        for end in AttemptEnd::ALL {
            drop(self.attempts.get_or_create(&OutcomeLabels { outcome: end.name() }));
        }
        for outcome in ["created", "existed", "refused", "retryable"] {
            drop(self.launches.get_or_create(&OutcomeLabels { outcome }));
        }
        for outcome in ["kept", "known", "unconcerned"] {
            drop(self.observed.get_or_create(&OutcomeLabels { outcome }));
        }
        for outcome in ["sent", "failed", "dropped"] {
            drop(self.cloud_events.get_or_create(&OutcomeLabels { outcome }));
        }
        self.pruned(0, 0, 0);
    }

    /// Makes the counters known to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "decisions",
            "Decisions by outcome: fired, also-matched or the reason for skipping",
            self.decisions.clone(),
        );
        registry.register(
            "delivery_attempts",
            "Attempts to process deliveries by outcome: settled, failed (a person must act), retryable, throttled \
             (runs wait for the rate limit of their namespace), waiting (a Secret cannot be read)",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "delivery_handling",
            "Time from the receipt of a delivery until it was settled or failed",
            Unit::Seconds,
            self.handled.clone(),
        );
        registry.register_with_unit(
            "launch",
            "Time to create a run or to find that it exists, including failures",
            Unit::Seconds,
            self.launch_time.clone(),
        );
        registry.register(
            "launches",
            "Attempts to create runs by outcome: created, existed, refused (by the API server), retryable",
            self.launches.clone(),
        );
        registry.register(
            "pipelinerun_changes",
            "Status changes of PipelineRuns by outcome: kept (stored as a delivery), known (stored before), \
             unconcerned (no rule applies)",
            self.observed.clone(),
        );
        registry.register(
            "image_runs_throttled",
            "Attempts to process image deliveries that left runs waiting for the rate limit of their namespace",
            self.throttled.clone(),
        );
        registry.register(
            "cloud_events",
            "CloudEvents about deliveries to listeners by outcome: sent, failed (the receiver did not take it, after all \
             tries), dropped (too many of the namespace waited)",
            self.cloud_events.clone(),
        );
        registry.register("leader", "Whether this replica is the leader: 1 or 0", self.leader.clone());
        registry.register(
            "records_pruned",
            "Records deleted by retention: payload, delivery, key",
            self.pruned.clone(),
        );
    }

    /// Sets whether this replica is the leader.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Counts rules that were decided.
    pub(crate) fn decided(&self, outcome: &'static str, rules: u64) {
        self.decisions.get_or_create(&OutcomeLabels { outcome }).inc_by(rules);
    }

    pub(crate) fn pruned(&self, payloads: u64, deliveries: u64, keys: u64) {
        for (what, count) in [("payload", payloads), ("delivery", deliveries), ("key", keys)] {
            self.pruned.get_or_create(&PrunedLabels { what }).inc_by(count);
        }
    }

    /// Counts a status change of a PipelineRun.
    pub fn observed(&self, outcome: &'static str) {
        self.observed.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    pub(crate) fn throttled(&self) {
        self.throttled.inc();
    }

    /// Counts a CloudEvent that was sent or lost.
    pub(crate) fn cloud_event(&self, outcome: &'static str) {
        self.cloud_events.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts an attempt at a delivery that was received `age` seconds ago.
    pub(crate) fn attempted(&self, end: AttemptEnd, age: f64) {
        self.attempts.get_or_create(&OutcomeLabels { outcome: end.name() }).inc();
        if matches!(end, AttemptEnd::Settled | AttemptEnd::Failed) {
            self.handled.observe(age.max(0.0));
        }
    }

    /// Records the seconds that creating a run took.
    pub(crate) fn launch_took(&self, seconds: f64) {
        self.launch_time.observe(seconds);
    }

    pub(crate) fn launched(&self, outcome: &'static str) {
        self.launches.get_or_create(&OutcomeLabels { outcome }).inc();
    }
}
