//! Decisions in turns: a namespace has few at a time, and each lets other tasks work in between.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use trigger_rules::interceptors::State;
use trigger_rules::listeners::{Choice, Listener, ListenerAnswers, ListenerDecided};
use trigger_runtime::KeyedSemaphore;

use crate::time_slice::TimeSlice;

/// Deliveries to the listeners of a namespace that are decided at a time. Each may need the processor for half a second.
pub(crate) const DECIDED_AT_ONCE: usize = 2;

/// The turns of namespaces in deciding deliveries.
pub(crate) struct DecisionTurns(KeyedSemaphore<Arc<str>>);

impl Default for DecisionTurns {
    fn default() -> Self {
        Self(KeyedSemaphore::new(DECIDED_AT_ONCE))
    }
}

impl DecisionTurns {
    /// The turn of a namespace, for as long as it is held.
    pub(super) async fn acquire(&self, namespace: &Arc<str>) -> OwnedSemaphorePermit {
        self.0.acquire(Arc::clone(namespace)).await
    }
}

/// Decides, and lets other tasks work in between.
pub(super) async fn decide(
    listener: &Listener,
    choice: Choice,
    event: &State,
    answers: &ListenerAnswers,
) -> ListenerDecided {
    let (mut deciding, mut slice) = (listener.deciding(choice, event, answers), TimeSlice::begin());
    while deciding.step() {
        slice.give_way().await;
    }
    deciding.finish()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;
    use jiff::Timestamp;
    use serde_json::json;
    use trigger_api::triggers::Kind;
    use trigger_core::{DeliveryId, ObjectKey};
    use trigger_expr::Headers;
    use trigger_rules::listeners::ListenerInventory;

    use super::*;
    use crate::listeners::ListenerRequest;

    #[tokio::test]
    async fn the_decisions_about_many_triggers_let_other_tasks_work_in_between() {
        let filter = "lists.range(2000).all(n, n >= 0)";
        let cel = json!({"ref": {"name": "cel"}, "params": [{"name": "filter", "value": filter}]});
        let trigger = json!({"interceptors": [cel], "template": {"spec": {"resourcetemplates": []}}});
        let spec = json!({"serviceAccountName": "ci", "triggers": vec![trigger; 50]});
        let metadata = json!({"namespace": "team-a", "name": "web", "uid": "uid"});
        let inventory = ListenerInventory::default();
        inventory.apply(Kind::EventListener, json!({"metadata": metadata, "spec": spec}));
        inventory.mark_synced();
        let listeners = inventory.current().unwrap();
        let listener = listeners.listener("team-a", "web").unwrap();
        let request = ListenerRequest {
            listener: ObjectKey::new("team-a", "web"),
            url: "/".to_owned(),
            headers: Headers::new(),
            body: Bytes::from_static(b"{}"),
            received_at: Timestamp::now(),
        };
        let (event, answers) = (request.state(&DeliveryId::derive(&[b"id"])), ListenerAnswers::default());
        // On the one thread of this test.
        let other = tokio::spawn(async {});
        let decided = decide(listener, Choice::Candidates, &event, &answers).await;
        assert!(other.is_finished(), "it waits until all triggers are decided");
        assert_eq!(decided.triggers.len(), 50);
    }

    #[tokio::test]
    async fn a_namespace_leaves_turns_to_others() {
        let (turns, [a, b]) = (DecisionTurns::default(), ["team-a", "team-b"].map(Arc::<str>::from));
        let held = futures::future::join_all((0..DECIDED_AT_ONCE).map(|_| turns.acquire(&a))).await;
        assert!(turns.acquire(&a).now_or_never().is_none());
        assert!(turns.acquire(&b).now_or_never().is_some());
        drop(held);
        assert!(turns.acquire(&a).now_or_never().is_some());
    }
}
