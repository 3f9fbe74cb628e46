use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use trigger_runtime::KeyedSemaphore;
use trigger_targets::Plan;

/// From so many bytes of its Build's spec on a run is large. A spec takes some eight times as much while it is rendered
/// and sent, one with many small parts forty times, and ordinary ones have a few hundred bytes.
const LARGE: usize = 8 << 10;

/// Large runs that are created at the same time. A spec has 64 KiB at most, so they take some 60 MiB at worst.
pub(crate) const MOST_LARGE: usize = 24;

/// Large runs of one namespace that are created at the same time.
pub(crate) const MOST_LARGE_OF_NAMESPACE: usize = 8;

/// The turns of large runs: they are rendered while they are created, and not before.
pub(crate) struct RenderTurns {
    of_all: Arc<Semaphore>,
    of_namespaces: KeyedSemaphore<Arc<str>>,
}

/// The turn of a large run, for as long as it is held.
pub(crate) struct RenderTurn(#[expect(dead_code, reason = "held")] [OwnedSemaphorePermit; 2]);

impl Default for RenderTurns {
    fn default() -> Self {
        let of_namespaces = KeyedSemaphore::new(MOST_LARGE_OF_NAMESPACE);
        Self { of_all: Arc::new(Semaphore::new(MOST_LARGE)), of_namespaces }
    }
}

impl RenderTurns {
    /// Waits for the turn of a run. `None` if it is small.
    pub(crate) async fn acquire(&self, plan: &Plan) -> Option<RenderTurn> {
        if plan.manifest.template_bytes() < LARGE {
            return None;
        }
        // A template may put its object into a namespace of another tenant.
        let owner = plan.subject.resource.namespace();
        let of_namespace = self.of_namespaces.acquire(Arc::clone(owner)).await;
        // Nothing closes this semaphore.
        let of_all = Arc::clone(&self.of_all).acquire_owned().await.ok()?;
        Some(RenderTurn([of_namespace, of_all]))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use trigger_core::ObjectKey;
    use trigger_targets::build_run::{BUILD, BUILD_RUN};

    use super::*;
    use crate::plan_fixture::plan_of;

    fn plan(namespace: &str, template_bytes: usize) -> Plan {
        let key = || ObjectKey::new(namespace, "web");
        plan_of(BUILD.named(key()), None, BUILD_RUN.named(key()), template_bytes)
    }

    #[tokio::test]
    async fn few_large_runs_are_rendered_at_a_time_and_small_ones_do_not_wait() {
        let turns = RenderTurns::default();
        let mut held = Vec::new();
        while let Some(turn) = turns.acquire(&plan("team-b", 64 << 10)).now_or_never() {
            held.push(turn);
            assert!(held.len() <= MOST_LARGE_OF_NAMESPACE, "all are rendered at once");
        }
        assert!(turns.acquire(&plan("team-b", 300)).now_or_never().is_some(), "a small one");
        let other = turns.acquire(&plan("team-a", 64 << 10)).now_or_never();
        assert!(other.flatten().is_some(), "another namespace");
        drop(held);
        assert!(turns.acquire(&plan("team-b", 64 << 10)).now_or_never().flatten().is_some());
    }
}
