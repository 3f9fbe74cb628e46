//! The admin API between tenants: no part of another's deliveries is seen, and none of another's requests is in the way.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trigger_core::DeliveryId;
use trigger_devcluster::Fault;
use trigger_journal::{Decided, JournalError, Query};

use super::delivery;
use crate::admin::{UNKNOWN, two_teams};
use crate::world::{KEY, World, for_every_provider, secret_entry, usual_rules};

/// A world in which one hook key verifies the deliveries of both teams.
async fn one_key_for_both() -> World {
    let world = World::with_users().await;
    world.hook_secret("team-b", KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    world
}

fn replay_of(told: &crate::ask::Told) -> DeliveryId {
    told.body["result"]["delivery"].as_str().unwrap_or_else(|| panic!("{told:?}")).parse().unwrap()
}

for_every_provider!(a_replay_is_for_the_namespaces_of_the_caller_and_not_vetoed_by_others);
async fn a_replay_is_for_the_namespaces_of_the_caller_and_not_vetoed_by_others() {
    let world = one_key_for_both().await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    assert_eq!(world.run_counts().await, (1, 1));
    let (path, team_a) = (format!("/deliveries/{id}/replay"), world.namespace("team-a"));

    let dry = world.order("editor-a", &path, json!({"dryRun": true})).await;
    assert_eq!(dry.body["result"]["namespaces"], json!([team_a]), "{dry:?}");
    assert!(!dry.body.to_string().contains(&world.namespace("team-b")), "{dry:?}");
    let told = world.order("editor-a", &path, json!({"request": "r"})).await;
    assert_eq!((told.status, &told.body["result"]["namespaces"]), (StatusCode::ACCEPTED, &json!([team_a])));
    let part = replay_of(&told);
    let record = world.settled(&part).await;
    assert_eq!(world.settled_run_counts().await, (2, 1), "team-b's rule starts nothing");
    let secrets: Vec<_> = record.verification.secrets().into_iter().map(ToString::to_string).collect();
    assert_eq!(secrets, [format!("{team_a}/hook")]);

    // The tenant who took no part neither sees it nor a trace of it.
    let unseen = world.ask("reader-b", &format!("/deliveries/{part}")).await;
    let unknown = world.ask("reader-b", &format!("/deliveries/{UNKNOWN}")).await;
    assert_eq!((unseen.status, unseen.body), (StatusCode::NOT_FOUND, unknown.body));
    let original = world.ask("reader-b", &format!("/deliveries/{id}")).await.body;
    assert_eq!((&original["replays"], &original["hidden"]), (&json!([]), &json!(true)));
    let original = world.ask("reader-a", &format!("/deliveries/{id}")).await.body;
    assert_eq!(original["replays"], json!([part.as_str()]));
    let shown = world.ask("reader-a", &format!("/deliveries/{part}")).await.body;
    assert_eq!(shown["verification"]["namespaces"], json!([team_a]));

    // The operator's request with the same key is another one, and for all.
    let told = world.order("admin", &path, json!({"request": "r"})).await;
    assert_eq!((told.status, &told.body["result"]["namespaces"]), (StatusCode::ACCEPTED, &Value::Null));
    world.settled(&replay_of(&told)).await;
    assert_eq!(world.settled_run_counts().await, (3, 2));
}

for_every_provider!(a_replay_of_an_unsigned_delivery_starts_nothing_for_others);
async fn a_replay_of_an_unsigned_delivery_starts_nothing_for_others() {
    let world = World::with_users_and(|options| options.allow_unsigned = true).await;
    let git = json!({"url": world.repository()});
    for team in ["team-a", "team-b"] {
        world.build_of(team, "open", git.clone(), json!({"when": usual_rules()})).await;
    }
    let request = world.compose(&world.push_main());
    let id = world.post(request.event, &request.body, None).await.delivery();
    world.settled(&id).await;
    assert_eq!(world.run_counts().await, (1, 1));

    let path = format!("/deliveries/{id}/replay");
    let told = world.order("editor-a", &path, json!({"request": "r"})).await;
    assert_eq!(told.status, StatusCode::ACCEPTED, "{told:?}");
    world.settled(&replay_of(&told)).await;
    assert_eq!(world.settled_run_counts().await, (2, 1));
    // A replay of the replay stays within it, also if the administrator requests it.
    let path = format!("/deliveries/{}/replay", replay_of(&told));
    let told = world.order("admin", &path, json!({"request": "r"})).await;
    world.settled(&replay_of(&told)).await;
    assert_eq!(world.settled_run_counts().await, (3, 1));
}

for_every_provider!(a_build_for_the_repository_of_another_shows_none_of_its_deliveries);
async fn a_build_for_the_repository_of_another_shows_none_of_its_deliveries() {
    let world = two_teams().await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    for suffix in ["", "/payload"] {
        let there = world.ask("reader-b", &format!("/deliveries/{id}{suffix}")).await;
        let not = world.ask("reader-b", &format!("/deliveries/{UNKNOWN}{suffix}")).await;
        assert_eq!((there.status, there.body), (StatusCode::NOT_FOUND, not.body), "{suffix}");
    }
    let order = json!({"request": "r"});
    let there = world.order("reader-b", &format!("/deliveries/{id}/replay"), order).await;
    assert_eq!(there.status, StatusCode::NOT_FOUND);
    assert_eq!(world.ask("reader-b", "/deliveries").await.body, json!({"items": [], "next": null}));

    // The Build of team-b takes nothing away from team-a: the request, the body, the error.
    let shown = world.ask("reader-a", &format!("/deliveries/{id}")).await.body;
    assert!(shown["request"]["bodySize"].as_u64().is_some(), "{shown}");

    // Equal keys make the delivery one of both, and each sees its part.
    world.delete_secret("team-b", "hook").await;
    world.hook_secret("team-b", KEY).await;
    let both = world.deliver(&world.push("refs/heads/main", &"b".repeat(40))).await.delivery.id;
    let shown = world.ask("reader-b", &format!("/deliveries/{both}")).await.body;
    assert_eq!(shown["launches"].as_array().unwrap().len(), 1);
    assert!(!shown.to_string().contains(&world.namespace("team-a")), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_shows_the_callers_secrets_and_not_who_sent_it() {
    let world = two_teams().await;
    let request = world.compose(&world.push_main());
    let answer = world.post(request.event, &request.body, Some("another key")).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let rejections = |user: &'static str| {
        let world = &world;
        world.until("the rejection is recorded", move || async move {
            let items = world.ask(user, "/rejections").await.body["items"].take();
            items.as_array().and_then(|items| items.first()).cloned()
        })
    };
    let all = rejections("admin").await;
    assert_eq!((&all["from"], all["tried"].as_array().unwrap().len()), (&json!("127.0.0.1"), 2));
    let part = rejections("reader-b").await;
    assert_eq!((&part["from"], &part["reason"], &part["hidden"]), (&Value::Null, &Value::Null, &json!(true)));
    let tried = &part["tried"].as_array().unwrap()[..];
    assert_eq!((tried.len(), &tried[0]["secret"]["namespace"]), (1, &json!(world.namespace("team-b"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_deliveries_of_others_do_not_end_a_page() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let namespace = world.namespace("team-b");
    let append = |number: usize| {
        let delivery = delivery(&namespace, &number.to_string(), Bytes::from_static(b"{}"));
        world.program.journal.append_decided(delivery, Some(Decided::default()))
    };
    // Newer than that of team-a, so that a page reads them first.
    for chunk in 0..12 {
        let appended = join_all((500 * chunk..500 * (chunk + 1)).map(append)).await;
        assert!(appended.iter().all(Result::is_ok));
    }
    let page = world.ask("reader-a", "/deliveries?limit=10").await.body;
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!((ids, &page["next"]), (vec![json!(id)], &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_reveals_no_position_in_the_history_of_others() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    for commit in ["a", "b", "c"] {
        world.deliver(&world.push("refs/heads/main", &commit.repeat(40))).await;
    }
    let next = || async {
        let page = world.ask("reader-a", "/deliveries?limit=1").await.body;
        page["next"].as_str().unwrap().to_owned()
    };
    let (one, other) = (next().await, next().await);
    assert_ne!(one, other, "the same position is written in another way each time");
    let query = Query { after: Some(one.clone()), ..Query::default() };
    assert!(matches!(world.program.journal.history(query).await, Err(JournalError::BadCursor)));
    // Every replica opens it, also after a restart.
    let path = format!("/deliveries?limit=1&after={one}");
    let page = world.ask("reader-a", &path).await.body;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let world = world.restart().await;
    assert_eq!(world.ask("reader-a", &path).await.body["items"], page["items"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_for_users_who_may_see_something_and_each_has_few() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let none = world.tell("nobody", Method::GET, "/stream", None).await;
    assert_eq!(none.status, StatusCode::FORBIDDEN, "{none:?}");
    let open = |user: &'static str| {
        let url = format!("{}/api/v1/stream", world.admin_url());
        world.http.get(url).bearer_auth(world.token(user)).send()
    };
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(open("reader-a").await.unwrap());
    }
    assert!(streams.iter().all(|stream| stream.status() == StatusCode::OK));
    let more = world.tell("reader-a", Method::GET, "/stream", None).await;
    assert_eq!(more.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(more.headers["retry-after"], "5");
    if world.dev_only("users are ServiceAccounts of one namespace there, which are one account").is_some() {
        streams.push(open("editor-a").await.unwrap());
        assert_eq!(streams.last().unwrap().status(), StatusCode::OK, "there are slots for others");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_one_user_does_not_delay_another() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let Some(dev) = world.dev_only("its reviews are delayed") else { return };
    // Known to the program before the flood, as users are.
    assert_eq!(world.ask("editor-a", "/deliveries").await.status, StatusCode::OK);
    let slow = Duration::from_millis(300);
    let reviews = Fault::delay(slow).on("create", "subjectaccessreviews").on("create", "tokenreviews");
    dev.faults().add(reviews);

    let flood = (0..250).map(|_| {
        let url = format!("{}/api/v1/deliveries", world.admin_url());
        world.http.get(url).bearer_auth(world.token("nobody")).send()
    });
    let flood = tokio::spawn(futures::future::join_all(flood));
    let invented = (0..150).map(|number| {
        let url = format!("{}/api/v1/deliveries", world.admin_url());
        world.http.get(url).bearer_auth(format!("invented-{number}")).send()
    });
    let invented = tokio::spawn(futures::future::join_all(invented));
    world
        .until("the flood has arrived", || async {
            (dev.requests().count("create", "tokenreviews.authentication.k8s.io") >= 4).then_some(())
        })
        .await;
    // It takes reviews of rights that were not asked for yet.
    let began = Instant::now();
    let url = format!("{}/api/v1/deliveries/{id}/replay", world.admin_url());
    let replay = world.http.post(url).bearer_auth(world.token("editor-a")).json(&json!({"dryRun": true}));
    assert_eq!(replay.send().await.unwrap().status(), StatusCode::OK);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    flood.abort();
    invented.abort();
}

for_every_provider!(headers_and_size_of_a_body_are_for_those_who_may_read_it);
async fn headers_and_size_of_a_body_are_for_those_who_may_read_it() {
    let world = World::with_users_and(|options| options.allow_unsigned = true).await;
    world.build("team-a", "web", usual_rules()).await;
    world.secret("team-b", "unused", &[(&secret_entry(world.provider), "another")]).await;
    let git = json!({"url": world.repository()});
    world.build_of("team-b", "open", git, json!({"when": usual_rules()})).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    assert_eq!(world.run_counts().await, (1, 1), "the operator lets the open Build act");
    let path = format!("/deliveries/{id}");
    let theirs = world.ask("reader-b", &path).await.body;
    assert_eq!((&theirs["request"]["headers"], &theirs["hidden"]), (&json!([]), &json!(true)));
    assert_eq!(theirs["request"]["bodySize"], Value::Null);
    assert_eq!(theirs["launches"].as_array().unwrap().len(), 1);
    let ours = world.ask("reader-a", &path).await.body;
    assert!(!ours["request"]["headers"].as_array().unwrap().is_empty());
}
