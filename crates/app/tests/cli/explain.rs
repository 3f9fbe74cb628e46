//! What would fire and why the rest would not: `explain` and `validate`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{check, manifests, path, run};

#[test]
fn explain_says_what_would_fire_and_why_the_rest_would_not() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let explain = |args: &[&str]| run(&[&["explain", "--manifests", examples], args].concat());
    for (args, status, parts) in [
        (
            vec!["push", "--repo", "git@github.com:acme/web.git", "--ref", "release-2"],
            0,
            vec!["fires   \"push to a release branch\"", "✗ branch   expected main, found release-2"],
        ),
        (
            vec!["push", "--repo", "github.com/acme/web", "--ref", "dev"],
            3,
            vec!["the branch is dev, the rule is for main"],
        ),
        (
            vec!["pull-request", "--repo", "github.com/acme/web", "--fork", "github.com/mallory/web"],
            3,
            vec!["from a fork (github.com/mallory/web), not allowed"],
        ),
        (
            vec!["push", "--repo", "github.com/acme/wbe"],
            3,
            vec!["No Build with rules uses the repository", "used by Builds: github.com/acme/web"],
        ),
        (
            vec!["push", "--repo", "github.com/acme/web"],
            0,
            vec!["key     in the Secret team-a/github-webhook", "✓ event    Push"],
        ),
        (vec!["--object", "/nowhere"], 1, vec!["cannot read /nowhere"]),
        (vec![], 1, vec!["specify one event"]),
    ] {
        let output = explain(&args);
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{args:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{args:?} does not say `{part}`:\n{text}");
        }
    }
}

/// Builds of one repository: one without a Secret, one whose Secret holds no key, one whose Secret is not among the
/// manifests, one with a broken rule and a doubtful one; and a broken Build of another repository.
const KEYS: &str = r#"
{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "odd", "namespace": "x"}, "data": {"password": "a2V5"}}
---
{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "hook", "namespace": "x"}, "data": {"webhook-secret": "a2V5"}}
---
{"kind": "Build", "apiVersion": "shipwright.io/v1beta1", "metadata": {"name": "elsewhere", "namespace": "x"},
 "spec": {"source": {"type": "Git", "git": {"url": "https://github.com/acme/other"}}, "trigger": {"triggerSecret": "hook",
  "when": [{"name": "n", "type": "GitHub", "github": {"events": ["push"]}}]}}}
"#;

fn build_with_key(name: &str, secret: Option<&str>, branches: &[&str]) -> String {
    let github = |branch: &&str| json!({"name": branch, "type": "GitHub", "github": {"events": ["Push"], "branches": [branch]}});
    let when: Vec<_> = branches.iter().map(github).collect();
    json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": name, "namespace": "x"},
        "spec": {
            "source": {"type": "Git", "git": {"url": "https://github.com/acme/web"}},
            "trigger": {"triggerSecret": secret, "when": when},
        },
    })
    .to_string()
}

#[test]
fn explain_says_whether_a_delivery_would_be_accepted_at_all() {
    let args = |folder: &tempfile::TempDir| {
        ["explain", "push", "--repo", "github.com/acme/web", "--manifests", path(folder)]
            .map(ToOwned::to_owned)
    };
    for (builds, further, status, lines) in [
        (
            vec![build_with_key("open", None, &["main"])],
            &[][..],
            4,
            vec![
                "  no key  it names no Secret with a webhook key, so every delivery is rejected: set `spec.trigger.triggerSecret`",
                "  blocked \"main\": every condition holds, and no delivery is accepted without a key",
            ],
        ),
        (
            vec![build_with_key("open", None, &["main"])],
            &["--allow-unsigned"],
            0,
            vec!["  key     not needed, with --allow-unsigned", "  fires   \"main\": every condition holds"],
        ),
        (
            vec![build_with_key("odd", Some("odd"), &["main"])],
            &[],
            4,
            vec![
                "  no key  the Secret x/odd holds no webhook key, so every delivery is rejected: add the webhook's key to it as `webhook-secret`",
            ],
        ),
        (
            vec![build_with_key("web", Some("unknown"), &["main"])],
            &[],
            0,
            vec!["  key ?   the Secret x/unknown is not checked: it is not among the manifests"],
        ),
        (vec![build_with_key("open", None, &["dev"])], &[], 3, vec![]),
        (
            vec![
                build_with_key("open", None, &["main"]),
                build_with_key("web", Some("hook"), &["main", "^dev$", "!x"]),
            ],
            &[],
            0,
            vec![
                "Build x/open",
                "Build x/web",
                "  key     in the Secret x/hook",
                "  hint    rule when[2] \"!x\": the branch `!x` excludes nothing: it matches branches whose name begins with `!`; list the branches to build",
                "  fires   \"main\": every condition holds",
                "  broken  \"^dev$\": no branch can have the name `^dev$`; patterns are `*`, `**`, `?` and `[0-9]`, not regular expressions; write `dev`",
            ],
        ),
    ] {
        let folder = manifests(&format!("{KEYS}\n---\n{}", builds.join("\n---\n")));
        let args: Vec<_> = args(&folder).into_iter().chain(further.iter().map(ToString::to_string)).collect();
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let output = run(&args);
        let (text, rest) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{text}{rest}");
        for line in lines {
            assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
        }
        let others = format!(
            "1 other Build has errors in rules: `shipwright-trigger validate --manifests {}`",
            path(&folder)
        );
        assert!(rest.contains(&others) && !text.contains("elsewhere"), "{text}{rest}");
    }
}

#[test]
fn validate_lists_the_errors_of_every_build() {
    let (open, web) =
        (build_with_key("open", None, &["main"]), build_with_key("web", Some("hook"), &["main", "!x"]));
    let folder = manifests(&format!("{KEYS}\n---\n{open}\n---\n{web}"));
    let output = run(&["validate", "--manifests", path(&folder)]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{text}");
    let open = format!("Build x/open in {}/build.yaml", path(&folder));
    let elsewhere = format!("Build x/elsewhere in {}/build.yaml", path(&folder));
    for line in [
        elsewhere.as_str(),
        "  error   rule when[0] \"n\": the event `push` is unknown, write `Push`",
        open.as_str(),
        "  hint    rule when[1] \"!x\": the branch `!x` excludes nothing: it matches branches whose name begins with `!`; list the branches to build",
        "3 Builds with rules, 2 with errors, 1 with hints.",
    ] {
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }
    let folder = manifests(&format!(
        "{}\n---\n{}",
        build_with_key("open", None, &["main"]),
        build_with_key("web", None, &["!x"])
    ));
    check(
        &["validate", "--allow-unsigned", "--manifests", path(&folder)],
        true,
        &["2 Builds with rules, 0 with errors, 1 with hints."],
    );
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    check(
        &["validate", "--manifests", examples],
        true,
        &["6 Builds with rules, 0 with errors, 0 with hints."],
    );
}

/// Builds that wait for images: one that is started by node:20, one that has suspended that, two that would
/// start each other, and one that waits for what it pushes itself.
const WAITING_FOR_IMAGES: &str = r#"
- {name: web, namespace: team-a, output: web, images: [node:20]}
- {name: api, namespace: team-b, output: api, images: [node:20], suspend: "*"}
- {name: ping, namespace: team-a, output: ping, images: [registry.example/pong]}
- {name: pong, namespace: team-b, output: pong, images: [registry.example/ping]}
- {name: self, namespace: team-a, output: self, images: [registry.example/self]}
"#;

/// These Builds as manifests.
fn builds_waiting_for_images() -> tempfile::TempDir {
    let builds: Vec<Value> = serde_saphyr::from_str(WAITING_FOR_IMAGES).unwrap();
    let manifest = |build: &Value| {
        let suspend = build.get("suspend").map(|rules| ("trigger.shipwright.io/suspend-images", rules));
        json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Build",
            "metadata": {
                "name": build["name"],
                "namespace": build["namespace"],
                "annotations": BTreeMap::from_iter(suspend),
                "creationTimestamp": "2026-01-02T00:00:00Z",
            },
            "spec": {
                "source": {"type": "Git", "git": {"url": "https://github.com/acme/web"}},
                "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
                "output": {"image": format!("registry.example/{}", build["output"].as_str().unwrap())},
                "trigger": {"when": [{"name": "base", "type": "Image", "github": {}, "image": {"names": build["images"]}}]},
            },
        })
        .to_string()
    };
    manifests(&builds.iter().map(manifest).collect::<Vec<_>>().join("\n---\n"))
}

const FIRES: &str = "  fires   \"base\": every condition holds";

/// Runs `explain` about these Builds; each of `lines` is a line of what it says.
#[track_caller]
fn explains(args: &[&str], status: i32, lines: &[&str]) {
    let folder = builds_waiting_for_images();
    let output = run(&[&["explain", "--manifests", path(&folder)], args].concat());
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{args:?}: {text}");
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "{args:?} has no line `{line}`:\n{text}");
    }
}

#[test]
fn explain_says_what_a_change_of_an_image_would_start() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let pinned = format!("node@{digest}");
    let suspended = "  skipped \"base\": an annotation of the Build suspends the rule";
    let cycle = "  skipped \"base\": these Builds would start each other without end: \
                 team-b/pong -> team-a/ping -> team-b/pong";
    let own = "  skipped \"base\": the Build pushes registry.example/self:latest itself, so it would \
               start itself without end";
    let unknown = ["No Build waits for docker.io/library/node:21.", "  followed: docker.io/library/node:20"];
    for (args, status, lines) in [
        (vec!["docker.io/node:20"], 0, vec!["Build team-a/web", FIRES, "Build team-b/api", suspended]),
        (vec!["node:20", "--digest", &digest], 0, vec![FIRES]),
        (vec!["registry.example/ping"], 3, vec!["Build team-b/pong", cycle]),
        (vec!["registry.example/self:latest"], 3, vec!["Build team-a/self", own]),
        (vec!["node:21"], 3, unknown.to_vec()),
        (vec!["node:20", "--digest", &digest, "--from", &digest], 1, vec![]),
        (vec!["node:20", "--digest", "sha256:abc"], 2, vec![]),
        (vec![&*pinned], 2, vec![]),
    ] {
        explains(&[&["image"], &args[..]].concat(), status, &lines);
    }
}

#[test]
fn explain_takes_images_from_objects() {
    let folder = tempfile::tempdir().unwrap();
    let digest = format!("sha256:{}", "a".repeat(64));
    let file = |name: &str, kind: &str, spec: Value, status: Value| {
        let file = folder.path().join(name);
        let object = json!({
            "apiVersion": "shipwright.io/v1beta1", "kind": kind,
            "metadata": {"name": "base", "namespace": "team-a"},
            "spec": spec, "status": status,
        });
        std::fs::write(&file, object.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let image = |name: &str, references: Value| {
        file(name, "Image", json!({"source": "node:20"}), json!({"hashReferences": references}))
    };
    let build_run = |name: &str, image: &str, succeeded: &str, at: &str| {
        let status = json!({
            "conditions": [{"type": "Succeeded", "status": succeeded}],
            "completionTime": at,
            "output": {"digest": digest},
            "buildSpec": {"output": {"image": image}},
        });
        file(name, "BuildRun", json!({"build": {"name": "base"}}), status)
    };
    let imported = image("imported", json!([{"imageReference": format!("mirror.example/node@{digest}")}]));
    let resolved = format!("docker.io/library/node:20 resolves to {digest}, according to an Image object");
    let before = "  skipped \"base\": it happened at 2026-01-01T00:00:00Z, the Build exists since \
                  2026-01-02T00:00:00Z";
    let elsewhere = [
        "No Build in the namespace team-a waits for registry.example/ping:latest.",
        "  followed: registry.example/pong:latest",
    ];
    let ended = "2026-01-03T00:00:00Z";
    for (object, status, lines) in [
        (imported.clone(), 0, vec![&*resolved, "Build team-a/web", FIRES]),
        (image("fresh", json!([])), 1, vec![]),
        (build_run("pushed", "node:20", "True", ended), 0, vec!["Build team-a/web", FIRES]),
        (build_run("long-ago", "node:20", "True", "2026-01-01T00:00:00Z"), 3, vec![before]),
        (build_run("failed", "node:20", "False", ended), 1, vec![]),
        (build_run("elsewhere", "registry.example/ping", "True", ended), 3, elsewhere.to_vec()),
        (file("deployment", "Deployment", json!({}), json!({})), 1, vec![]),
    ] {
        explains(&["--object", &object], status, &lines);
    }
    explains(&["--object", &imported, "image", "node:20"], 1, &[]);
}
