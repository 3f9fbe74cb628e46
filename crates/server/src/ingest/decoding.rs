use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use trigger_dispatch::BodyMemory;
use trigger_rules::interceptors::Body;
use trigger_runtime::KeyedSemaphore;

use super::body::{Memory, Share};
use super::response::HookResponse;

/// The memory of bodies that are read as JSON while they are looked at. A body of many small parts takes fifty times its
/// length, so the memory of its bytes does not bound that.
///
/// As for bodies, small ones have a share of their own: large ones take no room from ordinary events.
/// One that needs more than the share of the large ones is alone in it.
pub(super) struct DecodeBudget {
    small: Memory,
    large: Memory,
    namespaces: KeyedSemaphore<Arc<str>>,
}

/// A body that needs as much counts as small, in bytes. An ordinary event needs a third of it.
pub(crate) const SMALL_DECODED: usize = 1 << 20;
/// All small ones together.
pub(crate) const ALL_SMALL_DECODED: usize = 32 << 20;
/// All large ones together.
pub(crate) const ALL_LARGE_DECODED: usize = 48 << 20;

/// Bodies for the listeners of one namespace that are read and decided at a time. Each may need the processor for half a
/// second.
pub(crate) const DECODED_OF_NAMESPACE: usize = 2;
/// How long a request waits for that. A sender waits for 10 s.
const WAIT_FOR_TURN: Duration = Duration::from_secs(4);

impl Default for DecodeBudget {
    fn default() -> Self {
        let (small, large) = (Memory::new(ALL_SMALL_DECODED), Memory::new(ALL_LARGE_DECODED));
        Self { small, large, namespaces: KeyedSemaphore::new(DECODED_OF_NAMESPACE) }
    }
}

impl DecodeBudget {
    /// Waits for the memory to read a body that needs so many bytes.
    async fn wait_for(&self, bytes: usize) -> Result<Share, HookResponse> {
        let memory = if bytes <= SMALL_DECODED { &self.small } else { &self.large };
        memory.wait_for(bytes).await
    }
}

impl BodyMemory for DecodeBudget {
    fn for_body<'a>(
        &'a self,
        namespace: &'a Arc<str>,
        body: &'a [u8],
    ) -> BoxFuture<'a, Option<Box<dyn Send>>> {
        async move {
            let turn = self.namespaces.acquire(Arc::clone(namespace));
            let turn = tokio::time::timeout(WAIT_FOR_TURN, turn).await.ok()?;
            let share = self.wait_for(Body::memory_of(body)).await.ok()?;
            Some(Box::new((turn, share)) as Box<dyn Send>)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::NO_MEMORY;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_namespace_leaves_turns_to_others() {
        let (budget, body) = (DecodeBudget::default(), b"{}".as_slice());
        let [a, b]: [Arc<str>; 2] = ["team-a".into(), "team-b".into()];
        let held = futures::future::join_all((0..DECODED_OF_NAMESPACE).map(|_| budget.for_body(&a, body)));
        let held = held.await;
        assert!(budget.for_body(&a, body).await.is_none());
        assert!(budget.for_body(&b, body).await.is_some());
        drop(held);
        assert!(budget.for_body(&a, body).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_take_turns_and_leave_room_for_small_ones() {
        let budget = DecodeBudget::default();
        let held = budget.wait_for(2 * ALL_LARGE_DECODED).await.ok().unwrap();
        assert_eq!(budget.wait_for(SMALL_DECODED + 1).await.err(), Some(NO_MEMORY));
        let most = ALL_SMALL_DECODED / SMALL_DECODED;
        let small = futures::future::try_join_all((0..most).map(|_| budget.wait_for(SMALL_DECODED))).await;
        assert!(small.is_ok());
        drop(held);
        assert!(budget.wait_for(SMALL_DECODED + 1).await.is_ok());
    }
}
