//! The gauges that are read from the journal and the inventory on each scrape.

use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use trigger_journal::{Shares, Stats, Usage};
use trigger_rules::{RuleSet, kind_names};

/// Gauges of the current state, updated on each scrape.
#[derive(Clone, Default)]
pub(super) struct StateMetrics {
    ready: Gauge,
    pending: Gauge,
    claimed: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    journal_size: Gauge,
    journal_payloads: Gauge,
    journal_free: Gauge<f64, AtomicU64>,
    journal_tenants: Gauge,
    journal_largest_tenant: Gauge,
    journal_tenant_quota: Gauge,
    builds: Gauge,
    rules: Family<RuleLabels, Gauge>,
    rule_errors: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    r#type: &'static str,
}

impl StateMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("ready", "Whether /readyz returns 200: 1 or 0", self.ready.clone());
        registry.register("deliveries_pending", "Deliveries in the queue", self.pending.clone());
        registry.register("deliveries_claimed", "Deliveries in progress", self.claimed.clone());
        registry.register_with_unit(
            "oldest_unsettled_delivery_age",
            "Age of the oldest unsettled delivery since it was received; 0 if there is none",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register_with_unit(
            "journal_size",
            "Size of the journal in its file or database, without the write-ahead log",
            Unit::Bytes,
            self.journal_size.clone(),
        );
        registry.register_with_unit(
            "journal_payload",
            "Compressed size of the bodies of settled deliveries in the journal",
            Unit::Bytes,
            self.journal_payloads.clone(),
        );
        self.journal_free.set(f64::NAN);
        registry.register_with_unit(
            "journal_free",
            "Free space on the volume of the journal file; NaN for a database",
            Unit::Bytes,
            self.journal_free.clone(),
        );
        registry.register(
            "journal_tenants",
            "Namespaces with deliveries in the journal",
            self.journal_tenants.clone(),
        );
        registry.register_with_unit(
            "journal_largest_tenant",
            "What the deliveries of the namespace that has stored most take in the journal; the command status names it",
            Unit::Bytes,
            self.journal_largest_tenant.clone(),
        );
        registry.register_with_unit(
            "journal_tenant_quota",
            "What a namespace may store while others use the journal too",
            Unit::Bytes,
            self.journal_tenant_quota.clone(),
        );
        registry.register("builds", "Builds with rules", self.builds.clone());
        for kind in kind_names() {
            drop(self.rules.get_or_create(&RuleLabels { r#type: kind }));
        }
        registry.register("rules", "Rules by type, including those with errors", self.rules.clone());
        registry.register(
            "rule_errors",
            "Errors in rules; a rule with an error never fires",
            self.rule_errors.clone(),
        );
    }

    pub(super) fn set_ready(&self, ready: bool) {
        self.ready.set(ready.into());
    }

    pub(super) fn set_queue(&self, stats: &Stats) {
        self.pending.set(gauge(stats.pending));
        self.claimed.set(gauge(stats.claimed));
        let age = |since| Timestamp::now().duration_since(since).as_secs_f64();
        self.oldest.set(stats.oldest_unsettled.map_or(0.0, age));
    }

    pub(super) fn set_usage(&self, usage: &Usage) {
        self.journal_size.set(gauge(usage.bytes));
        self.journal_payloads.set(gauge(usage.payload_bytes));
        #[expect(clippy::cast_precision_loss, reason = "exact up to 9 petabytes")]
        self.journal_free.set(usage.free_bytes.map_or(f64::NAN, |bytes| bytes as f64));
    }

    pub(super) fn set_shares(&self, shares: &Shares) {
        self.journal_tenants.set(gauge(shares.tenants));
        self.journal_largest_tenant.set(gauge(shares.largest.first().map_or(0, |share| share.bytes)));
        self.journal_tenant_quota.set(gauge(shares.quota));
    }

    pub(super) fn set_rules(&self, rules: &RuleSet) {
        self.builds.set(gauge(rules.len()));
        let mut counts: Vec<_> = kind_names().map(|kind| (kind, 0)).collect();
        let mut errors = 0;
        for owner in rules.owners() {
            errors += owner.errors.iter().filter(|error| !error.error.is_hint()).count();
            for (kind, count) in &mut counts {
                *count += owner.count(kind);
            }
        }
        for (kind, count) in counts {
            self.rules.get_or_create(&RuleLabels { r#type: kind }).set(gauge(count));
        }
        self.rule_errors.set(gauge(errors));
    }
}

fn gauge(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
