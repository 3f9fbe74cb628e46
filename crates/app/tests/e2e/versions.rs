//! Scenario 21: a Build with an Image or Pipeline entry and no `github` beside it. Upstream's conversion to
//! `v1alpha1` breaks on it, for everybody who asks for that version. We do not.

use serde_json::json;

use crate::pipelines::{on, settled, started, tekton};
use crate::world::{World, decisions, rule};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_storage_version_is_ever_asked_for() {
    let world = World::new().await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    let image = json!({"name": "base", "type": "Image", "github": {}, "image": {"names": ["ghcr.io/some/base-image:latest"]}});
    let rules = json!([rule("push main", &["Push"], &["main"]), image, on("ci", &["Succeeded"])]);
    world.build("team-a", "web", rules).await;
    let record = world.deliver(&world.push_main()).await;
    assert_eq!(decisions(&record), ["web/push main: fired"]);
    let uid = tekton(&world, "team-a").create_of("ci-1", "ci").await;
    tekton(&world, "team-a").end("ci-1", "True", "Succeeded").await;
    settled(&world, &uid, "Succeeded").await;
    assert_eq!(started(&world, "team-a").await, ["web", "web"]);

    let log = dev.requests().log();
    let ours = log.iter().filter(|request| request.kind.resource.ends_with(".shipwright.io"));
    let versions: std::collections::BTreeSet<_> = ours.map(|request| request.version.as_str()).collect();
    assert_eq!(versions.into_iter().collect::<Vec<_>>(), ["v1beta1"]);
}
