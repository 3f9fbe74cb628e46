//! What is launched, retried and given up.

use std::time::Duration;

use trigger_core::{Delivery, ObjectKey, ResourceRef};
use trigger_dispatch::Retry;
use trigger_journal::{AppendOutcome, History, Record, State};

use super::{World, fault, push};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_before_every_build_has_been_seen() {
    let world = World::new(&["web"], |_| {});
    let (id, appended) = world.append(push('a')).await;
    assert_eq!(appended, AppendOutcome::New);
    assert_eq!(world.journal.find(&id).await.unwrap().unwrap().state, State::Pending);
    world.synced.send_replace(true);
    assert_eq!(world.ended(&id).await.state, State::Settled);
    assert_eq!(world.script.created().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_may_pass_is_tried_again_and_nothing_runs_twice() {
    let world = World::new(&["steady", "shaky"], |_| {});
    world.script.tell("shaky", [fault(Retry::Later), fault(Retry::Later), fault(Retry::Later)]);
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!((record.state, record.attempts, record.error), (State::Settled, 4, None));
    assert_eq!(world.script.created().len(), 2, "one run each, however often it was tried");
    assert_eq!(world.script.asked("steady"), 1, "what was launched is not launched again");
    assert_eq!(world.script.asked("shaky"), 4);
    assert!(
        record.launches.iter().all(|launch| !launch.existed && launch.error.is_none()),
        "{:?}",
        record.launches
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_launched_stays_on_record_when_its_rule_is_gone() {
    let world = World::new(&["steady", "shaky"], |_| {});
    world.script.tell("shaky", (0..100_000).map(|_| fault(Retry::Later)));
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let steady =
        |record: &Record| record.launches.iter().any(|launch| launch.run.name().starts_with("steady"));
    while !steady(&world.journal.find(&id).await.unwrap().unwrap()) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let steady_build = ResourceRef::new("shipwright.io", "Build", ObjectKey::new("team-a", "steady"));
    world.inventory.delete(&steady_build);
    world.script.tell("shaky", []);
    let record = world.ended(&id).await;
    assert_eq!(record.state, State::Settled);
    assert!(steady(&record) && record.launches.len() == 2, "{:?}", record.launches);
}

#[tokio::test]
async fn a_build_that_is_deleted_while_its_run_waits_gets_none() {
    let world = World::new(&["gone", "web"], |_| {});
    world.script.tell("gone", [fault(Retry::Later)]);
    world.script.gone.lock().unwrap().push("gone".to_owned());
    let (id, _) = world.append(push('1')).await;
    world.synced.send_replace(true);
    let record = world.ended(&id).await;
    assert_eq!((record.state, record.attempts), (State::Settled, 2), "{record:?}");
    let of = |build: &str| {
        let decision = record.decisions.iter().find(|decision| **decision.owner.name() == *build);
        format!("{:?}", decision.unwrap().outcome)
    };
    assert!(
        of("gone").contains("Build team-a/gone was deleted before its run could be created"),
        "{record:?}"
    );
    assert!(of("web").contains("web-"), "{record:?}");
    assert_eq!((world.script.asked("gone"), world.script.created().len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_cannot_pass_ends_it_and_leaves_the_neighbour_alone() {
    let world = World::new(&["steady", "refused"], |_| {});
    world.script.tell("refused", [fault(Retry::Never)]);
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!((record.state, record.attempts), (State::Failed, 1));
    assert!(
        record.error.as_deref().is_some_and(|error| error.contains("the server says no")),
        "{:?}",
        record.error
    );
    assert_eq!(world.script.created().len(), 1);

    let (same, appended) = world.append(push('a')).await;
    assert_eq!((&same, appended), (&id, AppendOutcome::Reopened));
    assert_eq!(world.ended(&id).await.state, State::Settled);
    assert_eq!(world.script.created().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_is_given_up() {
    let world = World::new(&["web"], |settings| settings.give_up_after = Duration::ZERO);
    world.script.tell("web", [fault(Retry::Later)]);
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!(record.state, State::Failed);
    assert!(record.error.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_cannot_be_understood_fails_with_its_reason() {
    let world = World::new(&["web"], |_| {});
    world.synced.send_replace(true);
    let (id, _) = world.append(Delivery { source: "elsewhere".into(), ..push('a') }).await;
    let record = world.ended(&id).await;
    assert_eq!(record.state, State::Failed);
    assert!(record.error.as_deref().is_some_and(|error| error.contains("`elsewhere`")), "{:?}", record.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_panics_fails_and_the_others_go_on() {
    let world = World::new(&["web"], |settings| settings.concurrency = 1);
    world.script.panics.lock().unwrap().push("web".to_owned());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!((record.state, record.attempts), (State::Failed, 1));
    assert!(record.error.as_deref().is_some_and(|error| error.contains("panicked")), "{:?}", record.error);

    world.script.panics.lock().unwrap().clear();
    let (next, _) = world.append(push('b')).await;
    assert_eq!(world.ended(&next).await.state, State::Settled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launch_that_hangs_does_not_hold_up_its_neighbours() {
    let world = World::new(&["hanging", "steady"], |settings| {
        settings.launch = Duration::from_millis(20);
        settings.give_up_after = Duration::ZERO;
    });
    world.script.stuck.lock().unwrap().push("hanging".to_owned());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    assert_eq!(record.state, State::Failed);
    let launch =
        |build: &str| record.launches.iter().find(|launch| launch.run.name().starts_with(build)).unwrap();
    assert_eq!(launch("steady").error, None);
    assert_eq!(launch("hanging").error.as_deref(), Some("the API server did not answer in time"));
    assert_eq!(record.decisions.len(), 2, "and what was decided is known");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_has_an_end_and_keeps_what_it_has_done() {
    let world = World::new(&["hanging", "steady"], |settings| {
        settings.attempt = Duration::from_millis(50);
        settings.give_up_after = Duration::ZERO;
    });
    world.script.stuck.lock().unwrap().push("hanging".to_owned());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let record = world.ended(&id).await;
    let faults: Vec<_> = record.launches.iter().map(|launch| launch.error.is_some()).collect();
    assert_eq!(faults.iter().filter(|fault| **fault).count(), 1, "{:?}", record.launches);
    assert_eq!(world.script.created().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_hangs_at_the_end_keeps_what_it_has_done_and_leaves_the_rest_to_others() {
    let world = World::new(&["hanging", "steady"], |settings| settings.ending = Duration::from_millis(50));
    world.script.stuck.lock().unwrap().push("hanging".to_owned());
    world.synced.send_replace(true);
    let (id, _) = world.append(push('a')).await;
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let left = loop {
        if world.script.asked("hanging") == 1 && world.script.created().len() == 1 {
            world.stop.cancel();
        }
        // Looked at only now: before the attempt began it was pending too.
        let record = world.journal.find(&id).await.unwrap().unwrap();
        if world.stop.is_cancelled() && record.state == State::Pending {
            break record;
        }
        assert!(std::time::Instant::now() < deadline, "it is not given back: {record:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    let done: Vec<_> = left.launches.iter().filter(|launch| launch.error.is_none()).collect();
    assert_eq!(done.len(), 1, "{:?}", left.launches);
    assert!(done[0].run.name().starts_with("steady"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_runs_are_slow_to_create_leaves_room_for_others() {
    let world = World::new(&["noisy/stuck", "quiet/web"], |settings| {
        settings.concurrency = 4;
        settings.per_tenant = 3;
    });
    world.script.stuck.lock().unwrap().push("stuck".to_owned());
    world.synced.send_replace(true);
    for commit in '0'..='9' {
        world.append_of("noisy", push(commit)).await;
    }
    for commit in 'a'..='f' {
        let (id, _) = world.append_of("quiet", push(commit)).await;
        assert_eq!(world.ended(&id).await.state, State::Settled);
    }
    assert_eq!(world.script.asked("stuck"), 3, "as many as one tenant may have under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_tenants_whose_runs_are_slow_to_create_leave_room_for_others() {
    let world = World::new(&["first/stuck", "second/stuck", "quiet/web"], |settings| {
        settings.concurrency = 8;
        settings.per_tenant = 6;
        settings.launch = settings.attempt;
    });
    world.script.stuck.lock().unwrap().push("stuck".to_owned());
    for commit in '1'..='6' {
        world.append_of("first", push(commit)).await;
    }
    for commit in ['7', '8', '9', 'a', 'b'] {
        world.append_of("second", push(commit)).await;
    }
    world.synced.send_replace(true);
    while world.script.asked("stuck") < 6 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for commit in 'c'..='f' {
        let (id, _) = world.append_of("quiet", push(commit)).await;
        assert_eq!(world.ended(&id).await.state, State::Settled);
    }
    assert_eq!(world.script.asked("stuck"), 6, "three quarters for both together");
}
