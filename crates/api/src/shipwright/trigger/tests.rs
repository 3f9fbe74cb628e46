//! The thirteen cases of the Build controller's own validation, V1 to V13.

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn check(case: &str, when: Value, expected: Result<(), (&str, &str)>) {
    let when: When = serde_json::from_value(when).unwrap();
    let found = when.condition();
    match expected {
        Ok(()) => assert!(found.is_ok(), "{case}: {found:?}"),
        Err((reason, part)) => {
            let fault = found.expect_err(case);
            assert_eq!(fault.reason(), reason, "{case}");
            assert!(fault.to_string().contains(part), "{case}: `{fault}` does not say `{part}`");
        }
    }
}

#[test]
fn rules_are_validated_as_the_build_controller_does() {
    let github = "TriggerInvalidGitHubWebHook";
    let image = "TriggerInvalidImage";
    let pipeline = "TriggerInvalidPipeline";
    let with = |kind: &str, key: &str, value: Value| json!({"name": "n", "type": kind, key: value});

    check("V1", json!({"name": "", "type": "GitHub"}), Err(("TriggerNameCanNotBeBlank", "name is not set")));
    check("V2", json!({"name": "n", "type": "GitHub"}), Err((github, "missing `.github`")));
    check("V3", with("GitHub", "github", json!({"events": []})), Err((github, "missing `.github.events`")));
    check("V4", with("GitHub", "github", json!({"events": ["Push"]})), Ok(()));
    check("V5", json!({"name": "n", "type": "Image"}), Err((image, "missing `.image`")));
    check("V6", with("Image", "image", json!({"names": []})), Err((image, "missing `.image.names`")));
    check("V7", with("Image", "image", json!({"names": ["ghcr.io/some/base:latest"]})), Ok(()));
    check("V8", json!({"name": "n", "type": "Pipeline"}), Err((pipeline, "missing `.objectRef`")));
    check(
        "V9",
        with("Pipeline", "objectRef", json!({"status": []})),
        Err((pipeline, "missing `.objectRef.status`")),
    );
    check(
        "V10",
        with("Pipeline", "objectRef", json!({"status": ["Succeeded"]})),
        Err((pipeline, "missing `.objectRef.name` or `.objectRef.selector`")),
    );
    check(
        "V11",
        with("Pipeline", "objectRef", json!({"status": ["Succeeded"], "name": "ci", "selector": {"k": "v"}})),
        Err((pipeline, "only one")),
    );
    check("V12", with("Pipeline", "objectRef", json!({"status": ["Succeeded"], "name": "ci"})), Ok(()));
    check("V13", json!({"name": "n", "type": "invalid"}), Err(("TriggerInvalidType", "invalid type")));
}

#[test]
fn only_the_stanza_of_the_own_type_counts() {
    let stray = json!({
        "name": "n", "type": "Image", "image": {"names": ["a"]},
        "objectRef": {"name": "ci", "status": ["Succeeded"]}, "github": {"events": ["Push"]},
    });
    let when: When = serde_json::from_value(stray).unwrap();
    assert_eq!(when.condition(), Ok(Condition::Image(vec!["a".to_owned()])));
}
