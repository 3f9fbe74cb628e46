//! Scenario 5: several tenants, one repository.

use reqwest::StatusCode;
use serde_json::json;

use crate::world::{World, decisions, for_every_provider, rule, usual_rules};

for_every_provider!(a_signature_opens_the_own_namespace_only);
async fn a_signature_opens_the_own_namespace_only() {
    let world = World::new().await;
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    let git = json!({"url": world.repository()});
    world.build_of("team-b", "open", git, json!({"when": usual_rules()})).await;

    let record = world.deliver(&world.push_main()).await;
    // One decision for all rules that the signature does not open.
    assert_eq!(
        decisions(&record),
        [
            "open/push main: no-secret",
            "web/pr main: event-not-listed",
            "web/push main: fired",
            "web/push main: secret-did-not-verify",
        ]
    );
    assert_eq!(record.decisions.iter().map(|decision| decision.further).sum::<usize>(), 2);
    assert_eq!(world.run_counts().await, (1, 0));
    let secrets: Vec<_> = record.verification.secrets().into_iter().map(ToString::to_string).collect();
    assert_eq!(secrets, [format!("{}/hook", world.namespace("team-a"))]);
}

for_every_provider!(two_hooks_at_the_provider_serve_two_tenants);
async fn two_hooks_at_the_provider_serve_two_tenants() {
    // Both tenants made a hook, so the provider sends one body twice, signed with either key.
    let world = World::new().await;
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    let push = world.push_main();
    world.deliver(&push).await;
    let second = world.send_signed(&push, "the key of team-b").await;
    assert_eq!(second.status, StatusCode::ACCEPTED);
    let record = world.settled(&second.delivery()).await;
    assert_eq!(world.run_counts().await, (1, 1));
    let secrets: Vec<_> = record.verification.secrets().into_iter().map(ToString::to_string).collect();
    assert_eq!(
        secrets,
        [format!("{}/hook", world.namespace("team-b"))],
        "team-a's rules are not decided again"
    );

    for key in [crate::world::KEY, "the key of team-b"] {
        assert_eq!(world.send_signed(&push, key).await.status, StatusCode::OK);
    }
    assert_eq!(world.settled_run_counts().await, (1, 1));
}

for_every_provider!(a_push_whose_record_another_tenant_had_pruned_runs);
async fn a_push_whose_record_another_tenant_had_pruned_runs() {
    let world = World::with(|options| options.retention.tenant_quota = 1).await;
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    // Their decisions fill the share of the tenant, so that of its oldest deliveries the keys alone stay.
    let long = "r".repeat(400);
    let rules: Vec<_> = (0..400)
        .map(|number| rule(&format!("{number} {long}"), &["Push"], &[&format!("release-{number}")]))
        .collect();
    world.build("team-b", "long", rules.into()).await;
    // A share counts once another tenant stores something.
    world.deliver(&world.push("refs/heads/main", &"f".repeat(40))).await;
    let push = world.push_main();
    let first = world.send_signed(&push, "the key of team-b").await;
    assert_eq!(first.status, StatusCode::ACCEPTED);
    world.settled(&first.delivery()).await;
    for number in 1.. {
        assert!(number < 64, "the record of the first is still whole");
        let other = world.push("refs/heads/main", &format!("{number:02x}").repeat(20));
        let sent = world.send_signed(&other, "the key of team-b").await;
        world.settled(&sent.delivery()).await;
        let known = world.program.journal.find(&first.delivery()).await.unwrap().unwrap();
        if known.decisions.is_empty() {
            break;
        }
    }

    world.deliver(&push).await;
    assert_eq!(world.settled_run_counts().await, (2, 0));
}

for_every_provider!(equal_keys_in_two_namespaces_open_both);
async fn equal_keys_in_two_namespaces_open_both() {
    let world = World::new().await;
    world.secret("team-b", "hook", &[("webhook-secret", crate::world::KEY)]).await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    assert_eq!(world.run_counts().await, (1, 1));
}

for_every_provider!(the_clone_secret_serves_if_it_holds_a_webhook_key);
async fn the_clone_secret_serves_if_it_holds_a_webhook_key() {
    let world = World::new().await;
    let secret_entries = world.provider.secret_entries();
    world.secret("team-a", "clone", &[("username", "u"), (&secret_entries[1], "a key beside")]).await;
    let git = json!({"url": world.repository(), "cloneSecret": "clone"});
    world.build_of("team-a", "web", git, json!({"when": usual_rules()})).await;
    let answer = world.send_signed(&world.push_main(), "a key beside").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    world.settled(&answer.delivery()).await;
    assert_eq!(world.run_counts().await, (1, 0));
}

for_every_provider!(only_the_operator_lets_unsigned_deliveries_in);
async fn only_the_operator_lets_unsigned_deliveries_in() {
    for (allow, expected) in [(false, StatusCode::UNAUTHORIZED), (true, StatusCode::ACCEPTED)] {
        let world = World::with(|options| options.allow_unsigned = allow).await;
        world.secret("team-a", "clone", &[("username", "u")]).await;
        world.build("team-a", "signed", usual_rules()).await;
        let git = json!({"url": world.repository()});
        world.build_of("team-a", "open", git, json!({"when": usual_rules()})).await;
        let git = json!({"url": world.repository(), "cloneSecret": "clone"});
        world.build_of("team-a", "cloning", git, json!({"when": usual_rules()})).await;

        let request = world.compose(&world.push_main());
        let answer = world.post(request.event, &request.body, None).await;
        assert_eq!(answer.status, expected);
        if allow {
            let record = world.settled(&answer.delivery()).await;
            let fired: Vec<_> =
                decisions(&record).into_iter().filter(|line| line.ends_with("fired")).collect();
            assert_eq!(fired, ["cloning/push main: fired", "open/push main: fired"]);
        }
    }
}

for_every_provider!(a_tenant_that_has_used_up_its_share_of_the_journal_is_rejected_alone);
async fn a_tenant_that_has_used_up_its_share_of_the_journal_is_rejected_alone() {
    let world = World::with(|options| options.retention.tenant_quota = 1).await;
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;

    // Twice the quota, of what no compression makes shorter.
    let request = world.compose(&world.push_main());
    let mut payload: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let noise =
        (0..700_000_u64).map(|number| format!("{:06x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40));
    payload["noise"] = noise.collect::<String>().into();
    let body = payload.to_string();
    let answer = world.post(request.event, body.as_bytes(), Some("the key of team-b")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let rejection = world
        .until("the rejection is recorded", || async {
            world.program.journal.rejections().await.unwrap().into_iter().next()
        })
        .await;
    assert!(rejection.reason.contains(&world.namespace("team-b")), "{rejection:?}");
    assert!(rejection.reason.contains("--tenant-quota"), "{rejection:?}");

    let ready = reqwest::get(format!("{}/readyz", world.admin_url())).await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    world.deliver(&world.push("refs/heads/main", &"ab".repeat(20))).await;
    assert_eq!(world.settled_run_counts().await, (2, 0));
}
