//! Making the program start what nobody with the key has asked for.

use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_core::RepoId;
use trigger_providers::SampleKind;

use crate::world::{
    KEY, PROVIDER_ID, SHA, World, decisions, for_every_provider, played, replace_texts, repository_of,
    secret_entry, usual_rules,
};

const THEIRS: &str = "the key of team-b";

for_every_provider!(a_captured_delivery_on_another_path_runs_nothing);
async fn a_captured_delivery_on_another_path_runs_nothing() {
    let name = played().name();
    let paths = [format!("{name}=/hooks/{name}"), format!("{name}=/from/elsewhere")];
    let world =
        World::with(|options| options.hook_paths = paths.map(|path| path.parse().unwrap()).to_vec()).await;
    world.build("team-a", "web", usual_rules()).await;
    let known = world.deliver(&world.push_main()).await.delivery.id;

    let push = world.compose(&world.push_main());
    let captured = world.sign(push.event, PROVIDER_ID, &push.body, Some(KEY));
    let url = format!("http://{}/from/elsewhere", world.program.hooks);
    let again = world.post_to(&url, captured, &push.body).await;
    assert_eq!((again.status, again.delivery()), (StatusCode::OK, known));
    assert_eq!(world.settled_run_counts().await, (1, 0));
}

for_every_provider!(a_captured_delivery_under_another_event_runs_nothing);
/// The name of the event is no part of what is signed, so the payload has to be one of it.
async fn a_captured_delivery_under_another_event_runs_nothing() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let push = world.compose(&world.push_main());
    let pull_request = world.compose(&world.pull_request("opened", "feature", "main")).event;
    let ping = world.provider.compose(&world.sample(SampleKind::Ping)).ok().map(|ping| ping.event);
    world.deliver(&world.push_main()).await;
    for event in [pull_request, "made_up_event"].into_iter().chain(ping) {
        let answer = world.post(event, &push.body, Some(KEY)).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{event}: {answer:?}");
    }
    // One that was never seen, under a name that it does not have.
    let fresh = world.compose(&world.push("refs/heads/main", &"b".repeat(40))).body;
    assert_eq!(world.post(pull_request, &fresh, Some(KEY)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.settled_run_counts().await, (1, 0));
}

for_every_provider!(a_signed_body_is_read_in_one_way_only);
/// The content type is no part of what is signed either. Others choose texts in a payload, such as a title, so one of
/// them could hold a form with another payload.
async fn a_signed_body_is_read_in_one_way_only() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let wanted = world.compose(&world.push_main()).body;
    let wanted: String = form_urlencoded::byte_serialize(&wanted).collect();
    let push = world.compose(&world.push("refs/heads/other", SHA));
    let text = String::from_utf8(push.body).unwrap();
    for form in [format!("&payload={wanted}&"), format!("&payload={wanted}"), format!("payload={wanted}&")] {
        let body = text.replacen('{', &format!("{{\"x\":\"{form}\","), 1).into_bytes();
        let mut headers = world.sign(push.event, PROVIDER_ID, &body, Some(KEY));
        assert_eq!(
            world.post_with(headers.clone(), &body).await.status,
            StatusCode::ACCEPTED,
            "it is signed"
        );
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        let answer = world.post_with(headers, &body).await;
        assert!(matches!(answer.status.as_u16(), 400 | 415), "{form:.20}: {answer:?}");
    }
    world.nothing_started().await;
}

for_every_provider!(a_key_opens_the_own_builds_whatever_the_payload_names);
/// Whoever has a key of their own may write any repository into the payload.
async fn a_key_opens_the_own_builds_whatever_the_payload_names() {
    let world = World::new().await;
    world.hook_secret("team-b", THEIRS).await;
    world.build("team-a", "web", usual_rules()).await;
    let own = &repository_of(world.provider, "mallory/own");
    world
        .build_of(
            "team-b",
            "own",
            json!({"url": own}),
            json!({"triggerSecret": "hook", "when": usual_rules()}),
        )
        .await;
    assert_eq!(
        world.send_signed(&world.push_main(), THEIRS).await.status,
        StatusCode::UNAUTHORIZED,
        "it names team-a's repository only"
    );
    // The first address stays, which is for people; all others are Git's.
    let push = world.compose(&world.push_main());
    let mut payload: Value = serde_json::from_slice(&push.body).unwrap();
    let shown = world.repository();
    let host = RepoId::parse(&shown).unwrap().host().to_owned();
    replace_texts(&mut payload, &mut |text| {
        (text.contains(&host) && text != shown).then(|| own.as_str().into())
    });
    let answer = world.post(push.event, payload.to_string().as_bytes(), Some(THEIRS)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let record = world.settled(&answer.delivery()).await;
    let fired: Vec<_> = decisions(&record).into_iter().filter(|line| line.ends_with("fired")).collect();
    assert_eq!(fired, ["own/push main: fired"]);
    assert_eq!(world.settled_run_counts().await, (0, 1));
}

for_every_provider!(every_key_is_tried_whichever_is_right);
/// How much is done for a delivery says nothing about which key is near: all are tried, whether the first one
/// verifies it, the last, or none.
async fn every_key_is_tried_whichever_is_right() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    let names = ["one", "two", "three"];
    let entry = secret_entry(world.provider);
    let previous = format!("{entry}.previous");
    for name in names {
        let (now, before) = (format!("key of {name}"), format!("former key of {name}"));
        world.secret("team-a", name, &[(&entry, &now), (&previous, &before)]).await;
        let git = json!({"url": world.repository()});
        let trigger = json!({"triggerSecret": name, "when": usual_rules()});
        world.build_of("team-a", &format!("web-{name}"), git, trigger).await;
    }
    let keys = ["key of one", "former key of one", "key of three", "former key of three", "none of them"];
    for (number, key) in keys.iter().enumerate() {
        dev.requests().reset();
        let push = world.push("refs/heads/main", &format!("{number}").repeat(40));
        let answer = world.send_signed(&push, key).await;
        let expected = if *key == "none of them" { StatusCode::UNAUTHORIZED } else { StatusCode::ACCEPTED };
        assert_eq!(answer.status, expected, "{key}");
        assert_eq!(dev.requests().count("get", "secrets"), 3, "{key}");
    }
    let rejections = world
        .until("the refusal is noted", || async {
            let rejections = world.program.journal.rejections().await.unwrap();
            (!rejections.is_empty()).then_some(rejections)
        })
        .await;
    let mut findings: Vec<_> = rejections[0].tried.iter().map(|tried| tried.finding.as_str()).collect();
    findings.dedup();
    assert_eq!(findings, ["none of its 2 keys verifies the signature"]);
    assert_eq!(rejections[0].tried.len(), names.len());
}

for_every_provider!(a_look_alike_of_a_repository_is_another);
/// Names that look alike to people are others.
async fn a_look_alike_of_a_repository_is_another() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let known = RepoId::parse(&world.repository()).unwrap();
    let name = known.path().rsplit('/').next().unwrap().to_owned();
    let push = world.compose(&world.push_main());
    let payload: Value = serde_json::from_slice(&push.body).unwrap();
    let host = known.host();
    for address in [
        // Cyrillic а, a mark of direction, a space without width, full width.
        format!("https://{host}/\u{430}cme/{name}"),
        format!("https://{host}/acme\u{202e}/{name}"),
        format!("https://{host}/acme/{name}\u{200b}"),
        format!("https://{host}/\u{ff41}cme/{name}"),
        format!("https://{}/acme/{name}", host.replace('e', "\u{435}")),
        // Hosts that begin or end with another.
        format!("https://{host}@mallory.example/acme/{name}"),
        format!("https://mallory.example/{host}/acme/{name}"),
        format!("https://{host}.mallory.example/acme/{name}"),
        format!("https://{host}\\@mallory.example/acme/{name}"),
        // Ways around.
        format!("https://{host}/mallory/../acme/{name}"),
        format!("https://{host}/mallory/%2e%2e/acme/{name}"),
        format!("https://{host}/mallory%2f..%2facme/{name}"),
        format!("https://{host}/acme/{name}%00"),
        format!("https://{host}/acme/{name}\u{0}"),
        format!("file:///acme/{name}"),
        format!("ext::sh -c id% {host}/acme/{name}"),
    ] {
        let mut payload = payload.clone();
        replace_texts(&mut payload, &mut |text| text.contains(&name).then(|| address.as_str().into()));
        let answer = world.post(push.event, payload.to_string().as_bytes(), Some(KEY)).await;
        assert!(
            [StatusCode::BAD_REQUEST, world.unused()].contains(&answer.status),
            "{address:?}: {answer:?}"
        );
    }
    world.nothing_started().await;
}

for_every_provider!(a_look_alike_of_a_branch_is_another);
async fn a_look_alike_of_a_branch_is_another() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    for (number, branch) in [
        "ma\u{456}n",
        "main\u{200b}",
        "\u{202e}niam",
        "MAIN",
        "\u{ff4d}ain",
        "refs/heads/main",
        "main/x",
        "x/main",
        // Git lets a push create it. It is compared as text, and never becomes an argument.
        "--upload-pack=id",
    ]
    .into_iter()
    .enumerate()
    {
        let push = world.push(&format!("refs/heads/{branch}"), &format!("{}", number + 1).repeat(40));
        let record = world.deliver(&push).await;
        assert_eq!(
            decisions(&record),
            ["web/pr main: event-not-listed", "web/push main: branch-not-listed"],
            "{branch:?}"
        );
    }
    for branch in ["main\u{0}", "main\n", "main\u{1b}[2J", "main\u{7f}", "main..x", "main lock"] {
        let answer = world.send(&world.push(&format!("refs/heads/{branch}"), &"c".repeat(40))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{branch:?}");
    }
    world.nothing_started().await;
}
