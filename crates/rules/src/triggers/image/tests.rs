//! Rules of type `Image`: scenario 19, and what must not go round in circles.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::shipwright::Build;
use trigger_core::{
    Digest, Event, ImageChange, ImageEvent, ImageRef, ImageSource, KnownHosts, ObjectKey, Verification,
};

use crate::decide::testing::decide;
use crate::{Inventory, Outcome};

fn rule(name: &str, images: &[&str]) -> Value {
    json!({"name": name, "type": "Image", "github": {}, "image": {"names": images}})
}

fn build(namespace: &str, name: &str, output: &str, when: &Value, annotations: &Value) -> Build {
    serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "name": name, "uid": name, "annotations": annotations,
            "creationTimestamp": "2026-01-02T00:00:00Z"},
        "spec": {"output": {"image": output, "pushSecret": "push"}, "trigger": {"when": when}},
    }))
    .unwrap()
}

fn changed(namespace: &str, images: &[&str], since: &str) -> Event {
    let change = |image: &&str| ImageChange {
        image: ImageRef::parse(image).unwrap(),
        from: Some(Digest::of(b"old")),
        to: Digest::of(b"new"),
        source: ImageSource::Registry,
        since: since.parse::<Timestamp>().unwrap(),
    };
    let changes = images.iter().map(change).collect();
    Event::Image(ImageEvent { namespace: namespace.into(), changes })
}

const LATER: &str = "2026-01-03T00:00:00Z";

fn inventory(builds: &[Build]) -> Inventory {
    let inventory = Inventory::new(KnownHosts::NONE);
    for build in builds {
        inventory.apply(build);
    }
    inventory.mark_synced();
    inventory
}

/// The outcome for each rule, as `build: outcome` with the images that made it fire.
fn outcomes(inventory: &Inventory, event: &Event) -> Vec<String> {
    let Event::Image(images) = event else { unreachable!("these are rules of type Image") };
    let observed = Some(ObjectKey::new(images.namespace.as_ref(), "image"));
    let verification = Verification { observed, ..Verification::default() };
    let decisions = decide(event, &verification, &inventory.current().unwrap());
    let mut found: Vec<_> = decisions
        .iter()
        .map(|decision| {
            let repository = |image: &str| ImageRef::parse(image).unwrap().repository().to_owned();
            let because = |images: &[Box<str>]| {
                images.iter().map(|image| repository(image)).collect::<Vec<_>>().join(" ")
            };
            let outcome = match &decision.outcome {
                Outcome::Fired(cause) => format!("fired because of {}", because(&cause.parts)),
                Outcome::AlsoMatched(cause) => format!("also because of {}", because(&cause.parts)),
                Outcome::Skipped(reason) => reason.name().to_owned(),
            };
            format!("{}: {outcome}", decision.owner.name())
        })
        .collect();
    found.sort();
    found
}

fn faults(build: &Build) -> Vec<String> {
    Inventory::new(KnownHosts::NONE).apply(build).errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_rule_is_found_by_what_its_names_mean() {
    let when = json!([rule("base", &["node:20", "index.docker.io/library/node:20", "ghcr.io/acme/tools"])]);
    let inventory = inventory(&[build("team-a", "app", "r.example/app", &when, &json!({}))]);
    for (namespace, image, expected) in [
        ("team-a", "docker.io/library/node:20", &["app: fired because of library/node"][..]),
        ("team-a", "ghcr.io/acme/tools:latest", &["app: fired because of acme/tools"]),
        ("team-a", "node:21", &[]),
        ("team-a", "ghcr.io/acme/tools:v1", &[]),
        ("team-b", "node:20", &[]),
    ] {
        assert_eq!(outcomes(&inventory, &changed(namespace, &[image], LATER)), expected, "{image}");
    }
}

#[test]
fn images_that_change_together_start_one_run_that_names_them_all() {
    let when = json!([rule("first", &["a", "b"]), rule("second", &["b", "c"]), rule("third", &["d"])]);
    let inventory = inventory(&[build("team-a", "app", "r.example/app", &when, &json!({}))]);
    assert_eq!(
        outcomes(&inventory, &changed("team-a", &["a", "c"], LATER)),
        ["app: also because of library/c", "app: fired because of library/a", "app: image-not-listed"]
    );
}

#[test]
fn what_happened_before_the_build_does_not_count() {
    let inventory = inventory(&[build("team-a", "app", "o", &json!([rule("base", &["a"])]), &json!({}))]);
    let before = changed("team-a", &["a"], "2026-01-01T00:00:00Z");
    assert_eq!(outcomes(&inventory, &before), ["app: before-the-build"]);
}

#[test]
fn a_suspended_rule_does_nothing() {
    let when = json!([rule("first", &["a"]), rule("second", &["a"])]);
    let suspending = |names: &str| json!({"trigger.shipwright.io/suspend-images": names});
    for (names, expected) in [
        ("first", &["app: fired because of library/a", "app: suspended"][..]),
        ("second, first", &["app: suspended", "app: suspended"]),
        ("*", &["app: suspended", "app: suspended"]),
    ] {
        let app = build("team-a", "app", "o", &when, &suspending(names));
        assert_eq!(faults(&app), Vec::<String>::new());
        let inventory = inventory(&[app]);
        assert_eq!(outcomes(&inventory, &changed("team-a", &["a"], LATER)), expected, "{names}");
    }
    let app = build("team-a", "app", "o", &when, &suspending("*"));
    let rules = inventory(&[app]).current().unwrap();
    let names = super::waiting(&rules).map(|rules| super::of(rules).unwrap().names.len());
    assert_eq!(names.sum::<usize>(), 0, "what is suspended is not looked at");
    let stranger = faults(&build("team-a", "app", "o", &when, &suspending("frist")));
    assert!(stranger[0].contains("expected one of the names of rules of type Image"), "{stranger:?}");
}

#[test]
fn one_bad_name_leaves_the_others_in_force() {
    let pinned = format!("node@{}", Digest::of(b"x"));
    let app = build("team-a", "app", "o", &json!([rule("base", &[&pinned, "No", "a"])]), &json!({}));
    let told = faults(&app);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("it is pinned to a digest, so it can never change; name a tag"), "{told:?}");
    assert_eq!(
        outcomes(&inventory(&[app]), &changed("team-a", &["a"], LATER)),
        ["app: fired because of library/a"]
    );
    let app = build("team-a", "app", "o", &json!([rule("base", &[&pinned])]), &json!({}));
    assert_eq!(faults(&app).len(), 1);
}

#[test]
fn a_build_does_not_start_itself() {
    let app =
        build("team-a", "app", "acme/app:latest", &json!([rule("base", &["acme/app", "a"])]), &json!({}));
    let told = faults(&app);
    assert!(
        matches!(&told[..], [one] if one.contains("the Build pushes the image `acme/app` itself")),
        "{told:?}"
    );
    let inventory = inventory(&[app]);
    assert_eq!(outcomes(&inventory, &changed("team-a", &["acme/app"], LATER)), ["app: own-output"]);
    assert_eq!(
        outcomes(&inventory, &changed("team-a", &["acme/app", "a"], LATER)),
        ["app: fired because of library/a"]
    );
}

#[test]
fn builds_in_a_circle_are_not_started() {
    let of = |name: &str, namespace: &str, waits: &str| {
        build(
            namespace,
            name,
            &format!("r.example/{name}"),
            &json!([rule("base", &[waits, "base"])]),
            &json!({}),
        )
    };
    let two = [of("a", "team-a", "r.example/b"), of("b", "team-a", "r.example/a")];
    let told = inventory(&two[..1]).apply(&two[1]).errors;
    assert!(told[0].to_string().contains("team-a/b -> team-a/a -> team-a/b"), "{told:?}");
    let two = inventory(&two);
    assert_eq!(outcomes(&two, &changed("team-a", &["r.example/a"], LATER)), ["b: cycle"]);
    assert_eq!(
        outcomes(&two, &changed("team-a", &["base"], LATER)),
        ["a: fired because of library/base", "b: fired because of library/base"],
        "what comes from outside is no circle"
    );
    assert_eq!(
        outcomes(&two, &changed("team-a", &["base", "r.example/b"], LATER)),
        ["a: fired because of library/base", "b: fired because of library/base"]
    );
    let three = [
        of("a", "team-a", "r.example/c"),
        of("b", "team-b", "r.example/a"),
        of("c", "team-c", "r.example/b"),
    ];
    let three = inventory(&three);
    let decisions = {
        let event = changed("team-b", &["r.example/a"], LATER);
        let verification =
            Verification { observed: Some(ObjectKey::new("team-b", "i")), ..Verification::default() };
        decide(&event, &verification, &three.current().unwrap())
    };
    let message = decisions[0].message();
    assert!(message.ends_with("team-b/b -> team-c/c -> team-a/a -> team-b/b"), "{message}");

    let chain =
        [of("a", "team-a", "outside"), of("b", "team-a", "r.example/a"), of("c", "team-a", "r.example/b")];
    let chain = inventory(&chain);
    assert_eq!(
        outcomes(&chain, &changed("team-a", &["r.example/a"], LATER)),
        ["b: fired because of r.example/a".replace("r.example/", "")]
    );
}

#[test]
fn a_build_says_how_its_images_are_to_be_asked_for() {
    let images = |annotations: Value| {
        let app = build("team-a", "app", "o", &json!([rule("base", &["b", "a", "b"])]), &annotations);
        let rules = inventory(std::slice::from_ref(&app)).current().unwrap();
        let images = super::waiting(&rules).next().map(|rules| super::of(rules).cloned().unwrap()).unwrap();
        (images, faults(&app))
    };
    let (usual, told) = images(json!({}));
    assert_eq!(usual.names.iter().map(ImageRef::repository).collect::<Vec<_>>(), ["library/a", "library/b"]);
    assert_eq!(*usual.secrets, [ObjectKey::new("team-a", "push")]);
    assert_eq!((usual.interval, told), (None, Vec::new()));
    let (special, told) = images(json!({
        "trigger.shipwright.io/image-secrets": "mirror, push",
        "trigger.shipwright.io/image-interval": "1h 30m",
    }));
    assert_eq!(*special.secrets, ["mirror", "push"].map(|name| ObjectKey::new("team-a", name)));
    assert_eq!((special.interval, told), (Some(Duration::from_mins(90)), Vec::new()));
    for bad in ["soon", "-5m", "1s", ""] {
        let (images, told) = images(json!({"trigger.shipwright.io/image-interval": bad}));
        assert_eq!((images.interval, told.len()), (None, 1), "{bad}");
    }
}
