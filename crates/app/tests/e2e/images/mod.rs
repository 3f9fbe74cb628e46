//! Rules of type Image: an image that changes starts the Builds that wait for it. The tests play the registry,
//! and the controller of Image objects.

mod distribution;
mod faults;
mod loops;
mod objects;
mod private;
mod registry;
mod restarts;
mod together;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use shipwright_trigger::ProgramOptions;
use trigger_core::{Digest, ImageRef};
use trigger_devregistry::DevRegistry;
use trigger_images::ImageStatus;
use trigger_journal::Stats;

use crate::pipelines::{now, started};
use crate::world::World;

/// A rule that waits for images.
pub fn on(name: &str, images: &[&str]) -> Value {
    json!({"name": name, "type": "Image", "github": {}, "image": {"names": images}})
}

/// Creates a Build that pushes `output`; returns when the program knows it.
pub async fn build(world: &World, team: &str, name: &str, output: &str, rules: Value) {
    build_with(world, team, name, output, rules, json!({})).await;
}

pub async fn build_with(world: &World, team: &str, name: &str, output: &str, rules: Value, notes: Value) {
    let build = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": name, "annotations": notes},
        "spec": {
            "source": {"type": "Git", "git": {"url": world.repository()}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": output},
            "trigger": {"when": rules},
        },
    });
    world.create_build(team, build).await;
    world.until("the program knows the Build", || async { world.rules_of(team, name).map(|_| ()) }).await;
}

/// The controller of Image objects, in one namespace.
pub struct Objects(Api<DynamicObject>);

pub fn objects(world: &World, team: &str) -> Objects {
    let kind = GroupVersionKind::gvk("shipwright.io", "v1beta1", "Image");
    let resource = ApiResource::from_gvk_with_plural(&kind, "images");
    Objects(Api::namespaced_with(world.client.clone(), &world.namespace(team), &resource))
}

impl Objects {
    pub async fn create(&self, name: &str, source: &str) {
        let object = json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Image",
            "metadata": {"name": name},
            "spec": {"source": source},
        });
        let object = serde_json::from_value(object).unwrap();
        self.0.create(&PostParams::default(), &object).await.unwrap();
    }

    /// Imports what the image is now, newest first.
    pub async fn import(&self, name: &str, contents: &[&str]) {
        self.import_from(name, "ghcr.io/some/base-image", contents).await;
    }

    /// The same with the registry of a mirror.
    pub async fn import_from(&self, name: &str, registry: &str, contents: &[&str]) {
        let import = |content: &&str| {
            json!({
                "importedAt": now(),
                "imageReference": format!("{registry}@{}", Digest::of(content.as_bytes())),
            })
        };
        let references: Vec<_> = contents.iter().map(import).collect();
        let patch = Patch::Merge(json!({"status": {"hashReferences": references}}));
        self.0.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub async fn label(&self, name: &str, value: &str) {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"some": value}}}));
        self.0.patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub async fn delete(&self, name: &str) {
        self.0.delete(name, &DeleteParams::default()).await.unwrap();
    }
}

/// Returns when the program has seen everything that was written to Image objects before, and has worked off
/// what came of it and of what registries have said: what comes later comes by the same way, and starts a Build
/// of its own.
pub async fn all_seen(world: &World, team: &str) {
    static SENTINELS: AtomicU32 = AtomicU32::new(0);
    let name = format!("sentinel-{}", SENTINELS.fetch_add(1, Ordering::Relaxed));
    let image = format!("sentinel.example/{name}");
    let objects = objects(world, team);
    objects.create(&name, &image).await;
    objects.import_from(&name, &image, &["first"]).await;
    build(world, team, &name, "registry.example/sentinel", json!([on("sentinel", &[&image])])).await;
    standing(world, &image, |standing| standing.digest.is_some()).await;
    objects.import_from(&name, &image, &["second"]).await;
    world
        .until("the sentinel is built", || async {
            let runs = world.runs(team).await;
            runs.iter().any(|run| run["spec"]["build"]["name"] == name.as_str()).then_some(())
        })
        .await;
    world.delete_build(team, &name).await;
    objects.delete(&name).await;
    world
        .until("all deliveries are settled", || async {
            let Stats { pending, claimed, .. } = world.program.journal.stats().await.unwrap();
            (pending + claimed == 0).then_some(())
        })
        .await;
}

/// How an image stands in one of the namespaces, once this is true of it.
pub async fn standing(world: &World, image: &str, is: impl Fn(&ImageStatus) -> bool) -> ImageStatus {
    let image = ImageRef::parse(image).unwrap();
    world
        .until(&format!("{image} stands as expected"), || async {
            world
                .program
                .images
                .statuses()
                .into_iter()
                .find(|standing| standing.image == image && is(standing))
        })
        .await
}

/// Returns once so many BuildRuns of a Build are there.
pub async fn built(world: &World, team: &str, build: &str, times: usize) {
    world
        .until(&format!("{build} is built {times} times"), || async {
            let builds = started(world, team).await;
            (builds.iter().filter(|name| *name == build).count() >= times).then_some(())
        })
        .await;
}

/// A registry, and a program that may ask it.
pub async fn with_registry(registry: &DevRegistry, change: impl FnOnce(&mut ProgramOptions)) -> World {
    World::with(|options| {
        may_ask(options, &registry.host());
        change(options);
    })
    .await
}

/// A Build `app` in team-a that waits for `base` in the registry, where it was found; and what it is called.
pub async fn waiting_for_base(
    registry: &DevRegistry,
    change: impl FnOnce(&mut ProgramOptions),
) -> (World, String) {
    registry.push("base", "latest", b"one");
    let world = with_registry(registry, change).await;
    let base = format!("{}/base", registry.host());
    build(&world, "team-a", "app", "registry.example/app", json!([on("base", &[&base])])).await;
    standing(&world, &base, |standing| standing.digest.is_some()).await;
    (world, base)
}

pub fn may_ask(options: &mut ProgramOptions, host: &str) {
    options.images.registry_private.push(host.parse().unwrap());
    options.images.insecure_registry.push(host.parse().unwrap());
    options.images.image_interval = 3600;
    options.images.registry_rate = 1000;
    options.images.image_window = 1;
}

/// Has the program ask the registry about an image now.
pub async fn check(world: &World, image: &str) {
    world.program.images.check(&ImageRef::parse(image).unwrap(), Duration::from_secs(15)).await;
}
