//! Builds, every field of which may be hostile.

use serde_json::{Map, Value, json};

use crate::hostile::dice::Dice;
use crate::hostile::{texts, victim};

/// Annotations that the program reads on a Build.
const ANNOTATIONS: &[&str] = &["revision", "forks", "image-interval", "suspend-images", "image-secrets"];

/// A Build of tenant B. `name` is the object's name, which Kubernetes has checked.
pub(super) fn any(dice: &mut Dice, name: &str) -> Value {
    let mut trigger = Map::new();
    if !dice.one_in(4) {
        trigger.insert("triggerSecret".to_owned(), texts::any(dice).into());
    }
    let rules = if dice.one_in(20) { 400 } else { 5 };
    trigger.insert("when".to_owned(), (0..dice.below(rules)).map(|_| rule(dice)).collect());
    let annotations: Map<_, _> = (0..dice.below(4))
        .map(|_| (format!("trigger.shipwright.io/{}", dice.pick(ANNOTATIONS)), texts::any(dice).into()))
        .collect();
    let mut build = build(name, &repository(dice), &Value::Object(trigger));
    build["metadata"]["annotations"] = annotations.into();
    let spec = &mut build["spec"];
    if dice.one_in(3) {
        spec["source"]["git"]["revision"] = texts::any(dice).into();
        spec["source"]["git"]["cloneSecret"] = texts::any(dice).into();
    }
    if dice.one_in(3) {
        spec["output"] = json!({"image": texts::any(dice), "pushSecret": texts::any(dice)});
    }
    if dice.one_in(8) {
        spec["source"] = json!({"type": "OCI", "ociArtifact": {"image": texts::any(dice), "pullSecret": texts::any(dice)}});
    }
    build
}

/// A Build of a repository with a trigger.
pub(super) fn build(name: &str, repository: &str, trigger: &Value) -> Value {
    json!({
        "apiVersion": "shipwright.io/v1beta1", "kind": "Build",
        "metadata": {"namespace": super::NAMESPACE, "name": name},
        "spec": {
            "source": {"type": "Git", "git": {"url": repository}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": format!("registry.invalid/hostile/{name}")},
            "trigger": trigger,
        },
    })
}

/// A rule for pushes to branches.
pub(super) fn push_rule(name: &str, branches: &[&str]) -> Value {
    json!({"name": name, "type": "GitHub", "github": {"events": ["Push"], "branches": branches}})
}

/// Mostly one of the victim's: those cost the victim most.
fn repository(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => texts::any(dice),
        1 => super::REPOSITORY.to_owned(),
        _ => victim::repository(dice.below(victim::REPOSITORIES)),
    }
}

fn rule(dice: &mut Dice) -> Value {
    let kind = dice.pick(&["GitHub", "GitHub", "GitHub", "Image", "Pipeline", ""]);
    let mut rule = json!({"name": texts::any(dice), "type": kind});
    if kind.is_empty() {
        rule["type"] = texts::any(dice).into();
    }
    if kind == "GitHub" || dice.one_in(6) {
        let events = dice.pick(&["Push", "PullRequest", "Push", ""]);
        let events = if events.is_empty() { list(dice) } else { json!([events]) };
        rule["github"] = json!({"events": events, "branches": list(dice)});
    }
    if kind == "Image" || dice.one_in(6) {
        rule["image"] = json!({"names": list(dice)});
    }
    if kind == "Pipeline" || dice.one_in(6) {
        let selector: Map<_, _> =
            (0..dice.below(3)).map(|_| (texts::any(dice), texts::any(dice).into())).collect();
        rule["objectRef"] = json!({"name": texts::any(dice), "status": list(dice), "selector": selector});
    }
    rule
}

fn list(dice: &mut Dice) -> Value {
    let most = if dice.one_in(12) { 300 } else { 4 };
    (0..dice.below(most)).map(|_| Value::from(texts::any(dice))).collect()
}
