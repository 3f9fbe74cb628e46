//! Without Tekton everything else works; what is installed later begins to work without a restart.

use serde_json::json;

use super::{on, settled, started, tekton};
use crate::world::{World, usual_rules};

#[tokio::test(flavor = "multi_thread")]
async fn tekton_may_be_installed_later() {
    let dev = crate::roles::builder().crds(trigger_api::crds::shipwright().unwrap()).start().await.unwrap();
    let world = World::on(dev, |_| {}).await;
    let Some(dev) = world.dev_only("definitions are installed while it runs") else { return };
    world.program.ready().await;
    world.hook_secret("team-a", crate::world::KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    world.deliver(&world.push_main()).await;
    assert_eq!(started(&world, "team-a").await, ["web"]);

    for definition in trigger_api::crds::tekton().unwrap() {
        dev.store().apply(definition).await.unwrap();
    }
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    settled(&world, &uid, "Succeeded").await;
    assert_eq!(started(&world, "team-a").await, ["a", "web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_breaks_off_misses_nothing() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("watches are broken on order") else { return };
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    for n in 0..10 {
        let name = format!("ci-{n}");
        let uid = tekton(&world, "team-a").create_of(&name, "ci").await;
        dev.faults().drop_watches();
        if n % 3 == 0 {
            dev.faults().compact();
        }
        tekton(&world, "team-a").end(&name, "True", "Succeeded").await;
        settled(&world, &uid, "Succeeded").await;
    }
    assert_eq!(started(&world, "team-a").await.len(), 10);
}
