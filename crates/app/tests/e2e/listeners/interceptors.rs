//! Interceptors over HTTP that answer badly, or not at all.

use serde_json::{Value, json};
use trigger_journal::{OutcomeRecord, Record, State};

use super::hostile_server::HostileServer;
use super::scene::{github, trigger};
use crate::world::{World, decisions};

/// How many deliveries are worked on at a time, and how many of them may be of one tenant.
const ATTEMPTS: (u16, u64) = (4, 3);

/// A world whose program may call the server, with a listener of team-b.
async fn world(server: &HostileServer) -> World {
    let private = server.host().parse().unwrap();
    let world = World::with(|options| {
        options.listeners.interceptor_private = vec![private];
        options.work.concurrency = ATTEMPTS.0;
    })
    .await;
    world.account_of_listeners("team-a").await;
    world.listener_of_team_b().await;
    world
}

/// Creates an interceptor of a team for each of these paths of the server. Returns triggers that call them, with the paths
/// as names.
async fn calling(world: &World, server: &HostileServer, team: &str, paths: &[&str]) -> Vec<Value> {
    let mut triggers = Vec::new();
    for path in paths {
        let url = format!("http://{}/{path}", server.host());
        world.tekton(team, "Interceptor", path, json!({"clientConfig": {"url": url}})).await;
        let call = json!({"ref": {"name": path, "kind": "NamespacedInterceptor"}});
        triggers.push(trigger(path, &[github(), call]));
    }
    triggers
}

/// The messages of the triggers that are skipped.
fn messages(record: &Record) -> Vec<&str> {
    let outcomes = record.decisions.iter().map(|decision| &decision.outcome);
    let messages = outcomes.filter_map(|outcome| match outcome {
        OutcomeRecord::Skipped { message, .. } => Some(message.as_str()),
        _ => None,
    });
    messages.collect()
}

#[track_caller]
fn assert_told(record: &Record, words: &[&str]) {
    let messages = messages(record);
    for words in words {
        assert!(messages.iter().any(|message| message.contains(words)), "{words}: {messages:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_stops_its_trigger_alone() {
    let server = HostileServer::start().await;
    let world = world(&server).await;
    let paths = ["fails", "garbage", "endless", "passes"];
    let mut triggers = calling(&world, &server, "team-a", &paths).await;
    triggers.push(trigger("main", &[github()]));
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let record = world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    let expected = [
        "web/endless: interceptor-failed",
        "web/fails: interceptor-failed",
        "web/garbage: interceptor-failed",
        "web/main: fired",
        "web/passes: fired",
    ];
    assert_eq!(decisions(&record), expected);
    let words = ["has more than 1048576 bytes", "interceptor response was not 200: no", "is no JSON"];
    assert_told(&record, &words);
    // More than the bound is on its way in the buffers of both sides.
    assert!(server.sent() < 100 << 20, "{} bytes", server.sent());
    assert_eq!(world.created("team-a").await.len(), 6);
    world.team_b_works("1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_waits_for_the_answer_of_its_interceptor_alone() {
    let server = HostileServer::start().await;
    let world = world(&server).await;
    let mut triggers = calling(&world, &server, "team-a", &["hangs", "redirects"]).await;
    triggers.push(trigger("main", &[github()]));
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    for (setting, value) in [("timeout", "300ms"), ("retries", "0")] {
        let key = format!("trigger.shipwright.io/interceptor-{setting}");
        world.annotate_listener("team-a", "web", &key, value).await;
    }
    let told = world.push_to_listener("web", "1").await;
    let record = world.tried_at_listener(&told).await;
    let found = decisions(&record);
    assert!(found.contains(&"web/main: fired".to_owned()), "{found:?}");
    assert_eq!(found.iter().filter(|decision| decision.ends_with(": waits")).count(), 2, "{found:?}");
    let words = ["has not answered within 300ms", "`169.254.169.254` has no address that may be contacted"];
    assert_told(&record, &words);
    assert!(server.hanging() > 0);
    assert_eq!(world.created("team-a").await.len(), 3);
    world.team_b_works("1").await;

    server.mend();
    let record = world.settled_at_listener(&told).await;
    assert_eq!(record.state, State::Settled, "{record:?}");
    assert_eq!(decisions(&record), ["web/hangs: fired", "web/main: fired", "web/redirects: fired"]);
    assert_eq!(world.created("team-a").await.len(), 9, "nothing twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_whose_interceptors_hang_leave_room_for_those_of_others() {
    let server = HostileServer::start().await;
    let world = world(&server).await;
    let mut triggers = calling(&world, &server, "team-a", &["hangs"]).await;
    triggers.push(trigger("main", &[github()]));
    world.listener("team-a", "web", json!({"triggers": triggers})).await;
    let passes = calling(&world, &server, "team-b", &["passes"]).await;
    world.listener("team-b", "calls", json!({"triggers": passes})).await;
    for number in 0..10 {
        let told = world.push_to_listener("web", &number.to_string()).await;
        assert_eq!(told.status, 202, "{told:?}");
    }
    let claimed = async || world.program.journal.stats().await.unwrap().claimed;
    world
        .until("as many hang as one tenant may have", || async {
            (claimed().await == ATTEMPTS.1 && server.hanging() >= ATTEMPTS.1).then_some(())
        })
        .await;
    assert_eq!(world.created("team-a").await.len(), 9, "the trigger that asks no server has fired");
    let told = world.push_at(&world.listener_url("team-b", "calls"), "1").await;
    let record = world.settled_at_listener(&told).await;
    assert_eq!(decisions(&record), ["calls/passes: fired"]);
    world.team_b_works("1").await;
    assert_eq!(claimed().await, ATTEMPTS.1, "they still hang");
}
