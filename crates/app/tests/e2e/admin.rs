//! The admin API: who may look, what they see, doing it once more.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};
use shipwright_trigger::AdminAuth;
use trigger_event::{DeliveryId, ObjectKey};
use trigger_journal::{Refusal, TriedSecret};
use trigger_providers::{GitHub, Provider};

use crate::world::{World, token, usual_rules};

const UNKNOWN: &str = "abcdefghijklmnopqrstuvwxyz";

/// A world with a Build of the same repository in each team, each with a key of its own.
async fn two_teams() -> World {
    let world = World::with_users().await;
    world.secret("team-b", "hook", &[("github-token", "the key of team-b")]).await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    world
}

fn namespaces(decisions: &Value) -> Vec<&str> {
    let found = decisions.as_array().unwrap().iter();
    found.map(|decision| decision["target"]["namespace"].as_str().unwrap()).collect()
}

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_told_nothing() {
    let world = two_teams().await;
    if world.dev.is_none() {
        return;
    }
    let id = world.deliver(&world.push_main()).await.delivery.id;
    for stranger in ["", "made-up"] {
        for path in ["/deliveries".to_owned(), format!("/deliveries/{id}"), "/stream".to_owned()] {
            let told = world.ask(stranger, &path).await;
            assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(told.headers[header::WWW_AUTHENTICATE], "Bearer");
            assert!(told.body["detail"].as_str().unwrap().contains("kubectl create token"), "{told:?}");
        }
    }
    // Who may see nothing is told the same of what is there and of what is not.
    assert_eq!(world.ask("nobody", "/deliveries").await.body, json!({"items": [], "next": null}));
    for suffix in ["", "/payload"] {
        let there = world.ask("nobody", &format!("/deliveries/{id}{suffix}")).await;
        let not = world.ask("nobody", &format!("/deliveries/{UNKNOWN}{suffix}")).await;
        assert_eq!((there.status, &there.body), (StatusCode::NOT_FOUND, &not.body));
        assert_eq!(there.status, not.status);
    }
    let order = json!({"request": "r"});
    let there = world.order("nobody", &format!("/deliveries/{id}/replay"), order.clone()).await;
    let not = world.order("nobody", &format!("/deliveries/{UNKNOWN}/replay"), order).await;
    assert_eq!((there.status, there.body), (StatusCode::NOT_FOUND, not.body));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_what_is_theirs() {
    let world = two_teams().await;
    let Some(dev) = &world.dev else { return };
    dev.simulate_builds(trigger_devcluster::SimulationOptions::default());
    let sample = world.push_main();
    let id = world.deliver(&sample).await.delivery.id;
    let (team_a, team_b) = (world.namespace("team-a"), world.namespace("team-b"));
    let path = format!("/deliveries/{id}");

    let ended = || async {
        let told = world.ask("admin", &path).await.body;
        (told["launches"][0]["now"]["state"] == "ended").then_some(told)
    };
    let told = world.until("the run has ended", ended).await;
    assert_eq!(told["kind"], "delivery");
    assert_eq!(namespaces(&told["decisions"]), [&*team_a, &*team_a, &*team_b, &*team_b]);
    assert_eq!(told["verification"]["secrets"], json!([{"namespace": team_a, "name": "hook"}]));
    assert_eq!(told["launches"][0]["now"]["succeeded"], true);
    assert_eq!((&told["state"], &told["hidden"]), (&json!("settled"), &json!(false)));
    assert_eq!(told["request"]["event"], "push");
    let body = GitHub.compose(&sample).body;
    assert_eq!(told["request"]["bodySize"], body.len());

    let told = world.ask("reader-a", &path).await.body;
    assert_eq!(namespaces(&told["decisions"]), [&*team_a, &*team_a]);
    assert_eq!(told["hidden"], true);
    assert_eq!(told["launches"][0]["run"]["namespace"], *team_a);
    assert!(!told.to_string().contains(&team_b), "{told}");

    let told = world.ask("reader-b", &path).await.body;
    assert_eq!(namespaces(&told["decisions"]), [&*team_b, &*team_b]);
    assert_eq!((&told["verification"]["secrets"], &told["launches"]), (&json!([]), &json!([])));
    assert!(!told.to_string().contains(&team_a), "{told}");

    for (user, status) in [("admin", 200), ("reader-a", 200), ("reader-b", 403)] {
        let url = format!("{}/api/v1{path}/payload", world.admin_url());
        let answer = world.http.get(url).bearer_auth(token(user)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{user}");
        if status == 200 {
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
            assert_eq!(answer.bytes().await.unwrap(), body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_and_paged() {
    let world = World::with_users().await;
    if world.dev.is_none() {
        return;
    }
    world.secret("team-b", "hook", &[("github-token", "the key of team-b")]).await;
    world.build("team-a", "web", usual_rules()).await;
    let other = json!({"url": format!("{}-other", world.repository())});
    world.build_of("team-b", "web", other, json!({"triggerSecret": "hook", "when": usual_rules()})).await;
    let mut theirs = Vec::new();
    for number in 0..12 {
        let mut push = world.push("refs/heads/main", &format!("{number:x}").repeat(40));
        if number % 3 == 0 {
            push.repository = trigger_event::RepoId::parse(&format!("{}-other", world.repository())).unwrap();
            let answer = world.send_signed(&push, "the key of team-b").await;
            world.settled(&answer.delivery()).await;
        } else {
            theirs.push(world.deliver(&push).await.delivery.id.to_string());
        }
    }
    theirs.reverse();
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = world.ask("reader-a", &format!("/deliveries?limit=3{after}")).await.body;
        found.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(ids(&page).len(), 3, "no page but the last has less than what was asked for");
        after = format!("&after={next}");
    }
    assert_eq!(found, theirs);
    assert_eq!(ids(&world.ask("admin", "/deliveries").await.body).len(), 12);

    let spelled = format!("/deliveries?repository=git@github.com:{}.git", &world.repository()[19..]);
    assert_eq!(ids(&world.ask("admin", &spelled).await.body), theirs);
    for (query, count) in [
        ("event=push&state=settled", 12),
        ("event=ping", 0),
        ("state=failed", 0),
        ("until=2020-01-01T00:00:00Z", 0),
        ("since=2020-01-01T00:00:00Z", 12),
    ] {
        assert_eq!(
            ids(&world.ask("admin", &format!("/deliveries?{query}")).await.body).len(),
            count,
            "{query}"
        );
    }
    for query in
        ["limit=0", "limit=501", "after=x", "state=odd", "since=today", "colour=red", "repository=%2F"]
    {
        let told = world.ask("admin", &format!("/deliveries?{query}")).await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST, "{query}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_starts_one_run_and_says_who_asked() {
    let world = World::with_users().await;
    if world.dev.is_none() {
        return;
    }
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
    assert_eq!((&origin.of, &*origin.by, &*origin.from), (&id, "editor-a", "127.0.0.1"));
    assert_eq!(world.run_counts().await, (2, 0));

    let again = world.order("editor-a", &path, json!({"request": "r"})).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.body["result"], json!({"status": "known", "delivery": replay.as_str()}));
    assert_eq!(world.run_counts().await, (2, 0), "asked twice, done once");

    let old = world.ask("reader-a", &format!("/deliveries/{id}")).await.body;
    assert_eq!(old["replays"], json!([replay.as_str()]));
    let new = world.ask("reader-a", &format!("/deliveries/{replay}")).await.body;
    assert_eq!(new["replay"], json!({"of": id.as_str(), "by": "editor-a", "from": "127.0.0.1"}));

    let both = json!({"ids": [id.as_str(), UNKNOWN, "x"], "request": "many"});
    let told = world.order("editor-a", "/replays", both.clone()).await.body;
    let statuses = |told: &Value| -> Vec<Value> {
        told["items"].as_array().unwrap().iter().map(|item| item["result"]["status"].clone()).collect()
    };
    assert_eq!(statuses(&told), ["new", "missing", "missing"]);
    assert_eq!(statuses(&world.order("reader-a", "/replays", both).await.body)[0], "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_needs_every_namespace_it_concerns() {
    let world = two_teams().await;
    if world.dev.is_none() {
        return;
    }
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let path = format!("/deliveries/{id}/replay");
    let told = world.order("editor-a", &path, json!({"request": "r"})).await;
    assert_eq!(told.status, StatusCode::FORBIDDEN);
    assert!(!told.body.to_string().contains("team-b"), "{told:?}");
    assert_eq!(world.order("admin", &path, json!({"request": "r"})).await.status, StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_signed_is_for_those_who_see_everything() {
    let world = World::with_users_and(|options| options.allow_unsigned = true).await;
    if world.dev.is_none() {
        return;
    }
    let git = json!({"url": world.repository()});
    world.build_of("team-a", "open", git.clone(), json!({"when": usual_rules()})).await;
    let request = GitHub.compose(&world.push_main());
    let id = world.post("push", &request.body, None).await.delivery();
    let record = world.settled(&id).await;
    assert!(record.proof.unsigned && record.proof.secrets.is_empty());

    let path = format!("/deliveries/{id}");
    let told = world.ask("reader-a", &path).await.body;
    assert_eq!(told["decisions"].as_array().unwrap().len(), 2, "a Build of theirs was decided about");
    assert_eq!(world.ask("reader-a", &format!("{path}/payload")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.ask("reader-b", &path).await.status, StatusCode::NOT_FOUND);

    // Today it would start something elsewhere too, so more than the old rights are needed.
    let replay = json!({"dryRun": true});
    let replay_path = format!("{path}/replay");
    assert_eq!(world.order("editor-a", &replay_path, replay.clone()).await.status, StatusCode::OK);
    world.build_of("team-b", "open", git, json!({"when": usual_rules()})).await;
    let told = world.order("editor-a", &replay_path, replay.clone()).await;
    assert_eq!(told.status, StatusCode::FORBIDDEN, "{told:?}");
    assert_eq!(world.order("admin", &replay_path, replay).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_orders_are_refused_with_what_to_do() {
    let world = World::with_users().await;
    if world.dev.is_none() {
        return;
    }
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
    let form = world.http.post(&url).bearer_auth(token("admin")).body("{}").send().await.unwrap();
    assert_eq!(form.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let odd = world.http.get(&url).send().await.unwrap();
    assert_eq!(odd.status(), StatusCode::METHOD_NOT_ALLOWED);
    let lost = world.http.get(format!("{}/api/v2", world.admin_url())).send().await.unwrap();
    assert_eq!(lost.status(), StatusCode::NOT_FOUND);
    assert_eq!(lost.headers()[header::CONTENT_TYPE], "application/problem+json");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_for_those_whose_secrets_were_tried() {
    let world = World::with_users().await;
    if world.dev.is_none() {
        return;
    }
    let tried = |team: &str| TriedSecret {
        secret: ObjectKey::new(world.namespace(team), "hook"),
        finding: format!("the signature is not one of this key ({team})"),
    };
    let refusal = |name: &str, status: u16, tried: Vec<TriedSecret>| Refusal {
        at: Timestamp::now(),
        times: 2,
        delivery: DeliveryId::derive(&[name.as_bytes()]),
        status,
        answer: "unauthorized".to_owned(),
        reason: format!("reason of {name}"),
        source: "github".to_owned(),
        path: "/hooks/github".to_owned(),
        event: "push".to_owned(),
        provider_id: None,
        repository: Some("github.com/acme/web".to_owned()),
        from: Some("192.0.2.1".to_owned()),
        tried,
    };
    let all = vec![
        refusal("nobody's", 404, vec![]),
        refusal("both", 401, vec![tried("team-a"), tried("team-b")]),
        refusal("a", 401, vec![tried("team-a")]),
    ];
    let (both, none) = (all[1].delivery.clone(), all[0].delivery.clone());
    world.program.journal.refuse(all).await.unwrap();

    assert_eq!(ids(&world.ask("admin", "/refusals").await.body).len(), 3);
    assert_eq!(ids(&world.ask("admin", "/refusals?limit=1").await.body).len(), 1);
    let told = world.ask("reader-a", "/refusals").await.body;
    assert_eq!(ids(&told).len(), 2);
    assert!(!told.to_string().contains("team-b"), "{told}");
    assert_eq!(ids(&world.ask("nobody", "/refusals").await.body).len(), 0);

    let told = world.ask("reader-b", &format!("/deliveries/{both}")).await.body;
    let found = &told["refusals"][0];
    assert_eq!((&told["kind"], &found["hidden"]), (&json!("refusal"), &json!(true)));
    assert_eq!((&found["reason"], found["tried"].as_array().unwrap().len()), (&Value::Null, 1));
    let told = world.ask("admin", &format!("/deliveries/{both}")).await.body;
    assert_eq!(told["refusals"][0]["reason"], "reason of both");
    assert_eq!(world.ask("reader-a", &format!("/deliveries/{none}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.ask("admin", &format!("/deliveries/{none}")).await.status, StatusCode::OK);
}

/// Listens to the stream as somebody.
struct Ear {
    response: Response,
    heard: String,
}

impl Ear {
    async fn of(world: &World, user: &str) -> Self {
        let url = format!("{}/api/v1/stream", world.admin_url());
        let response = world.http.get(url).bearer_auth(token(user)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { response, heard: String::new() }
    }

    /// Listens until `wanted` has been heard.
    async fn hear(&mut self, wanted: &str) {
        while !self.heard.contains(wanted) {
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk());
            let chunk = chunk.await.expect("nothing more is heard").unwrap().expect("the stream ended");
            self.heard.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The states in which a delivery was heard of.
    fn states(&self, id: &DeliveryId) -> Vec<String> {
        let data = self.heard.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|text| serde_json::from_str::<Value>(text).unwrap())
            .filter(|item| item["id"] == id.as_str())
            .map(|item| item["state"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_streamed_to_those_who_may_see_them() {
    let world = World::with_users().await;
    if world.dev.is_none() {
        return;
    }
    world.build("team-a", "web", usual_rules()).await;
    let before = world.deliver(&world.push("refs/heads/main", &"a".repeat(40))).await.delivery.id;
    let mut reader = Ear::of(&world, "reader-a").await;
    let mut other = Ear::of(&world, "reader-b").await;
    let mut admin = Ear::of(&world, "admin").await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    for ear in [&mut reader, &mut admin] {
        ear.hear("\"state\":\"settled\"").await;
        let states = ear.states(&id);
        assert_eq!(states.last().unwrap(), "settled");
        let mut once = states.clone();
        once.dedup();
        assert_eq!(states, once, "each change is told once");
        assert!(ear.states(&before).is_empty(), "what was known is no news");
    }
    // A delivery of team-b comes behind; what the reader of team-b hears first is that.
    world.secret("team-b", "hook", &[("github-token", "the key of team-b")]).await;
    world.build("team-b", "web", usual_rules()).await;
    let answer = world.send_signed(&world.push("refs/heads/dev", &"b".repeat(40)), "the key of team-b").await;
    other.hear("\"state\":\"settled\"").await;
    assert!(!other.states(&answer.delivery()).is_empty());
    assert!(other.states(&id).is_empty(), "{}", other.heard);
    drop((reader, admin));
    // A stream that is open does not hold up the end.
    let ending = std::time::Instant::now();
    let World { program, .. } = world;
    program.stop().await;
    assert!(ending.elapsed() < Duration::from_secs(10), "{:?}", ending.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_listen() {
    let world = World::with_users().await;
    if world.dev.is_none() {
        return;
    }
    let mut ears = Vec::new();
    for _ in 0..64 {
        ears.push(Ear::of(&world, "admin").await);
    }
    assert_eq!(world.ask("admin", "/stream").await.status, StatusCode::SERVICE_UNAVAILABLE);
    ears.clear();
    world
        .until("there is room again", || async {
            let url = format!("{}/api/v1/stream", world.admin_url());
            let answer = world.http.get(url).bearer_auth(token("admin")).send().await.unwrap();
            (answer.status() == StatusCode::OK).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_found_out_by_writing() {
    let world = World::new().await;
    let url = format!("{}/readyz", world.admin_url());
    let ready = || async {
        let answer = world.http.get(&url).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    assert_eq!(ready().await, (StatusCode::OK, "ok\n".to_owned()));
    world.program.journal.close().await;
    let (_, reason) = world
        .until("it is no longer ready", || async {
            let (status, reason) = ready().await;
            (status == StatusCode::SERVICE_UNAVAILABLE).then_some((status, reason))
        })
        .await;
    assert!(reason.starts_with("not ready: the journal is unavailable"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anybody_at_the_door_everybody_may() {
    let world = World::with(|options| options.access.admin_auth = AdminAuth::None).await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let told = world.order("", &format!("/deliveries/{id}/replay"), json!({"request": "r"})).await;
    assert_eq!(told.status, StatusCode::ACCEPTED);
    let replay = told.body["result"]["delivery"].as_str().unwrap().parse().unwrap();
    assert_eq!(world.settled(&replay).await.delivery.replay.unwrap().by, "anonymous");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_answers() {
    let world = World::with_users().await;
    if world.dev.is_none() {
        return;
    }
    let document = world.ask("nobody", "/openapi.json").await.body;
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths {
        let path = path.strip_prefix("/api/v1").unwrap().replace("{id}", UNKNOWN);
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let told = world.tell("", method, &path, None).await;
            assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{path} is not open to strangers");
        }
    }
    assert_eq!(paths.len(), 8);
}
