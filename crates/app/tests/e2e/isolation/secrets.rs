//! A Secret that cannot be read silences its own tenant only, and that tenant for a while only.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use trigger_core::DeliveryId;
use trigger_devcluster::{DevCluster, Fault};
use trigger_journal::{Address, Query, Record, ReplayOutcome, ReplayRequest, State};
use trigger_providers::SampleKind;

use crate::world::{
    KEY, World, credential_headers, decisions, for_every_provider, rule, secret_entry, usual_rules,
};

/// A victim's push is answered within this time: a second, and what a busy machine adds.
const PROMPTLY: Duration = Duration::from_secs(3);

/// Both tenants have a Build of the repository, and one webhook key.
async fn two_tenants(change: impl FnOnce(&mut shipwright_trigger::ProgramOptions)) -> Option<World> {
    let world = World::with(change).await;
    world.dev_only("Secrets cannot be read on order")?;
    world.hook_secret("team-b", KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    Some(world)
}

fn dev(world: &World) -> &DevCluster {
    world.dev_only("it was checked before").unwrap()
}

/// Reads of Secrets in team-b have this fault.
fn break_team_b(world: &World, fault: Fault) {
    let namespaces = vec![world.namespace("team-b")];
    dev(world).faults().add(Fault { namespaces, ..fault.on("get", "secrets") });
}

/// The deliveries that wait or have waited.
async fn waiting(world: &World) -> Vec<Record> {
    let page = world.program.journal.history(Query::default()).await.unwrap();
    page.records.into_iter().filter(|record| record.verification.waiting.is_some()).collect()
}

/// The one of them, once it has been tried.
async fn tried(world: &World) -> Record {
    world
        .until("the waiting delivery is tried", || async {
            waiting(world).await.into_iter().find(|record| record.error.is_some())
        })
        .await
}

async fn runs_of_team_b(world: &World, count: usize) {
    let what = format!("team-b has {count} runs");
    world.until(&what, || async { (world.runs("team-b").await.len() == count).then_some(()) }).await;
}

fn commit(number: usize) -> String {
    // All zeros would mean that the branch was deleted.
    format!("{:040x}", number + 1)
}

for_every_provider!(a_secret_that_cannot_be_read_silences_its_own_tenant_only);
async fn a_secret_that_cannot_be_read_silences_its_own_tenant_only() {
    let Some(world) = two_tenants(|_| {}).await else { return };
    let faults = [Fault::refuse(500), Fault::refuse(403), Fault::delay(Duration::from_mins(1))];
    for (number, fault) in faults.into_iter().enumerate() {
        break_team_b(&world, fault);
        let asked = Instant::now();
        let answer = world.send(&world.push("refs/heads/main", &commit(number))).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        assert!(asked.elapsed() < PROMPTLY, "{:?}", asked.elapsed());
        let record = world.settled(&answer.delivery()).await;
        assert_eq!(record.launches.len(), 1, "{record:?}");
        assert_eq!(world.run_counts().await, (number + 1, number));

        dev(&world).faults().clear();
        runs_of_team_b(&world, number + 1).await;
    }
    assert_eq!(world.settled_run_counts().await, (3, 3), "each once");
    for record in waiting(&world).await {
        let of_team_b = |key: &trigger_core::ObjectKey| *key.namespace == *world.namespace("team-b");
        let waiting = record.verification.waiting.unwrap();
        assert_eq!((record.state, record.launches.len(), waiting.continued_as.len()), (State::Settled, 0, 1));
        let further = world.settled(&waiting.continued_as[0]).await;
        assert!(further.verification.secrets().into_iter().all(of_team_b), "{further:?}");
    }
}

for_every_provider!(a_redelivery_while_a_delivery_waits_runs_once);
async fn a_redelivery_while_a_delivery_waits_runs_once() {
    let Some(world) = two_tenants(|_| {}).await else { return };
    break_team_b(&world, Fault::refuse(500));
    for _ in 0..3 {
        let status = world.send(&world.push_main()).await.status;
        assert!(status.is_success(), "{status}");
    }
    tried(&world).await;
    dev(&world).faults().clear();
    // Now its own key verifies a redelivery at once, beside the one that waits.
    assert!(world.send(&world.push_main()).await.status.is_success());
    runs_of_team_b(&world, 1).await;
    assert_eq!(world.settled_run_counts().await, (1, 1));
    assert_eq!(world.send(&world.push_main()).await.status, StatusCode::OK);
    assert_eq!(world.settled_run_counts().await, (1, 1));
}

for_every_provider!(the_journal_holds_neither_a_token_nor_a_tag_of_a_waiting_delivery);
async fn the_journal_holds_neither_a_token_nor_a_tag_of_a_waiting_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Address::Sqlite(folder.path().join("journal.db"));
    let Some(world) = two_tenants(|options| options.journal = journal).await else { return };
    break_team_b(&world, Fault::refuse(403));
    let request = world.compose(&world.push_main());
    let headers = world.sign(request.event, crate::world::PROVIDER_ID, &request.body, Some(KEY));
    let answer = world.post_with(headers.clone(), &request.body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    tried(&world).await;

    let mut secrets: Vec<Vec<u8>> = vec![KEY.as_bytes().to_vec()];
    for name in credential_headers(world.provider, KEY) {
        let value = headers[&name].to_str().unwrap();
        // With and without what tells the kind of the signature, such as `sha256=` or `v1,`; as text and as bytes.
        let (_, tag) = value.split_once(['=', ',']).unwrap_or(("", value));
        for text in [value, tag] {
            secrets.push(text.as_bytes().to_vec());
            secrets.extend(data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()));
            secrets.extend(data_encoding::BASE64.decode(text.as_bytes()));
        }
    }
    secrets.retain(|secret| secret.len() >= 16);
    assert!(secrets.len() > 1, "the sender presents something");
    let away = world.away().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in &secrets {
            let holds = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!holds, "{} holds {}", path.display(), String::from_utf8_lossy(secret));
        }
    }

    // The program was away meanwhile, and has lost nothing.
    let world = away.back().await;
    dev(&world).faults().clear();
    runs_of_team_b(&world, 1).await;
    assert_eq!(world.settled_run_counts().await, (1, 1));
}

for_every_provider!(a_delivery_that_the_readable_secret_does_not_verify_starts_nothing);
async fn a_delivery_that_the_readable_secret_does_not_verify_starts_nothing() {
    let Some(world) = two_tenants(|_| {}).await else { return };
    world.delete_secret("team-b", "hook").await;
    world.hook_secret("team-b", "the key of team-b").await;
    break_team_b(&world, Fault::refuse(500));
    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let waits = tried(&world).await;
    dev(&world).faults().clear();
    let over = world.settled(&waits.delivery.id).await;
    assert_eq!((over.state, over.error), (State::Settled, None));
    assert!(over.verification.waiting.unwrap().presented.is_none(), "nothing is left to compare with");
    assert_eq!(world.settled_run_counts().await, (1, 0));

    // What arrives from team-b's own hook is none the worse for it.
    let theirs = world.send_signed(&world.push_main(), "the key of team-b").await;
    assert_eq!(theirs.status, StatusCode::ACCEPTED, "{theirs:?}");
    runs_of_team_b(&world, 1).await;
    assert_eq!(world.settled_run_counts().await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_whose_own_secret_cannot_be_read_is_asked_to_come_again() {
    let Some(world) = two_tenants(|_| {}).await else { return };
    world.delete_secret("team-b", "hook").await;
    world.hook_secret("team-b", "the key of team-b").await;
    for fault in [Fault::refuse(500), Fault::delay(Duration::from_mins(1))] {
        break_team_b(&world, fault);
        let asked = Instant::now();
        let answer = world.send_signed(&world.push_main(), "the key of team-b").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
        assert!(
            asked.elapsed() < Duration::from_secs(9),
            "a sender gives up after 10 s: {:?}",
            asked.elapsed()
        );
        dev(&world).faults().clear();
    }
    assert!(waiting(&world).await.is_empty(), "nothing is kept for an unknown sender");
    world.nothing_started().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_waits_too_long_fails_with_its_reason_and_can_be_replayed() {
    let Some(world) = two_tenants(|options| options.work.secret_wait = 0).await else { return };
    break_team_b(&world, Fault::refuse(403));
    let received = world.deliver(&world.push_main()).await;
    let id = tried(&world).await.delivery.id;
    let failed = world.settled(&id).await;
    let error = failed.error.unwrap();
    let name = format!("{}/hook", world.namespace("team-b"));
    assert_eq!(failed.state, State::Failed);
    assert!(error.contains(&name) && error.contains("--secret-wait"), "{error}");
    let told = world.events("team-b", "web", "SecretUnreadable").await;
    assert!(told[0].contains(&name), "{told:?}");
    let metrics = world.http.get(format!("{}/metrics", world.admin_url())).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.lines().any(|line| line.ends_with("deliveries_waiting_total 1")), "{metrics}");

    dev(&world).faults().clear();
    let replay = async |request: &str| {
        let (of, request) = (id.clone(), request.to_owned());
        let (by, from) = ("ada".to_owned(), "127.0.0.1".to_owned());
        let request = ReplayRequest { of, request, by, from, namespaces: None };
        match world.program.journal.replay(request).await.unwrap() {
            ReplayOutcome::New(id) => world.settled(&id).await,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(replay("once").await.verification.waiting.unwrap().continued_as.len(), 1);
    runs_of_team_b(&world, 1).await;
    // It has gone on by now: a second replay starts nothing further, and says which delivery that is.
    assert_eq!(replay("twice").await.verification.waiting.unwrap().continued_as.len(), 1);
    assert_eq!(world.settled_run_counts().await, (1, 1));
    assert_eq!(world.settled(&received.delivery.id).await.launches.len(), 1);
}

/// Team-b's Build names a clone Secret without a webhook key, which cannot be read when a push arrives.
async fn with_a_clone_secret(allow_unsigned: bool) -> Option<World> {
    let world = World::with(|options| options.allow_unsigned = allow_unsigned).await;
    world.dev_only("Secrets cannot be read on order")?;
    world.secret("team-b", "clone", &[("username", "u")]).await;
    world.build("team-a", "web", usual_rules()).await;
    let git = json!({"url": world.repository(), "cloneSecret": "clone"});
    world.build_of("team-b", "web", git, json!({"when": usual_rules()})).await;
    let git = json!({"url": world.repository()});
    world.build_of("team-b", "open", git, json!({"when": usual_rules()})).await;
    Some(world)
}

for_every_provider!(rules_whose_clone_secret_holds_no_key_run_when_it_can_be_read);
async fn rules_whose_clone_secret_holds_no_key_run_when_it_can_be_read() {
    for (allow, open) in [(true, 1), (false, 0)] {
        let Some(world) = with_a_clone_secret(allow).await else { return };
        break_team_b(&world, Fault::refuse(500));
        let push = world.push_main();
        world.deliver(&push).await;
        let waits = tried(&world).await.delivery.id;
        assert_eq!(world.run_counts().await, (1, open), "the rules without any Secret do not wait");
        dev(&world).faults().clear();
        let over = world.settled(&waits).await;
        let continued_as = over.verification.waiting.unwrap().continued_as;
        assert_eq!(continued_as.len(), open);
        for id in &continued_as {
            let fired = decisions(&world.settled(id).await);
            let fired: Vec<_> = fired.into_iter().filter(|line| line.ends_with("fired")).collect();
            assert_eq!(fired, ["web/push main: fired"], "and no other rule");
        }
        assert_eq!(world.settled_run_counts().await, (1, 2 * open));
        // Neither a redelivery nor a replay makes its run a second time under another name.
        assert!(world.send(&push).await.status.is_success());
        assert_eq!(world.settled_run_counts().await, (1, 2 * open));
    }
}

for_every_provider!(an_unsigned_delivery_waits_for_a_clone_secret_that_cannot_be_read);
async fn an_unsigned_delivery_waits_for_a_clone_secret_that_cannot_be_read() {
    let Some(world) = with_a_clone_secret(true).await else { return };
    break_team_b(&world, Fault::refuse(500));
    let request = world.compose(&world.push_main());
    let answer = world.post(request.event, &request.body, None).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    world.settled(&answer.delivery()).await;
    tried(&world).await;
    assert_eq!(world.run_counts().await, (0, 1), "the rules without any Secret do not wait");
    dev(&world).faults().clear();
    runs_of_team_b(&world, 2).await;
    assert_eq!(world.settled_run_counts().await, (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_delivery_is_shown_to_operators_and_to_its_tenant_when_it_is_verified() {
    let world = World::with_users().await;
    if world.dev_only("Secrets cannot be read on order").is_none() {
        return;
    }
    world.hook_secret("team-b", KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    break_team_b(&world, Fault::refuse(403));
    world.deliver(&world.push_main()).await;
    let id = tried(&world).await.delivery.id;

    let path = format!("/deliveries/{id}");
    let shown = world.ask("admin", &path).await.body;
    let secret = json!({"namespace": world.namespace("team-b"), "name": "hook"});
    let expected = json!({"secrets": [secret], "isOver": false, "continuedAs": []});
    assert_eq!(shown["verification"]["waiting"], expected, "{shown}");
    assert_eq!(shown["state"], "pending");
    assert!(shown["error"].as_str().unwrap().contains("/hook"), "{shown}");
    assert!(!shown.to_string().contains("digest"), "{shown}");
    for user in ["reader-a", "reader-b"] {
        assert_eq!(
            world.ask(user, &path).await.status,
            StatusCode::NOT_FOUND,
            "{user}: nothing verifies it yet"
        );
    }

    dev(&world).faults().clear();
    runs_of_team_b(&world, 1).await;
    world.settled(&id).await;
    let shown = world.ask("admin", &path).await.body;
    let waiting = &shown["verification"]["waiting"];
    assert_eq!(waiting["isOver"], json!(true));
    let further = waiting["continuedAs"][0].as_str().unwrap();
    let shown = world.ask("reader-b", &format!("/deliveries/{further}")).await;
    assert_eq!((shown.status, &shown.body["id"]), (StatusCode::OK, &json!(further)));
}

for_every_provider!(two_hooks_of_one_tenant_run_both_builds_once);
async fn two_hooks_of_one_tenant_run_both_builds_once() {
    let world = World::new().await;
    world.secret("team-a", "second", &[(&secret_entry(world.provider), "another key of team-a")]).await;
    world.build("team-a", "web", usual_rules()).await;
    let git = json!({"url": world.repository()});
    let trigger = json!({"triggerSecret": "second", "when": [rule("push", &["Push"], &["main"])]});
    world.build_of("team-a", "docs", git, trigger).await;
    let push = world.push_main();
    world.deliver(&push).await;
    let second = world.send_signed(&push, "another key of team-a").await;
    assert_eq!(second.status, StatusCode::ACCEPTED, "{second:?}");
    let record = world.settled(&second.delivery()).await;
    let fired: Vec<_> = decisions(&record).into_iter().filter(|line| line.ends_with("fired")).collect();
    assert_eq!(fired, ["docs/push: fired"]);
    for key in [KEY, "another key of team-a"] {
        assert_eq!(world.send_signed(&push, key).await.status, StatusCode::OK);
    }
    assert_eq!(world.settled_run_counts().await, (2, 0));
}

for_every_provider!(a_renamed_secret_or_a_build_made_again_runs_no_old_delivery);
async fn a_renamed_secret_or_a_build_made_again_runs_no_old_delivery() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    world.secret("team-a", "renamed", &[(&secret_entry(world.provider), KEY)]).await;
    world.edit_build("team-a", "web", json!({"spec": {"trigger": {"triggerSecret": "renamed"}}})).await;
    assert_eq!(world.send(&world.push_main()).await.status, StatusCode::OK);

    world.delete_build("team-a", "web").await;
    world
        .until("the Build is gone", || async { world.rules_of("team-a", "web").is_none().then_some(()) })
        .await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-a", "later", usual_rules()).await;
    assert_eq!(world.send(&world.push_main()).await.status, StatusCode::OK);
    assert_eq!(world.settled_run_counts().await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_tenants_hook_does_not_run_the_first_tenants_build_again() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("the API server refuses runs on order") else { return };
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-a", "docs", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    // One of team-a's two runs is refused, so its delivery fails.
    let refused = Fault::deny_admission("buildruns", 422, "image not allowed").times(1);
    dev.faults().add(Fault { namespaces: vec![world.namespace("team-a")], ..refused });
    let push = world.push_main();
    let failed = world.deliver(&push).await;
    assert_eq!((failed.state, world.run_counts().await), (State::Failed, (1, 0)));

    for _ in 0..3 {
        let answer = world.send_signed(&push, "the key of team-b").await;
        assert!(answer.status.is_success(), "{answer:?}");
        assert_eq!(world.settled_run_counts().await, (1, 1));
    }
    // Team-a's own redelivery makes what is missing, once.
    let answer = world.send(&push).await;
    assert_eq!((answer.status, answer.delivery()), (StatusCode::ACCEPTED, failed.delivery.id));
    assert_eq!(world.settled_run_counts().await, (2, 1));
    let all: BTreeSet<DeliveryId> =
        waiting(&world).await.into_iter().map(|record| record.delivery.id).collect();
    assert!(all.is_empty(), "{all:?}");
}

/// Thousands of Secrets of one tenant hang, on the repository of another.
#[tokio::test(flavor = "multi_thread")]
async fn many_secrets_that_hang_delay_no_other_tenant() {
    const BUILDS: usize = 300;
    let Some(world) = two_tenants(|_| {}).await else { return };
    for number in 0..BUILDS {
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Build",
            "metadata": {"name": format!("b-{number}")},
            "spec": {
                "source": {"type": "Git", "git": {"url": world.repository()}},
                "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
                "output": {"image": "registry.example/acme/web"},
                "trigger": {"triggerSecret": format!("secret-{number}"), "when": usual_rules()},
            },
        });
        world.create_build("team-b", build).await;
    }
    let last = format!("b-{}", BUILDS - 1);
    world
        .until("the program knows the Builds", || async { world.rules_of("team-b", &last).map(|_| ()) })
        .await;
    break_team_b(&world, Fault::delay(Duration::from_mins(1)));
    for number in 0..10 {
        let kind = SampleKind::Push {
            full_ref: "refs/heads/main".to_owned(),
            commit: commit(number),
            files: Vec::new(),
        };
        let asked = Instant::now();
        let answer = world.send(&world.sample(kind)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        assert!(asked.elapsed() < PROMPTLY, "{:?}", asked.elapsed());
    }
    world
        .until("team-a has its runs", || async { (world.run_counts().await == (10, 0)).then_some(()) })
        .await;
}
