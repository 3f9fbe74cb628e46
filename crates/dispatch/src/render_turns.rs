use std::sync::Arc;

use trigger_runtime::{SharedTurn, SharedTurns};
use trigger_targets::Plan;

/// From so many bytes of memory on an object is large. Ordinary ones take a tenth of it.
const LARGE: usize = 256 << 10;

/// The memory of the large objects that are rendered and created at a time, in bytes.
pub(crate) const ALL_LARGE: usize = 60 << 20;

/// The same of one namespace: the largest object fits.
pub(crate) const LARGE_OF_NAMESPACE: usize = 20 << 20;

/// Memory is counted in these.
const UNIT: usize = 1 << 10;

/// The turns of large objects: they are rendered while they are created, and not before.
pub(crate) struct RenderTurns(SharedTurns<Arc<str>>);

impl Default for RenderTurns {
    fn default() -> Self {
        Self(SharedTurns::new(ALL_LARGE / UNIT, LARGE_OF_NAMESPACE / UNIT))
    }
}

impl RenderTurns {
    /// Waits for the memory of an object. `None` if it is small.
    pub(crate) async fn acquire(&self, plan: &Plan) -> Option<SharedTurn> {
        let memory = plan.manifest.memory();
        if memory < LARGE {
            return None;
        }
        // A template may put its object into a namespace of another tenant.
        let owner = plan.subject.resource.namespace();
        Some(self.0.acquire(Arc::clone(owner), memory.div_ceil(UNIT)).await)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use trigger_core::ObjectKey;
    use trigger_targets::build_run::{BUILD, BUILD_RUN};

    use super::*;
    use crate::plan_fixture::plan_of;

    fn plan(namespace: &str, memory: usize) -> Plan {
        let key = || ObjectKey::new(namespace, "web");
        plan_of(BUILD.named(key()), None, BUILD_RUN.named(key()), memory)
    }

    #[tokio::test]
    async fn few_large_objects_are_rendered_at_a_time_and_small_ones_do_not_wait() {
        let (turns, size) = (RenderTurns::default(), 2 << 20);
        let mut held = Vec::new();
        while let Some(turn) = turns.acquire(&plan("team-b", size)).now_or_never() {
            held.push(turn);
            assert!(held.len() * size <= LARGE_OF_NAMESPACE, "all are rendered at once");
        }
        assert!(turns.acquire(&plan("team-b", 3000)).now_or_never().is_some(), "a small one");
        let other = turns.acquire(&plan("team-a", LARGE_OF_NAMESPACE)).now_or_never();
        assert!(other.flatten().is_some(), "another namespace");
        drop(held);
        assert!(turns.acquire(&plan("team-b", size)).now_or_never().flatten().is_some());
    }
}
