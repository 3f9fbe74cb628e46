use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::images::News;

/// What the dispatcher counts. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    decisions: Family<DecisionLabels, Counter>,
    launches: Family<LaunchLabels, Counter>,
    forgotten: Family<ForgottenLabels, Counter>,
    observed: Family<ObservedLabels, Counter>,
    images_seen: Family<ImageLabels, Counter>,
    image_looks: Family<ImageLabels, Counter>,
    images_watched: Gauge,
    held_back: Counter,
    leader: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ImageLabels {
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

impl Metrics {
    /// Makes the counters known to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "decisions",
            "Rules decided, by outcome: fired, also-matched or the reason for skipping",
            self.decisions.clone(),
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
            "image_sightings",
            "What was seen of images, by any source, by outcome: first, same, changed",
            self.images_seen.clone(),
        );
        registry.register(
            "image_looks",
            "Answers of registries about images, by outcome: known, or the kind of the fault",
            self.image_looks.clone(),
        );
        registry.register(
            "images_watched",
            "Images that registries are asked about",
            self.images_watched.clone(),
        );
        registry.register(
            "image_runs_held_back",
            "Attempts at a delivery of images that left runs for later, so that a namespace is not flooded",
            self.held_back.clone(),
        );
        registry.register(
            "leader",
            "Whether this replica leads, and does what one of several is enough for: 1 or 0",
            self.leader.clone(),
        );
        registry.register(
            "forgotten",
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

    pub(crate) fn image_seen(&self, news: News) {
        let outcome = match news {
            News::First => "first",
            News::Same => "same",
            News::Changed => "changed",
        };
        self.images_seen.get_or_create(&ImageLabels { outcome }).inc();
    }

    pub(crate) fn image_looked(&self, outcome: &'static str) {
        self.image_looks.get_or_create(&ImageLabels { outcome }).inc();
    }

    pub(crate) fn images_watched(&self, count: usize) {
        self.images_watched.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn held_back(&self) {
        self.held_back.inc();
    }

    pub(crate) fn launched(&self, outcome: &'static str) {
        self.launches.get_or_create(&LaunchLabels { outcome }).inc();
    }
}
