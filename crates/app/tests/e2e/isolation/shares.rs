//! The shares of tenants in the journal: who sees them, and what counts.

use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_core::DeliveryId;

use crate::world::{World, for_every_provider, usual_rules};

/// Sends a push that `key` signs, with a body of about 660 KB as stored: no compression makes it shorter.
async fn deliver_large(world: &World, key: &str) -> DeliveryId {
    let request = world.compose(&world.push_main());
    let mut payload: Value = serde_json::from_slice(&request.body).unwrap();
    let noise =
        (0..110_000_u64).map(|number| format!("{:06x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40));
    payload["noise"] = noise.collect::<String>().into();
    let answer = world.post(request.event, payload.to_string().as_bytes(), Some(key)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let id = answer.delivery();
    world.settled(&id).await;
    id
}

/// A world in which each tenant may store 1 MiB, and team-b has stored more than half of it.
async fn nearly_full() -> (World, DeliveryId) {
    let world = World::with_users_and(|options| options.retention.tenant_quota = 1).await;
    world.hook_secret("team-b", "the key of team-b").await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    let id = deliver_large(&world, "the key of team-b").await;
    (world, id)
}

for_every_provider!(the_status_shows_who_fills_the_journal_and_a_tenant_its_own_share);
async fn the_status_shows_who_fills_the_journal_and_a_tenant_its_own_share() {
    let (world, _) = nearly_full().await;
    let (team_a, team_b) = (world.namespace("team-a"), world.namespace("team-b"));
    let namespaces = |told: &crate::ask::Told| -> Vec<String> {
        let items = told.body["items"].as_array().unwrap_or_else(|| panic!("{told:?}"));
        items.iter().map(|item| item["namespace"].as_str().unwrap().to_owned()).collect()
    };
    let whole = world.ask("admin", "/status").await;
    assert_eq!(namespaces(&whole), [team_b.clone(), team_a.clone()], "the largest first");
    assert!(whole.body["items"][0]["journalBytes"].as_u64().unwrap() > 500_000, "{whole:?}");
    assert_eq!(
        (&whole.body["tenantQuota"], &whole.body["journal"]["namespaces"]),
        (&json!(1 << 20), &json!(2))
    );

    let theirs = world.ask("reader-a", "/status").await;
    assert_eq!((namespaces(&theirs), &theirs.body["journal"]), (vec![team_a], &Value::Null));
    let hidden = world.ask("reader-a", &format!("/status?namespace={team_b}")).await;
    assert_eq!(namespaces(&hidden), Vec::<String>::new());

    let metrics = crate::metrics::text(&world).await;
    let largest = metrics
        .lines()
        .find_map(|line| line.strip_prefix("shipwright_trigger_journal_largest_tenant_bytes "));
    assert!(largest.unwrap().parse::<u64>().unwrap() > 500_000, "{metrics}");
    assert!(!metrics.contains(&team_b), "no name of a namespace is a label");
}

for_every_provider!(a_replay_beyond_the_share_of_its_tenant_is_rejected_with_the_remedy);
async fn a_replay_beyond_the_share_of_its_tenant_is_rejected_with_the_remedy() {
    let (world, id) = nearly_full().await;
    let told = world.order("admin", &format!("/deliveries/{id}/replay"), json!({"request": "r"})).await;
    assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE, "{told:?}");
    let detail = told.body["detail"].as_str().unwrap();
    assert!(detail.contains(&world.namespace("team-b")) && detail.contains("--tenant-quota"), "{detail}");
    let record = world.program.journal.find(&id).await.unwrap().unwrap();
    assert!(record.body_kept, "the original made no room for its copy");
}
