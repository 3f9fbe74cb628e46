use std::sync::Arc;

use tokio::time::Instant;
use tracing::{info, warn};
use trigger_rules::{Coverage, Inventory};

use super::{Covered, Part};
use crate::metrics::{Metrics, SeenState};

/// The rules of Builds. Nothing is decided until the Builds of a namespace have been listed.
pub(in crate::feeds) struct CoveredBuilds {
    pub(in crate::feeds) inventory: Arc<Inventory>,
    pub(in crate::feeds) metrics: Metrics,
}

impl Covered for CoveredBuilds {
    type Coverage = Coverage;

    const BEGINS_WITHOUT_ANY: bool = false;

    fn coverage(&self, parts: &[Part], now: Instant) -> Coverage {
        let unseen = parts.iter().filter(|part| !part.is_seen());
        Coverage {
            unseen: unseen.filter_map(|part| part.namespace.clone()).collect(),
            is_stale: parts.iter().any(|part| part.is_stale(now)),
        }
    }

    fn count(&self, parts: &[Part], now: Instant) {
        let stale = parts.iter().filter(|part| part.is_stale(now)).count();
        let unseen = parts.iter().filter(|part| !part.is_seen()).count();
        let known = parts.len() - stale - unseen;
        for (state, count) in
            [(SeenState::Known, known), (SeenState::Stale, stale), (SeenState::Unseen, unseen)]
        {
            self.metrics.namespaces(state, count);
        }
    }

    fn publish(&self, _before: Option<&Coverage>, coverage: &Coverage) {
        self.inventory.publish(coverage.clone());
    }

    fn log(&self, before: Option<&Coverage>, now: &Coverage, details: &[String]) {
        let (is_first, nothing) = (before.is_none(), Coverage::default());
        let before = before.unwrap_or(&nothing);
        let is_new = now.unseen.iter().any(|namespace| !before.unseen.contains(namespace));
        if is_new || (now.is_stale && !before.is_stale) {
            warn!(
                details = details.join("; "),
                "not every Build is known: requests that may be for one that is not are answered 503"
            );
        }
        for namespace in before.unseen.difference(&now.unseen) {
            info!(%namespace, "the Builds of the namespace are known now");
        }
        if now.is_complete() && !before.is_complete() {
            info!("every Build is known again");
        }
        if is_first {
            let builds = self.inventory.current().map_or(0, |rules| rules.len());
            info!(builds, "the Builds have been seen");
        }
    }
}
