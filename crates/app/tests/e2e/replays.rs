//! Replays, as the admin API carries them out.

use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use trigger_core::DeliveryId;

use crate::admin::UNKNOWN;
use crate::world::{World, for_every_provider, usual_rules};

for_every_provider!(a_replay_starts_one_run_and_says_who_asked);
async fn a_replay_starts_one_run_and_says_who_asked() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let path = format!("/deliveries/{id}/replay");

    let dry = world.order("editor-a", &path, json!({"dryRun": true})).await;
    assert_eq!((dry.status, &dry.body["result"]["status"]), (StatusCode::OK, &json!("dry-run")));
    let verdicts: Vec<_> = dry.body["result"]["decisions"].as_array().unwrap().iter().collect();
    assert_eq!(verdicts[0]["outcome"], json!({"verdict": "fired"}));
    assert_eq!(world.run_counts().await, (1, 0), "a dry run starts nothing");

    assert_eq!(world.order("reader-a", &path, json!({"request": "r"})).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        world.order("reader-a", &path, json!({"dryRun": true})).await.status,
        StatusCode::FORBIDDEN,
        "what a replay would do is for those who may have it done"
    );
    let first = world.order("editor-a", &path, json!({"request": "r"})).await;
    assert_eq!((first.status, &first.body["result"]["status"]), (StatusCode::ACCEPTED, &json!("new")));
    let replay: DeliveryId = first.body["result"]["delivery"].as_str().unwrap().parse().unwrap();
    let record = world.settled(&replay).await;
    let origin = record.delivery.replay.unwrap();
    assert_eq!((&origin.of, &*origin.by, &*origin.from), (&id, world.name_of("editor-a"), "127.0.0.1"));
    assert_eq!(world.run_counts().await, (2, 0));

    let again = world.order("editor-a", &path, json!({"request": "r"})).await;
    assert_eq!(again.status, StatusCode::OK);
    let known =
        json!({"status": "known", "delivery": replay.as_str(), "namespaces": [world.namespace("team-a")]});
    assert_eq!(again.body["result"], known);
    assert_eq!(world.settled_run_counts().await, (2, 0), "asked twice, done once");

    let old = world.ask("reader-a", &format!("/deliveries/{id}")).await.body;
    assert_eq!(old["replays"], json!([replay.as_str()]));
    let new = world.ask("reader-a", &format!("/deliveries/{replay}")).await.body;
    assert_eq!(
        new["replay"],
        json!({"of": id.as_str(), "by": world.name_of("editor-a"), "from": "127.0.0.1"})
    );

    let both = json!({"ids": [id.as_str(), UNKNOWN, "x"], "request": "many"});
    let told = world.order("editor-a", "/replays", both.clone()).await.body;
    let statuses = |told: &Value| -> Vec<Value> {
        told["items"].as_array().unwrap().iter().map(|item| item["result"]["status"].clone()).collect()
    };
    assert_eq!(statuses(&told), ["new", "missing", "missing"]);
    assert_eq!(statuses(&world.order("reader-a", "/replays", both).await.body)[0], "forbidden");
}

for_every_provider!(what_nobody_signed_is_for_those_who_see_everything);
async fn what_nobody_signed_is_for_those_who_see_everything() {
    let world = World::with_users_and(|options| options.allow_unsigned = true).await;
    let git = json!({"url": world.repository()});
    world.build_of("team-a", "open", git.clone(), json!({"when": usual_rules()})).await;
    let request = world.compose(&world.push_main());
    let id = world.post(request.event, &request.body, None).await.delivery();
    let record = world.settled(&id).await;
    assert!(record.verification.unsigned.is_allowed() && record.verification.keys.is_empty());

    let path = format!("/deliveries/{id}");
    let told = world.ask("reader-a", &path).await.body;
    assert_eq!(told["decisions"].as_array().unwrap().len(), 2, "a Build of theirs was decided about");
    assert_eq!(world.ask("reader-a", &format!("{path}/payload")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.ask("reader-b", &path).await.status, StatusCode::NOT_FOUND);

    // Today it would start something elsewhere too, which is for others to replay.
    let replay = json!({"dryRun": true});
    let replay_path = format!("{path}/replay");
    assert_eq!(world.order("editor-a", &replay_path, replay.clone()).await.status, StatusCode::OK);
    world.build_of("team-b", "open", git, json!({"when": usual_rules()})).await;
    let told = world.order("editor-a", &replay_path, replay.clone()).await;
    assert_eq!(told.status, StatusCode::OK, "{told:?}");
    assert_eq!(told.body["result"]["namespaces"], json!([world.namespace("team-a")]));
    assert!(!told.body.to_string().contains("team-b"), "{told:?}");
    let told = world.order("admin", &replay_path, replay).await.body;
    assert!(told.to_string().contains(&world.namespace("team-b")), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_orders_are_refused_with_what_to_do() {
    let world = World::with_users().await;
    for body in [
        json!({}),
        json!({"ids": []}),
        json!({"ids": [], "request": "r"}),
        json!({"ids": vec![UNKNOWN; 101], "request": "r"}),
        json!({"ids": [UNKNOWN]}),
        json!({"ids": [UNKNOWN], "request": ""}),
        json!({"ids": [UNKNOWN], "request": "r".repeat(201)}),
        json!({"ids": [UNKNOWN], "request": "r", "dryrun": true}),
    ] {
        let told = world.order("admin", "/replays", body.clone()).await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST, "{body}: {told:?}");
    }
    let large = json!({"ids": [UNKNOWN], "request": "r".repeat(70_000)});
    assert_eq!(world.order("admin", "/replays", large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let url = format!("{}/api/v1/replays", world.admin_url());
    let form = world.http.post(&url).bearer_auth(world.token("admin")).body("{}").send().await.unwrap();
    assert_eq!(form.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let odd = world.http.get(&url).send().await.unwrap();
    assert_eq!(odd.status(), StatusCode::METHOD_NOT_ALLOWED);
    let lost = world.http.get(format!("{}/api/v2", world.admin_url())).send().await.unwrap();
    assert_eq!(lost.status(), StatusCode::NOT_FOUND);
    assert_eq!(lost.headers()[header::CONTENT_TYPE], "application/problem+json");
}
