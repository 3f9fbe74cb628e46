use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use trigger_journal::{Stats, Usage};
use trigger_rules::{KINDS, RuleSet};

/// How things stand, found out whenever somebody reads the metrics.
#[derive(Clone, Default)]
pub(crate) struct Standing {
    ready: Gauge,
    pending: Gauge,
    claimed: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    journal_size: Gauge,
    journal_payloads: Gauge,
    journal_room: Gauge<f64, AtomicU64>,
    builds: Gauge,
    rules: Family<RuleLabels, Gauge>,
    faults: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    r#type: &'static str,
}

impl Standing {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "ready",
            "Whether /readyz says that deliveries are taken in: 1 or 0",
            self.ready.clone(),
        );
        registry.register("deliveries_pending", "Deliveries that wait to be worked on", self.pending.clone());
        registry.register("deliveries_claimed", "Deliveries being worked on", self.claimed.clone());
        registry.register_with_unit(
            "oldest_unsettled_delivery_age",
            "Since the oldest delivery that is not settled was received; 0 if there is none",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register_with_unit(
            "journal_size",
            "What the journal takes in its file or database, without the write-ahead log",
            Unit::Bytes,
            self.journal_size.clone(),
        );
        registry.register_with_unit(
            "journal_payload",
            "What the bodies of settled deliveries take in the journal, compressed",
            Unit::Bytes,
            self.journal_payloads.clone(),
        );
        self.journal_room.set(f64::NAN);
        registry.register_with_unit(
            "journal_free",
            "What is left on the volume of the journal's file; NaN in a database, which does not tell",
            Unit::Bytes,
            self.journal_room.clone(),
        );
        registry.register("builds", "Builds with rules", self.builds.clone());
        for kind in KINDS {
            drop(self.rules.get_or_create(&RuleLabels { r#type: kind.name() }));
        }
        registry.register("rules", "Rules, by type, broken ones included", self.rules.clone());
        registry.register("rule_errors", "What keeps rules from working", self.faults.clone());
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.set(ready.into());
    }

    pub(crate) fn set_queue(&self, stats: &Stats) {
        self.pending.set(gauge(stats.pending));
        self.claimed.set(gauge(stats.claimed));
        let age = |since| Timestamp::now().duration_since(since).as_secs_f64();
        self.oldest.set(stats.oldest_unsettled.map_or(0.0, age));
    }

    pub(crate) fn set_usage(&self, usage: &Usage) {
        self.journal_size.set(gauge(usage.bytes));
        self.journal_payloads.set(gauge(usage.payload_bytes));
        #[expect(clippy::cast_precision_loss, reason = "nobody counts the bytes of 9 petabytes")]
        self.journal_room.set(usage.free_bytes.map_or(f64::NAN, |bytes| bytes as f64));
    }

    pub(crate) fn set_rules(&self, rules: &RuleSet) {
        self.builds.set(gauge(rules.len()));
        let mut counts = vec![0; KINDS.len()];
        let mut faults = 0;
        for target in rules.targets() {
            faults += target.faults.len();
            for (count, kind) in counts.iter_mut().zip(KINDS) {
                *count += target.count(kind.name());
            }
        }
        for (count, kind) in counts.into_iter().zip(KINDS) {
            self.rules.get_or_create(&RuleLabels { r#type: kind.name() }).set(gauge(count));
        }
        self.faults.set(gauge(faults));
    }
}

fn gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
