//! What people see of images: the admin API, `images`, `deliveries`.

use std::process::{Command, Stdio};
use std::time::Duration;

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_devregistry::{DevRegistry, Fault};

use crate::world::World;

/// A world whose program may ask `registry`, and does so only when it is told to.
async fn world_with(registry: &DevRegistry, image_run_rate: u32) -> World {
    let host = registry.host();
    World::with_users_and(|options| {
        options.images.image_interval = 0;
        options.images.image_run_rate = image_run_rate;
        options.images.registry_private = vec!["127.0.0.1".parse().unwrap()];
        options.images.insecure_registry = vec![host.parse().unwrap()];
    })
    .await
}

/// Creates a Build that waits for an image.
async fn build(world: &World, team: &str, name: &str, image: &str) {
    let rule = json!({"name": format!("{name} on base"), "type": "Image", "github": {}, "image": {"names": [image]}});
    let git = json!({"url": world.repository()});
    world.build_of(team, name, git, json!({"when": [rule]})).await;
}

/// `images` or `deliveries` as a user of the world: the exit status, and what is printed. Tokens never are.
fn shown(world: &World, user: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    command.args(args).stdin(Stdio::null());
    command
        .env("SHIPWRIGHT_TRIGGER_SERVER", world.admin_url())
        .env("SHIPWRIGHT_TRIGGER_TOKEN", world.token(user));
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    world.check_for_tokens(&text);
    (output.status.code(), text)
}

#[track_caller]
fn print(world: &World, user: &str, args: &[&str], status: i32, parts: &[&str]) -> String {
    let (code, text) = shown(world, user, args);
    assert_eq!(code, Some(status), "{args:?}: {text}");
    for part in parts {
        assert!(text.lines().any(|line| line.contains(part)), "{args:?} does not say `{part}`:\n{text}");
    }
    text
}

/// A world on a dev cluster in which the Build `web` of team-a waits for an image that was found; and what it is
/// called.
async fn waiting_for_base(registry: &DevRegistry) -> Option<(World, String)> {
    let world = world_with(registry, 30).await;
    let base = format!("{}/base:1", registry.host());
    let digest = registry.push("base", "1", b"{}");
    build(&world, "team-a", "web", &base).await;
    known(&world, "team-a", &base, &digest).await;
    Some((world, base))
}

/// Returns when it is known what an image stands for in a team.
async fn known(world: &World, team: &str, image: &str, digest: &str) {
    let namespace = world.namespace(team);
    world
        .until("it is known what the image stands for", || async {
            let standings = world.program.images.statuses();
            let here = standings
                .iter()
                .find(|standing| *standing.namespace == namespace && standing.image.as_str() == image)?;
            (here.digest.as_ref().is_some_and(|known| known.as_str() == digest)).then_some(())
        })
        .await;
}

fn namespaces(told: &Value) -> Vec<&str> {
    told["items"].as_array().unwrap().iter().map(|item| item["namespace"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_the_images_of_their_builds() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let world = world_with(&registry, 30).await;
    let (base, missing) = (format!("{}/base:1", registry.host()), format!("{}/none:1", registry.host()));
    let digest = registry.push("base", "1", b"{}");
    for (team, name, image) in [
        ("team-a", "web", &base),
        ("team-a", "api", &base),
        ("team-b", "web", &base),
        ("team-b", "none", &missing),
    ] {
        build(&world, team, name, image).await;
    }
    known(&world, "team-a", &base, &digest).await;
    known(&world, "team-b", &base, &digest).await;
    let (team_a, team_b) = (world.namespace("team-a"), world.namespace("team-b"));
    let failing = || async {
        let told = world.ask("admin", "/images?failing=true").await.body;
        (told["items"].as_array().unwrap().len() == 1).then_some(told)
    };
    let told = world.until("the missing image fails", failing).await;
    assert_eq!((&told["items"][0]["image"], &told["items"][0]["digest"]), (&json!(missing), &Value::Null));
    assert_eq!(told["items"][0]["error"]["kind"], "not-found", "{told}");

    let told = world.ask("reader-a", "/images").await.body;
    assert_eq!(namespaces(&told), [&*team_a]);
    assert_eq!(told["items"][0]["builds"], json!(["api", "web"]));
    assert_eq!((&told["items"][0]["digest"], &told["items"][0]["next"]), (&json!(digest), &Value::Null));
    assert_eq!(
        namespaces(&world.ask("admin", &format!("/images?image={base}")).await.body),
        [&*team_a, &*team_b]
    );
    let query = format!("/images?namespace={team_b}&image={base}");
    assert_eq!(namespaces(&world.ask("admin", &query).await.body), [&*team_b]);
    assert!(namespaces(&world.ask("reader-a", &query).await.body).is_empty());
    assert_eq!(world.ask("nobody", "/images").await.body, json!({"items": []}));
    assert_eq!(world.ask("made-up", "/images").await.status, StatusCode::UNAUTHORIZED);
    for query in ["image=node@sha256:0", "failing=maybe", "colour=red"] {
        let told = world.ask("admin", &format!("/images?{query}")).await;
        assert_eq!(told.status, StatusCode::BAD_REQUEST, "{query}: {told:?}");
    }

    let text = print(&world, "reader-a", &["images", "list"], 0, &["IMAGE", &base, &digest[..19]]);
    assert!(text.lines().count() == 2 && !text.contains(&digest) && !text.contains(&team_b), "{text}");
    print(&world, "reader-a", &["images", "list", "-o", "wide"], 0, &[&digest, "api, web"]);
    print(&world, "reader-a", &["images", "list", "-o", "yaml"], 0, &["byObject: false"]);
    let (_, json) = shown(&world, "admin", &["images", "list", "--namespace", &team_b, "-o", "json"]);
    assert_eq!(namespaces(&serde_json::from_str(&json).unwrap()), [&*team_b, &*team_b]);
    let text = print(&world, "admin", &["images", "list", "--failing"], 0, &[&missing]);
    assert_eq!(text.lines().count(), 2, "{text}");
    print(
        &world,
        "reader-a",
        &["images", "list", "--failing"],
        0,
        &["No image that you may see fails to resolve"],
    );
    print(&world, "nobody", &["images", "list"], 0, &["No Build that you may see"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_checked_by_those_who_may_start_what_waits_for_it() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let Some((world, base)) = waiting_for_base(&registry).await else { return };

    let asked = registry.requests().len();
    for (user, image, status) in [
        ("reader-a", &*base, StatusCode::FORBIDDEN),
        ("reader-b", &base, StatusCode::NOT_FOUND),
        ("nobody", &base, StatusCode::NOT_FOUND),
        ("admin", "node:20", StatusCode::NOT_FOUND),
        ("admin", "node@", StatusCode::BAD_REQUEST),
        ("made-up", &base, StatusCode::UNAUTHORIZED),
    ] {
        let told = world.order(user, "/images/check", json!({"image": image})).await;
        assert_eq!(told.status, status, "{user}: {told:?}");
    }
    let there = world.order("reader-b", "/images/check", json!({"image": base})).await;
    let not = world.order("reader-b", "/images/check", json!({"image": "node:20"})).await;
    assert_eq!(there.body, not.body, "nothing tells that others wait for it");
    assert_eq!(registry.requests().len(), asked, "the registry was not asked for any of these");

    let changed = registry.push("base", "1", b"{ }");
    let team = world.namespace("team-a");
    let line = format!("  {team}: {changed} since ");
    let text =
        print(&world, "editor-a", &["images", "check", &base], 0, &[&base, &line, "(registry checked "]);
    assert!(registry.requests().len() > asked, "{text}");
    world
        .until("what waits for it was started", || async {
            (world.run_counts().await == (1, 0)).then_some(())
        })
        .await;
    let told = world.order("editor-a", "/images/check", json!({"image": base})).await;
    assert_eq!((&told.body["complete"], &told.body["items"][0]["digest"]), (&json!(true), &json!(changed)));

    registry.faults().set("base", Fault::Status(503, None));
    let text = print(
        &world,
        "editor-a",
        &["images", "check", &base],
        3,
        &["cannot be resolved: ", "; last known: ", &changed],
    );
    assert!(!text.contains(&format!("{team}: {changed}")), "{text}");
    let nearest = format!("  {base}");
    let other = base.replace(":1", ":2");
    print(&world, "editor-a", &["images", "check", &other], 3, &["Followed images:", &nearest]);
    print(&world, "nobody", &["images", "check", &base], 3, &["or for any other image"]);
    print(&world, "reader-a", &["images", "check", &base], 1, &["403 Forbidden", "ask for `create`"]);
    print(&world, "reader-a", &["images", "check", "node@"], 2, &["can never change"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_checks_while_the_registry_is_being_asked_has_it_asked_again() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let Some((world, base)) = waiting_for_base(&registry).await else { return };
    registry.faults().set_for("base", Fault::Slow(Duration::from_secs(1)), 1);
    let before = registry.requests().len();
    let check = || world.order("editor-a", "/images/check", json!({"image": base}));
    let first = check();
    let second = async {
        let is_asked = || async { (registry.requests().len() > before).then_some(()) };
        world.until("the registry is being asked", is_asked).await;
        assert_eq!(check().await.status, StatusCode::OK);
        registry.requests().len()
    };
    let (first, requests) = tokio::join!(first, second);
    assert_eq!(first.body["complete"], true);
    assert!(requests >= before + 2, "what it was before somebody asked is no answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_image_object_says_is_not_asked_for() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let world = world_with(&registry, 30).await;
    let base = format!("{}/base:1", registry.host());
    let digest = format!("sha256:{}", "b".repeat(64));
    let kind = GroupVersionKind::gvk("shipwright.io", "v1beta1", "Image");
    let resource = ApiResource::from_gvk_with_plural(&kind, "images");
    let images: Api<DynamicObject> =
        Api::namespaced_with(world.client.clone(), &world.namespace("team-a"), &resource);
    let object = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Image", "metadata": {"name": "base"},
        "spec": {"source": base}});
    images.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    let imported = json!({"status": {"hashReferences": [{"source": base, "imageReference": format!("{base}@{digest}")}]}});
    images.patch_status("base", &PatchParams::default(), &Patch::Merge(imported)).await.unwrap();
    build(&world, "team-a", "web", &base).await;
    known(&world, "team-a", &base, &digest).await;
    let asked = registry.requests().len();
    let line = format!("{digest} since ");
    print(&world, "editor-a", &["images", "check", &base], 0, &[&line, "from an Image object"]);
    print(&world, "editor-a", &["images", "list"], 0, &["by Image object"]);
    assert_eq!(registry.requests().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_tells_which_image_has_changed_and_what_waits_for_its_turn() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let world = world_with(&registry, 1).await;
    let base = format!("{}/base:1", registry.host());
    let before = registry.push("base", "1", b"{}");
    build(&world, "team-a", "api", &base).await;
    build(&world, "team-a", "web", &base).await;
    known(&world, "team-a", &base, &before).await;
    let after = registry.push("base", "1", b"{ }");
    print(&world, "editor-a", &["images", "check", &base], 0, &[&after]);
    let team = world.namespace("team-a");

    let list = || async {
        let (_, text) = shown(&world, "reader-a", &["deliveries", "list"]);
        text.contains("runs wait").then_some(text)
    };
    let list = world.until("a run is throttled", list).await;
    let row = list.lines().nth(1).unwrap();
    for part in
        ["   pending   Image ", &format!("   {base} ({team})   "), "1 of 2 runs wait: ", "; continues in "]
    {
        assert!(row.contains(part), "`{part}` is missing: {row}");
    }
    let id = row.split_whitespace().nth(1).unwrap();
    let wide =
        print(&world, "reader-a", &["deliveries", "list", "-o", "wide"], 0, &[&format!("Image {base} ")]);
    assert!(wide.contains("   images   "), "{wide}");
    let by_event = ["deliveries", "list", "--event", &format!("Image {base}")];
    print(&world, "reader-a", &by_event, 0, &[id]);
    let parts = [
        &format!("Delivery {id}  pending"),
        &format!("  received   Image {base}, "),
        "  via        the registry",
        &format!("  image      {base}"),
        &format!("  was        {before}"),
        &format!("  is         {after}, according to the registry, since "),
        &format!("  verified   observed for Builds in the namespace {team}"),
        "  attempts   1, next in ",
        "  throttled  1 of 2 runs wait: ",
        "  fired   \"api on base\": started api-",
        "  fires   \"web on base\": web-",
        " is throttled",
    ];
    let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
    let text = print(&world, "reader-a", &["deliveries", "show", id], 0, &parts);
    assert!(!text.contains("  error "), "{text}");
    let told = world.ask("reader-a", &format!("/deliveries/{id}")).await.body;
    let change = &told["images"][0];
    assert_eq!(
        (&change["from"], &change["to"], &change["source"]),
        (&json!(before), &json!(after), &json!("registry"))
    );
    assert_eq!(world.run_counts().await, (1, 0));
}
