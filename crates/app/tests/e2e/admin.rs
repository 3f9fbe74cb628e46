//! The admin API: authentication, and the parts of deliveries that each user sees.

use jiff::Timestamp;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use trigger_core::{DeliveryId, ObjectKey};
use trigger_journal::{Rejection, TriedSecret};

use crate::world::{World, for_every_provider, secret_entry, usual_rules};

/// A well-formed id of no delivery.
pub const UNKNOWN: &str = "abcdefghijklmnopqrstuvwxyz";

/// A world with a Build of the same repository in each team, each with a key of its own.
pub async fn two_teams() -> World {
    let world = World::with_users().await;
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    world
}

fn namespaces(decisions: &Value) -> Vec<&str> {
    let found = decisions.as_array().unwrap().iter();
    found.map(|decision| decision["owner"]["namespace"].as_str().unwrap()).collect()
}

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_without_a_token_of_the_cluster_get_401() {
    let world = two_teams().await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    for token in ["", "made-up"] {
        for path in ["/deliveries".to_owned(), format!("/deliveries/{id}"), "/stream".to_owned()] {
            let response = world.ask(token, &path).await;
            assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(response.headers[header::WWW_AUTHENTICATE], "Bearer");
            assert!(
                response.body["detail"].as_str().unwrap().contains("kubectl create token"),
                "{response:?}"
            );
        }
    }
    // A user without permissions gets the same response for a stored and for an unknown delivery.
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

for_every_provider!(a_user_sees_the_parts_in_their_namespaces);
async fn a_user_sees_the_parts_in_their_namespaces() {
    let world = two_teams().await;
    world.simulate_builds(trigger_simulation::SimulationOptions::default());
    let sample = world.push_main();
    let id = world.deliver(&sample).await.delivery.id;
    let (team_a, team_b) = (world.namespace("team-a"), world.namespace("team-b"));
    let path = format!("/deliveries/{id}");

    let ended = || async {
        let response = world.ask("admin", &path).await.body;
        (response["launches"][0]["state"]["phase"] == "ended").then_some(response)
    };
    let response = world.until("the run has ended", ended).await;
    assert_eq!(response["kind"], "delivery");
    // team-b's rules, which nothing has verified, share a decision.
    assert_eq!(namespaces(&response["decisions"]), [&*team_a, &*team_a, &*team_b]);
    assert_eq!(response["decisions"][2]["further"], 1);
    let key = json!({"secret": {"namespace": team_a, "name": "hook"}, "entry": secret_entry(world.provider)});
    assert_eq!(response["verification"]["keys"], json!([key]));
    assert_eq!(response["verification"]["route"], format!("/hooks/{}", world.provider.name()));
    assert_eq!(response["launches"][0]["state"]["succeeded"], true);
    assert_eq!((&response["state"], &response["hidden"]), (&json!("settled"), &json!(false)));
    let request = world.compose(&sample);
    assert_eq!(response["request"]["event"], request.event);
    let body = request.body;
    assert_eq!(response["request"]["bodySize"], body.len());

    let response = world.ask("reader-a", &path).await.body;
    assert_eq!(namespaces(&response["decisions"]), [&*team_a, &*team_a]);
    assert_eq!(response["hidden"], true);
    let run = &response["launches"][0]["run"];
    assert_eq!((&run["group"], &run["kind"]), (&json!("shipwright.io"), &json!("BuildRun")));
    assert_eq!(run["namespace"], *team_a);
    assert!(!response.to_string().contains(&team_b), "{response}");

    let response = world.ask("reader-b", &path).await;
    assert_eq!(response.status, StatusCode::NOT_FOUND, "no key of team-b verified it: {response:?}");

    for (user, status) in [("admin", 200), ("reader-a", 200), ("reader-b", 404)] {
        let url = format!("{}/api/v1{path}/payload", world.admin_url());
        let answer = world.http.get(url).bearer_auth(world.token(user)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{user}");
        if status == 200 {
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
            assert_eq!(answer.bytes().await.unwrap(), body);
        }
    }
}

for_every_provider!(lists_are_filtered_and_paged);
async fn lists_are_filtered_and_paged() {
    let world = World::with_users().await;
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    let other = json!({"url": format!("{}-other", world.repository())});
    world.build_of("team-b", "web", other, json!({"triggerSecret": "hook", "when": usual_rules()})).await;
    let mut theirs = Vec::new();
    // The commit of nothing but zeros stands for a deletion.
    for number in 1..=12 {
        let mut push = world.push("refs/heads/main", &format!("{number:x}").repeat(40));
        if number % 3 == 0 {
            push.repository = trigger_core::RepoId::parse(&format!("{}-other", world.repository())).unwrap();
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
        assert_eq!(ids(&page).len(), 3, "only the last page is shorter than the limit");
        after = format!("&after={next}");
    }
    assert_eq!(found, theirs);
    assert_eq!(ids(&world.ask("admin", "/deliveries").await.body).len(), 12);

    let spelled = format!("/deliveries?repository={}", world.scp_repository());
    assert_eq!(ids(&world.ask("admin", &spelled).await.body), theirs);
    let event = world.compose(&world.push_main()).event.replace(' ', "%20");
    for (query, count) in [
        (&*format!("event={event}&state=settled"), 12),
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
        let response = world.ask("admin", &format!("/deliveries?{query}")).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{query}: {response:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_visible_where_a_secret_was_tried() {
    let world = World::with_users().await;
    let tried = |team: &str| TriedSecret {
        secret: ObjectKey::new(world.namespace(team), "hook"),
        finding: format!("the signature is not one of this key ({team})"),
    };
    let rejection = |name: &str, status: u16, tried: Vec<TriedSecret>| Rejection {
        at: Timestamp::now(),
        times: 2,
        delivery: DeliveryId::derive(&[name.as_bytes()]),
        status,
        answer: "unauthorized".to_owned(),
        reason: format!("reason of {name}"),
        source: world.provider.name().to_owned(),
        path: world.hook_path().to_owned(),
        event: "push".to_owned(),
        provider_id: None,
        repository: Some("git.example/acme/web".to_owned()),
        from: Some("192.0.2.1".to_owned()),
        tried,
    };
    let all = vec![
        rejection("nobody's", 404, vec![]),
        rejection("both", 401, vec![tried("team-a"), tried("team-b")]),
        rejection("a", 401, vec![tried("team-a")]),
    ];
    let (both, none) = (all[1].delivery.clone(), all[0].delivery.clone());
    world.program.journal.reject(all).await.unwrap();

    assert_eq!(ids(&world.ask("admin", "/rejections").await.body).len(), 3);
    assert_eq!(ids(&world.ask("admin", "/rejections?limit=1").await.body).len(), 1);
    let response = world.ask("reader-a", "/rejections").await.body;
    assert_eq!(ids(&response).len(), 2);
    assert!(!response.to_string().contains("team-b"), "{response}");
    assert_eq!(ids(&world.ask("nobody", "/rejections").await.body).len(), 0);

    let response = world.ask("reader-b", &format!("/deliveries/{both}")).await.body;
    let found = &response["rejections"][0];
    assert_eq!((&response["kind"], &found["hidden"]), (&json!("rejection"), &json!(true)));
    assert_eq!((&found["reason"], found["tried"].as_array().unwrap().len()), (&Value::Null, 1));
    let response = world.ask("admin", &format!("/deliveries/{both}")).await.body;
    assert_eq!(response["rejections"][0]["reason"], "reason of both");
    assert_eq!(world.ask("reader-a", &format!("/deliveries/{none}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.ask("admin", &format!("/deliveries/{none}")).await.status, StatusCode::OK);
}
