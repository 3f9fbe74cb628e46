//! An event that starts many objects takes a turn, and its records are bounded.

use super::*;
use crate::start_turns::MOST_LARGE_OF_TENANT;

/// The plan of an event of a listener with so many triggers of two objects each, while others hold these turns.
async fn plan_of(triggers: usize, turns: &Turns, until: Duration) -> ListenerPlan {
    let triggers: Vec<_> = (0..triggers).map(|number| trigger(&format!("t-{number}"), &[])).collect();
    let (inventory, cluster) = (inventory(&triggers, Vec::new()), Cluster::default());
    let mut kept = accepted(&inventory, push(KEY), &cluster).await;
    let events = events_of(&kept.delivery).unwrap();
    let Some(Event::Webhook(event)) = events.first() else { panic!("no request to a listener") };
    let world = silent();
    let tools = turns.tools(&inventory, &cluster, &world, &world);
    let (id, verification) = (kept.delivery.id.clone(), Verification::default());
    let subject = Subject { event, id: &id, replay: None, verification: &verification };
    plan(subject, &mut kept.facts, tools, Asked::Servers, Instant::now() + until).await
}

#[tokio::test(start_paused = true)]
async fn few_events_of_a_tenant_start_many_objects_at_a_time() {
    let (turns, soon) = (Turns::default(), Duration::from_secs(1));
    let mut held = Vec::new();
    for _ in 0..MOST_LARGE_OF_TENANT {
        let plan = plan_of(60, &turns, soon).await;
        assert_eq!(plan.plans.len(), 120);
        held.push(plan);
    }
    let waits = plan_of(60, &turns, soon).await;
    assert!(waits.plans.is_empty());
    assert!(waits.open.unwrap().contains("waits for its turn"));
    let few = plan_of(40, &turns, soon).await;
    assert_eq!((few.plans.len(), few.open), (80, None));
    held.pop();
    assert_eq!(plan_of(60, &turns, soon).await.plans.len(), 120);
}

#[tokio::test]
async fn of_many_triggers_that_fire_all_are_recorded_and_the_first_with_details() {
    let plan = plan_of(MOST_RECORDED + 20, &Turns::default(), Duration::from_mins(1)).await;
    let records = plan.decisions.records();
    let fired = |record: &&DecisionRecord| matches!(&record.outcome, OutcomeRecord::Fired { runs } if runs.len() == 2);
    assert_eq!(records.iter().filter(fired).count(), MOST_RECORDED + 20);
    assert_eq!(records.iter().filter(|record| !record.checks.is_empty()).count(), MOST_RECORDED);
}
