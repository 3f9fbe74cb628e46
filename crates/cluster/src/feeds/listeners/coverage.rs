use std::sync::Arc;

use tokio::time::Instant;
use tracing::{info, warn};
use trigger_api::triggers::Kind;
use trigger_rules::listeners::{ListenerGaps, ListenerInventory};

use super::errors::ListenerErrors;
use crate::feeds::coverage::{Covered, Part};

/// The listeners. A namespace is known if each of its kinds is. What may not be listed is not waited for: the program has
/// other work.
pub(super) struct CoveredListeners {
    /// The kind of each part.
    pub(super) kinds: Vec<Kind>,
    pub(super) inventory: Arc<ListenerInventory>,
    pub(super) errors: Arc<ListenerErrors>,
}

impl Covered for CoveredListeners {
    type Coverage = ListenerGaps;

    const BEGINS_WITHOUT_ANY: bool = true;

    fn coverage(&self, parts: &[Part], now: Instant) -> ListenerGaps {
        let mut gaps = ListenerGaps::default();
        for (part, kind) in parts.iter().zip(&self.kinds) {
            if part.is_seen() {
                gaps.is_stale |= part.is_stale(now);
                continue;
            }
            let reason: Arc<str> = part.reason().into();
            match &part.namespace {
                _ if !kind.is_namespaced() => {
                    gaps.kinds.insert(*kind, reason);
                }
                Some(namespace) => {
                    gaps.unseen.entry(Arc::clone(namespace)).or_insert(reason);
                }
                None => {
                    gaps.everywhere.get_or_insert(reason);
                }
            }
        }
        gaps
    }

    fn count(&self, _parts: &[Part], _now: Instant) {}

    fn publish(&self, before: Option<&ListenerGaps>, gaps: &ListenerGaps) {
        let changed = self.inventory.note_gaps(gaps.clone());
        self.errors.change(changed);
        if before.is_none() {
            self.inventory.mark_synced();
        }
    }

    fn log(&self, before: Option<&ListenerGaps>, now: &ListenerGaps, details: &[String]) {
        let (is_first, nothing) = (before.is_none(), ListenerGaps::default());
        let before = before.unwrap_or(&nothing);
        let is_new = now.everywhere.is_some() && before.everywhere.is_none()
            || now.unseen.keys().any(|namespace| before.unseen(namespace).is_none());
        if is_new {
            warn!(
                details = details.join("; "),
                "not every listener is known: requests for those of an unknown namespace are answered 503"
            );
        }
        for namespace in before.unseen.keys().filter(|namespace| now.unseen(namespace).is_none()) {
            info!(%namespace, "the listeners of the namespace are known now");
        }
        if is_first {
            let listeners = self.inventory.current().map_or(0, |listeners| listeners.len());
            info!(listeners, "the listeners have been seen");
        } else if now.is_complete() && !before.is_complete() {
            info!("every listener is known again");
        }
    }
}
