//! The thirteen cases of the Build controller's own validation, V1 to V13.

use serde_json::{Value, json};
use trigger_api::shipwright::Build;
use trigger_core::KnownHosts;

use crate::{Inventory, OwnerError};

fn errors(when: &Value) -> Vec<OwnerError> {
    let build: Build = serde_json::from_value(json!({
        "metadata": {"namespace": "team-a", "name": "web", "uid": "u"},
        "spec": {
            "source": {"type": "Git", "git": {"url": "https://git.example.com/acme/web"}},
            "trigger": {"when": [when]},
        },
    }))
    .unwrap();
    let errors = Inventory::new(KnownHosts::NONE).apply(&build).errors;
    errors.into_iter().filter(|error| !error.error.is_hint()).collect()
}

#[track_caller]
fn check(case: &str, when: &Value, expected: Result<(), (&str, &str)>) {
    let found = errors(when);
    match expected {
        Ok(()) => assert_eq!(found, [], "{case}"),
        Err((reason, part)) => {
            assert_eq!(found.len(), 1, "{case}: {found:?}");
            let error = &found[0].error;
            assert_eq!(error.reason(), reason, "{case}");
            assert!(error.to_string().contains(part), "{case}: `{error}` does not say `{part}`");
        }
    }
}

#[test]
fn rules_are_validated_as_the_build_controller_does() {
    let github = "TriggerInvalidGitHubWebHook";
    let image = "TriggerInvalidImage";
    let pipeline = "TriggerInvalidPipeline";
    let with = |kind: &str, key: &str, value: Value| json!({"name": "n", "type": kind, key: value});
    let run = |value: Value| with("Pipeline", "objectRef", value);
    let (name, selector) = (json!("ci"), json!({"k": "v"}));

    for (case, when, expected) in [
        ("V1", json!({"name": "", "type": "GitHub"}), Err(("TriggerNameCanNotBeBlank", "name is not set"))),
        ("V2", json!({"name": "n", "type": "GitHub"}), Err((github, "missing `.github`"))),
        ("V3", with("GitHub", "github", json!({"events": []})), Err((github, "missing `.github.events`"))),
        ("V4", with("GitHub", "github", json!({"events": ["Push"]})), Ok(())),
        ("V5", json!({"name": "n", "type": "Image", "github": {}}), Err((image, "missing `.image`"))),
        ("V6", with("Image", "image", json!({"names": []})), Err((image, "missing `.image.names`"))),
        ("V7", with("Image", "image", json!({"names": ["ghcr.io/some/base:latest"]})), Ok(())),
        (
            "V8",
            json!({"name": "n", "type": "Pipeline", "github": {}}),
            Err((pipeline, "missing `.objectRef`")),
        ),
        ("V9", run(json!({"status": []})), Err((pipeline, "missing `.objectRef.status`"))),
        (
            "V10",
            run(json!({"status": ["Succeeded"]})),
            Err((pipeline, "missing `.objectRef.name` or `.objectRef.selector`")),
        ),
        (
            "V11",
            run(json!({"status": ["Succeeded"], "name": name, "selector": selector})),
            Err((pipeline, "only one")),
        ),
        ("V12", run(json!({"status": ["Succeeded"], "name": name})), Ok(())),
        ("V13", json!({"name": "n", "type": "invalid"}), Err(("TriggerInvalidType", "invalid type"))),
    ] {
        check(case, &when, expected);
    }
}

#[test]
fn a_rule_on_which_the_conversion_of_the_build_project_panics_is_a_hint() {
    let object_ref = json!({"name": "ci", "status": ["Succeeded"]});
    for (when, is_hint) in [
        (json!([{"name": "n", "type": "Image", "image": {"names": ["a"]}}]), true),
        (json!([{"name": "n", "type": "Image", "image": {"names": ["a"]}, "github": {}}]), false),
        (
            json!([{"name": "n", "type": "Pipeline", "objectRef": object_ref}, {"name": "m", "type": "Pipeline",
            "objectRef": object_ref}]),
            true,
        ),
        (json!([{"name": "n", "type": "Pipeline", "objectRef": object_ref, "github": {}}]), false),
    ] {
        let spec = json!({"trigger": {"when": when}});
        let metadata = json!({"namespace": "team-a", "name": "web", "uid": "u"});
        let build: Build = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
        let errors = Inventory::new(KnownHosts::NONE).apply(&build).errors;
        let found: Vec<_> =
            errors.iter().map(|error| (error.error.reason(), error.error.is_hint())).collect();
        let expected = [("TriggerBreaksConversion", true)];
        assert_eq!(found, expected[..usize::from(is_hint)], "{when}");
    }
}

#[test]
fn only_the_stanza_of_the_own_type_counts() {
    let stray = json!({
        "name": "n", "type": "Image", "image": {"names": ["a"]},
        "objectRef": {"name": "ci", "selector": {"k": "v"}}, "github": {"events": []},
    });
    check("a stray stanza", &stray, Ok(()));
}
