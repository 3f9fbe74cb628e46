use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use trigger_rules::Reason;

/// What the dispatcher counts. Cheap to clone; clones count together.
///
/// Every value of a label is there from the start: a rate over a series that appears with its first event
/// would miss that event.
#[derive(Debug, Clone)]
pub struct Metrics {
    decisions: Family<DecisionLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    handled: Histogram,
    launch_time: Histogram,
    launches: Family<LaunchLabels, Counter>,
    forgotten: Family<ForgottenLabels, Counter>,
    observed: Family<ObservedLabels, Counter>,
    throttled: Counter,
    leader: Gauge,
}

/// How an attempt at a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    /// Everything that was due is done.
    Settled,
    /// Something cannot be done, and will not be tried again.
    Failed,
    /// It is tried again later.
    Retryable,
    /// Some runs are left for later, so that a namespace is not flooded.
    Throttled,
}

impl AttemptEnd {
    const ALL: [Self; 4] = [Self::Settled, Self::Failed, Self::Retryable, Self::Throttled];

    fn name(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Retryable => "retryable",
            Self::Throttled => "throttled",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObservedLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaunchLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForgottenLabels {
    what: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            decisions: Family::default(),
            attempts: Family::default(),
            // From 5 ms to nearly three hours: what cannot be carried out is tried for a day.
            handled: Histogram::new(exponential_buckets(0.005, 4.0, 11)),
            // From a millisecond to a minute: an admission webhook may take 30 s.
            launch_time: Histogram::new(exponential_buckets(0.001, 2.0, 17)),
            launches: Family::default(),
            forgotten: Family::default(),
            observed: Family::default(),
            throttled: Counter::default(),
            leader: Gauge::default(),
        };
        metrics.begin_at_nothing();
        metrics
    }
}

impl Metrics {
    fn begin_at_nothing(&self) {
        for outcome in ["fired", "also-matched"].into_iter().chain(Reason::all().map(|reason| reason.name()))
        {
            drop(self.decisions.get_or_create(&DecisionLabels { outcome }));
        }
        for end in AttemptEnd::ALL {
            drop(self.attempts.get_or_create(&AttemptLabels { outcome: end.name() }));
        }
        for outcome in ["created", "existed", "refused", "retryable"] {
            drop(self.launches.get_or_create(&LaunchLabels { outcome }));
        }
        for outcome in ["kept", "known", "unconcerned"] {
            drop(self.observed.get_or_create(&ObservedLabels { outcome }));
        }
        self.forgotten(0, 0, 0);
    }

    /// Makes the counters known to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "decisions",
            "Rules decided, by outcome: fired, also-matched or the reason for skipping",
            self.decisions.clone(),
        );
        registry.register(
            "delivery_attempts",
            "Attempts at deliveries, by how they ended: settled, failed (a person must act), postponed (to be \
             tried again), held-back (runs are left for later, so that a namespace is not flooded)",
            self.attempts.clone(),
        );
        registry.register_with_unit(
            "delivery_handling",
            "From the receipt of a delivery until it was settled or had failed",
            Unit::Seconds,
            self.handled.clone(),
        );
        registry.register_with_unit(
            "launch",
            "How long it took to create a run, or to find that it is there, also if that failed",
            Unit::Seconds,
            self.launch_time.clone(),
        );
        registry.register(
            "launches",
            "Runs asked for, by outcome: created, existed, refused, postponed",
            self.launches.clone(),
        );
        registry.register(
            "pipelinerun_changes",
            "PipelineRuns that changed the class of their status, by outcome: kept, known (seen before), \
             unconcerned (no rule asks for them)",
            self.observed.clone(),
        );
        registry.register(
            "image_runs_throttled",
            "Attempts at a delivery of images that left runs for later, so that a namespace is not flooded",
            self.throttled.clone(),
        );
        registry.register(
            "leader",
            "Whether this replica leads, and does what one of several is enough for: 1 or 0",
            self.leader.clone(),
        );
        registry.register(
            "records_pruned",
            "What retention has taken out of the journal: payload, delivery, key",
            self.forgotten.clone(),
        );
    }

    /// This replica leads, or does not.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    pub(crate) fn decided(&self, outcome: &'static str) {
        self.decisions.get_or_create(&DecisionLabels { outcome }).inc();
    }

    pub(crate) fn forgotten(&self, payloads: u64, deliveries: u64, keys: u64) {
        for (what, count) in [("payload", payloads), ("delivery", deliveries), ("key", keys)] {
            self.forgotten.get_or_create(&ForgottenLabels { what }).inc_by(count);
        }
    }

    /// A PipelineRun has changed the class of its status.
    pub fn observed(&self, outcome: &'static str) {
        self.observed.get_or_create(&ObservedLabels { outcome }).inc();
    }

    pub(crate) fn throttled(&self) {
        self.throttled.inc();
    }

    /// An attempt has ended, at a delivery that was received so many seconds ago.
    pub(crate) fn attempted(&self, end: AttemptEnd, age: f64) {
        self.attempts.get_or_create(&AttemptLabels { outcome: end.name() }).inc();
        if matches!(end, AttemptEnd::Settled | AttemptEnd::Failed) {
            self.handled.observe(age.max(0.0));
        }
    }

    /// Creating a run has taken so many seconds.
    pub(crate) fn launch_took(&self, seconds: f64) {
        self.launch_time.observe(seconds);
    }

    pub(crate) fn launched(&self, outcome: &'static str) {
        self.launches.get_or_create(&LaunchLabels { outcome }).inc();
    }
}
