//! What an EventListener would do with a request: `explain --listener`.

use std::fmt::Write as _;

use serde_json::Value;
use tempfile::TempDir;

use super::{path, run};

/// The listener `team-a/web` with these triggers.
fn listener(triggers: &str) -> String {
    format!(
        "apiVersion: triggers.tekton.dev/v1beta1
kind: EventListener
metadata: {{name: web, namespace: team-a}}
spec:
  serviceAccountName: hooks
  triggers: [{triggers}]
"
    )
}

/// A trigger with these interceptors, the param `ref` of the payload and one ConfigMap.
fn trigger(name: &str, interceptors: &str) -> String {
    format!(
        "{{name: {name}, interceptors: [{interceptors}], bindings: [{{name: ref, value: $(body.ref)}}], template: {{spec: \
         {{params: [{{name: ref}}], resourcetemplates: [{{apiVersion: v1, kind: ConfigMap, metadata: {{generateName: c-}}, \
         data: {{ref: $(tt.params.ref)}}}}]}}}}}}"
    )
}

/// The interceptor `github`, with a key, for an event.
fn github(event: &str) -> String {
    format!(
        "{{ref: {{name: github}}, params: [{{name: eventTypes, value: [{event}]}}, {{name: secretRef, value: \
         {{secretName: hook, secretKey: token}}}}]}}"
    )
}

/// The interceptor `cel` with a filter.
fn cel(filter: &str) -> String {
    format!("{{ref: {{name: cel}}, params: [{{name: filter, value: {filter:?}}}]}}")
}

const SECRET: &str = "---
apiVersion: v1
kind: Secret
metadata: {name: hook, namespace: team-a}
stringData: {token: value-of-the-key}
";

/// A folder with these manifests and, in a folder of its own, a payload.
struct Scene {
    manifests: TempDir,
    payload: TempDir,
}

impl Scene {
    fn new(manifests: &str, payload: &str) -> Self {
        let scene = Self { manifests: super::manifests(manifests), payload: tempfile::tempdir().unwrap() };
        std::fs::write(scene.payload_file(), payload).unwrap();
        scene
    }

    fn payload_file(&self) -> String {
        format!("{}/payload.json", path(&self.payload))
    }

    /// The exit status and both outputs of `explain` about `team-a/web`.
    fn explain(&self, args: &[&str]) -> (i32, String) {
        let file = self.payload_file();
        let common = ["explain", "--manifests", path(&self.manifests), "--payload", &file];
        let args = if args.contains(&"--listener") {
            [&common[..], args].concat()
        } else {
            [&common[..], &["--listener", "team-a/web"], args].concat()
        };
        let output = run(&args);
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), text)
    }

    #[track_caller]
    fn says(&self, args: &[&str], status: i32, parts: &[&str]) {
        let (found, text) = self.explain(args);
        assert_eq!(found, status, "{args:?}:\n{text}");
        for part in parts {
            assert!(text.contains(part), "{args:?} does not say `{part}`:\n{text}");
        }
        assert!(!text.contains("value-of-the-key"), "{text}");
    }
}

const PUSH: [&str; 2] = ["--header", "X-GitHub-Event: push"];
const MAIN: &str = r#"{"ref": "refs/heads/main"}"#;

#[test]
fn each_trigger_has_its_verdict_with_the_reason() {
    let is_main = cel("body.ref == 'refs/heads/main'");
    let is_push = github("push");
    let broken = "{name: t, bindings: [{ref: gone}], template: {spec: {}}}";
    let asking = "{name: t, interceptors: [{webhook: {objectRef: {apiVersion: v1, kind: Service, name: lint}}}], template: \
                  {spec: {}}}";
    for (triggers, payload, args, status, parts) in [
        (
            trigger("t", &format!("{is_push}, {is_main}")),
            MAIN,
            &PUSH[..],
            0,
            &[
                "EventListener team-a/web",
                "hint    the request has no header X-Hub-Signature-256: one that the key verifies is assumed",
                "fires   \"t\": every interceptor lets the event pass",
                "key     assumed to verify: Secret team-a/hook entry `token`",
                "✓ github  passed",
                "✓ cel     passed",
                "param ref = refs/heads/main",
                "creates ConfigMap team-a/c-",
                "(generated name) as the service account team-a/hooks",
            ][..],
        ),
        (
            trigger("t", &is_main),
            r#"{"ref": "refs/heads/dev"}"#,
            &[],
            3,
            &[
                "skipped \"t\": cel: expression body.ref == 'refs/heads/main' did not return true",
                "✗ cel  stopped with FAILED_PRECONDITION",
                "body.ref is \"refs/heads/dev\"",
            ],
        ),
        (trigger("t", &cel("body.nothing == 'x'")), MAIN, &[], 3, &["skipped \"t\": cel: ", "nothing"]),
        (
            broken.to_owned(),
            MAIN,
            &[],
            3,
            &[
                "broken  \"t\": failed to resolve bindings: error getting TriggerBinding gone",
                "create the TriggerBinding in the namespace team-a, or correct its name",
            ],
        ),
        (
            trigger("t", ""),
            r#"{"other": 1}"#,
            &[],
            3,
            &[
                "broken  \"t\": ",
                "ref is not found",
                "hint    give the param a default in the TriggerTemplate",
            ],
        ),
        (
            format!("{}, {}", trigger("a", &github("pull_request")), trigger("b", &github("release"))),
            MAIN,
            &PUSH,
            3,
            &["2 triggers wait for other events", "github: event type push is not allowed"],
        ),
        (
            asking.to_owned(),
            MAIN,
            &[],
            3,
            &[
                "asks    \"t\": webhook asks the interceptor at http://lint.team-a.svc/",
                "? webhook  not asked",
            ],
        ),
        (String::new(), MAIN, &[], 3, &["the listener has no triggers"]),
    ] {
        Scene::new(&format!("{}{SECRET}", listener(&triggers)), payload).says(args, status, parts);
    }
}

#[test]
fn the_listener_answers_before_its_triggers() {
    let scene = Scene::new(&listener(&trigger("t", "")), "[1]");
    scene.says(&[], 3, &["answers 400: no trigger sees the request", "Invalid event body format", "team-a"]);
    scene.says(&["--path", "/a//b?c=d"], 3, &["answers 307", "Location: /a/b?c=d"]);
    scene.says(&["--path", "/live"], 3, &["answers 200"]);
    let url = "{name: t, bindings: [{name: url, value: $(context.eventID)}], interceptors: [{ref: {name: cel}, params: \
               [{name: filter, value: \"requestURL.endsWith('/hook?x=1')\"}]}], template: {spec: {}}}";
    let scene = Scene::new(&listener(url), MAIN);
    scene.says(&["--path", "/hook?x=1"], 0, &["fires   \"t\": the template has no objects"]);
    scene.says(&[], 3, &["skipped \"t\""]);
}

#[test]
fn a_key_that_does_not_exist_blocks_its_trigger() {
    let other = SECRET.replace("token:", "other:");
    for (secret, status, part) in [
        (SECRET, 0, "key     assumed to verify"),
        (&*other, 4, "no key  the Secret team-a/hook has no entry `token`: add it"),
        (
            "",
            0,
            "key ?   assumed to verify: Secret team-a/hook entry `token`; it is not checked: it is not among",
        ),
    ] {
        let objects = format!("{}{secret}", listener(&trigger("t", &github("push"))));
        Scene::new(&objects, MAIN).says(&PUSH, status, &[part]);
    }
    let scene = Scene::new(&listener(&trigger("t", &github("push"))), MAIN);
    scene.says(&[&PUSH[..], &["--header", "X-Hub-Signature-256: md5=1"]].concat(), 3, &["unknown hash type"]);
}

#[test]
fn triggers_of_a_group_stand_behind_its_interceptors() {
    let group = |filter: &str| {
        format!(
            "apiVersion: triggers.tekton.dev/v1beta1
kind: EventListener
metadata: {{name: web, namespace: team-a}}
spec:
  triggerGroups:
  - {{name: g, interceptors: [{}], triggerSelector: {{labelSelector: {{}}}}}}
---
apiVersion: triggers.tekton.dev/v1beta1
kind: Trigger
metadata: {{name: release, namespace: team-a}}
spec: {{template: {{ref: gone}}}}
",
            cel(filter)
        )
    };
    Scene::new(&group("false"), MAIN).says(&[], 3, &["skipped group \"g\": cel: expression false did not"]);
    let parts = [
        "passes  group \"g\": its triggers see the event",
        "Trigger team-a/release",
        "broken  \"release\" of group \"g\": error getting TriggerTemplate gone",
    ];
    Scene::new(&group("true"), MAIN).says(&[], 3, &parts);
}

#[test]
fn an_unknown_listener_is_answered_with_known_ones() {
    let mut objects = listener("");
    for number in 10..22 {
        let _ =
            writeln!(objects, "---\n{}", listener("").replace("name: web", &format!("name: web-{number}")));
    }
    let scene = Scene::new(&objects, MAIN);
    let known = ["There is no EventListener team-a/wbe.", "known: team-a/web-18", "and 3 more"];
    scene.says(&["--listener", "team-a/wbe"], 3, &known);
    let unreadable = listener("1");
    Scene::new(&unreadable, MAIN).says(&[], 1, &["the EventListener team-a/web: the object cannot be read"]);
}

#[test]
fn the_flags_of_a_listener_are_checked() {
    let scene = Scene::new(&listener(""), MAIN);
    for (args, status, part) in [
        (&["--listener", "web"][..], 2, "write the namespace and the name"),
        (&["--header", "push"], 2, "such as `X-GitHub-Event: push`"),
        (&["--header", "A: b\nC: d"], 2, "remove them"),
        (&["--path", "x"], 1, "begin it with `/`"),
        (&["--event", "push"], 2, "cannot be used with"),
        (&["push", "--repo", "github.com/a/b"], 1, "and no subcommand"),
    ] {
        scene.says(args, status, &[part]);
    }
    let without = run(&["explain", "--listener", "team-a/web"]);
    assert!(String::from_utf8_lossy(&without.stderr).contains("--payload"));
}

#[test]
fn one_bad_document_hides_no_other_and_objects_with_errors_are_counted() {
    let objects = format!(
        "{}---\nkind: odd\n---\napiVersion: triggers.tekton.dev/v1beta1\nkind: TriggerTemplate\nmetadata: {{name: x}}\n\
         spec: 1\n",
        listener(&trigger("t", ""))
    );
    let parts = [
        "not read: ",
        "`apiVersion` is missing",
        "fires   \"t\"",
        "1 other object of Tekton Triggers has errors",
    ];
    Scene::new(&objects, MAIN).says(&[], 0, &parts);
}

#[test]
fn the_example_fires_and_its_objects_are_manifests() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/listeners");
    let payload = format!("{example}/payloads/github-push.json");
    let args = ["explain", "--manifests", example, "--listener", "team-a/web", "--payload", &payload];
    let output = run(&[&args[..], &PUSH, &["--objects"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let objects = trigger_api::manifest::parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
    let [run] = &objects[..] else { panic!("{objects:?}") };
    assert_eq!(
        (&run["kind"], &run["metadata"]["labels"]["purpose"]),
        (&"PipelineRun".into(), &"release".into())
    );
    let params: Vec<&Value> =
        run["spec"]["params"].as_array().unwrap().iter().map(|param| &param["value"]).collect();
    let expected = ["https://github.com/acme/web.git", "5b1d8f3e7a2c4960b8d7e6f5a4c3b2d1e0f9a8b7", "main"];
    assert_eq!(params, expected);
}

/// The examples are those of `dev`, too, whose cluster finishes what they start.
#[test]
fn each_example_makes_its_objects() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/listeners");
    let gitlab = "X-Gitlab-Event: Push Hook";
    for (listener, payload, header, kinds) in [
        ("team-a/web", "github-push", PUSH[1], &["PipelineRun"][..]),
        ("team-a/anywhere", "github-push", PUSH[1], &["PipelineRun"]),
        ("team-a/shared", "github-push", PUSH[1], &["ConfigMap", "ConfigMap", "TaskRun", "PipelineRun"]),
        ("team-b/api", "gitlab-push", gitlab, &["ConfigMap", "TaskRun"]),
    ] {
        let payload = format!("{folder}/payloads/{payload}.json");
        let args = ["explain", "--manifests", folder, "--listener", listener, "--payload", &payload];
        let output = run(&[&args[..], &["--header", header, "--objects"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let objects = trigger_api::manifest::parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
        let found: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
        assert_eq!(found, kinds, "{listener}");
    }
    let output = run(&["validate", folder]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("0 with errors, 0 with hints"), "{text}");
}
