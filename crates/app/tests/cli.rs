//! The binary as a person runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy's leave for tests does not reach the functions that they share"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use rustix::process::Signal;
use serde_json::{Value, json};

fn run(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SHIPWRIGHT_TRIGGER_")) {
        command.env_remove(name);
    }
    command.args(args).env("KUBECONFIG", "/nonexistent");
    command
}

#[track_caller]
fn check(args: &[&str], success: bool, parts: &[&str]) {
    check_output(args, &run(args), success, parts);
}

#[track_caller]
fn check_output(args: &[&str], output: &Output, success: bool, parts: &[&str]) {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.success(), success, "{args:?}: {text}");
    // Sentences may be broken into lines.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(words(&text).contains(&words(part)), "{args:?} does not say `{part}`:\n{text}");
    }
}

fn manifests(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("build.yaml"), text).unwrap();
    folder
}

fn path(folder: &tempfile::TempDir) -> &str {
    Path::to_str(folder.path()).unwrap()
}

#[test]
fn a_proxy_of_the_environment_is_not_for_this_machine() {
    let nobody = "http://127.0.0.1:1";
    let args = ["dev", "--once"];
    let mut command = command(&args);
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        command.env(name, nobody).env(name.to_lowercase(), nobody);
    }
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    check_output(&args, &output, true, &["All steps succeeded"]);
}

#[test]
fn dev_runs_the_demo() {
    check(
        &["dev", "--once", "--verbose"],
        true,
        &[
            "202 Accepted",
            "fired      team-a/web \"push to main\": started web-",
            "skipped    team-b/web \"push to main\": the delivery is not signed with the key of this rule",
            "the branch is main, the rule is for release-*",
            "runs the Build web by name",
            "pinned to commit",
            "nothing runs twice",
            "the first known digest is no change, so it started nothing",
            "the registry called /hooks/registry/distribution",
            "fired      team-a/base \"debian has changed\": started base-",
            "fired      team-a/tools \"base has changed\": started tools-",
            "/debian:13, digest sha256:",
            "All steps succeeded.",
        ],
    );
}

#[test]
fn the_demo_fits_on_a_screen_and_shows_each_kind_of_output_once() {
    let output = run(&["dev", "--once"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.lines().count() <= 60, "{} lines:\n{text}", text.lines().count());
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "wider than 80 columns: {line}");
    }
    let parts =
        ["202 Accepted", "fired", "the branch is main, the rule is for release-*", "All steps succeeded."];
    check_output(&["dev", "--once"], &output, true, &parts);
}

/// The demo as it stays up, until it is dropped.
struct Demo {
    child: std::process::Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Demo {
    fn start(folder: &Path) -> Self {
        let mut command = command(&["dev"]);
        command.env("XDG_RUNTIME_DIR", folder).stdout(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in std::io::BufRead::lines(output).map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// The text up to a line with `part`.
    fn until(&self, part: &str) -> String {
        let mut text = String::new();
        // Sentences may be broken into lines.
        while !text.split_whitespace().collect::<Vec<_>>().join(" ").contains(part) {
            let line = self.lines.recv_timeout(std::time::Duration::from_mins(2));
            text.push_str(&line.unwrap_or_else(|_| panic!("`{part}` is missing:\n{text}")));
            text.push('\n');
        }
        text
    }
}

/// Whether these tests, and so the demo, run under `nohup`.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0").trim();
    u64::from_str_radix(ignored, 16).is_ok_and(|signals| signals & 1 == 1)
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn another_terminal_finds_the_demo_and_each_delivery_is_a_line_until_the_terminal_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let none = command(&["dev", "env"]).env("XDG_RUNTIME_DIR", folder.path()).output().unwrap();
    check_output(&["dev", "env"], &none, false, &["no demo runs: start `shipwright-trigger dev`"]);
    let mut demo = Demo::start(folder.path());
    let invitation = demo.until("Ctrl-C");
    for part in ["dev env)", "explain push --repo", "deliveries list --rejected"] {
        assert!(invitation.contains(part), "`{part}` is not suggested:\n{invitation}");
    }
    let found = command(&["dev", "env"]).env("XDG_RUNTIME_DIR", folder.path()).output().unwrap();
    assert!(found.status.success());
    let exports = String::from_utf8(found.stdout).unwrap();
    let variables: BTreeMap<_, _> = exports
        .lines()
        .map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
        .collect();
    let kubeconfig = folder.path().join("shipwright-trigger-dev/kubeconfig");
    assert_eq!(variables["KUBECONFIG"], kubeconfig.to_str().unwrap());
    assert!(kubeconfig.exists());
    let send = |more: &[&str]| {
        let args = [&["send", "push", "--repo", "https://github.com/acme/web"], more].concat();
        command(&args).envs(&variables).output().unwrap()
    };
    assert!(send(&["--ref", "main"]).status.success());
    demo.until("started team-a/web-");
    assert!(send(&["--ref", "dev"]).status.success());
    demo.until("started nothing: the branch is dev");
    assert!(!send(&["--secret", "wrong"]).status.success());
    demo.until("rejected with 401");
    check_output(
        &["deliveries", "list"],
        &command(&["deliveries", "list"]).envs(&variables).output().unwrap(),
        true,
        &["the branch is dev, the rule is for main"],
    );
    let pid = rustix::process::Pid::from_child(&demo.child);
    // Under `nohup` it survives its terminal.
    let signal = if hangup_is_ignored() { Signal::TERM } else { Signal::HUP };
    rustix::process::kill_process(pid, signal).unwrap();
    demo.until("Stopped.");
    assert!(demo.child.wait().unwrap().success());
    assert!(!kubeconfig.exists(), "nothing is left behind");
}

#[test]
fn dev_has_a_registry_whether_one_is_installed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let args = ["dev", "--once", "--manifests", examples];
    let whole = "All steps succeeded.";
    let without = command(&args).env("PATH", folder.path()).output().unwrap();
    let own = "a small registry in this process: docker-registry is not installed";
    check_output(&args, &without, true, &[own, whole]);
    if trigger_devregistry::Distribution::for_test("dev with docker-registry").is_some() {
        check(&args, true, &["the installed docker-registry", whole]);
    }
}

#[test]
fn dev_takes_a_folder_and_the_shape_of_ship_0031() {
    let folder = manifests(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: hook, namespace: x}\nstringData: {github-token: k}\n---\n\
         apiVersion: shipwright.io/v1alpha1\nkind: Build\nmetadata: {name: nodejs-ex, namespace: x}\nspec:\n  \
         source: {url: 'https://github.com/acme/nodejs-ex', credentials: {name: hook}}\n  strategy: {name: s}\n  \
         output: {image: registry.example/x}\n  trigger:\n    when:\n    - {name: both, type: GitHub, github: \
         {events: [Push, PullRequest], branches: [main]}}\n",
    );
    check(
        &["dev", "--once", "--manifests", path(&folder)],
        true,
        &["x/nodejs-ex \"both\": started nodejs-ex-"],
    );
}

#[test]
fn dev_says_what_is_wrong_with_a_folder() {
    let broken = manifests("{");
    check(&["dev", "--once", "--manifests", path(&broken)], false, &["build.yaml", "YAML"]);
    let silent = manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
    check(
        &["dev", "--once", "--manifests", path(&silent)],
        false,
        &["No Build has a rule for pushes or pull requests", "github-token"],
    );
    let refused = manifests(
        "apiVersion: shipwright.io/v1beta1\nkind: Build\nmetadata: {name: b}\nspec: {strategy: {name: s}}\n",
    );
    check(&["dev", "--once", "--manifests", path(&refused)], false, &["cannot create Build b", "output"]);
    let empty = tempfile::tempdir().unwrap();
    check(&["dev", "--once", "--manifests", path(&empty)], false, &["contains no .yaml, .yml or .json file"]);
    check(&["dev", "--once", "--manifests", "/nonexistent"], false, &["cannot read the folder /nonexistent"]);
}

#[test]
fn errors_say_what_to_do() {
    let absent = "the kubeconfig /nonexistent cannot be read: no such file or directory; correct KUBECONFIG";
    check(&["serve"], false, &[absent]);
    let mut without = command(&["explain", "push", "--repo", "github.com/a/b"]);
    let output = without.env_remove("KUBECONFIG").env("HOME", "/nonexistent").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.starts_with("error: no Kubernetes API server is configured") && text.lines().count() == 1,
        "{text}"
    );
    assert!(text.contains("set KUBECONFIG to a kubeconfig, or run in a pod"), "{text}");
    check(
        &["serve", "--hook-path", "nowhere=/x"],
        false,
        &["unknown provider `nowhere`; use one of: github"],
    );
    check(&["serve", "--hook-path", "github=x"], false, &["must start with `/`"]);
    check(&["serve", "--registry-hook", "ecr=/x"], false, &["unknown notification format `ecr`", "quay"]);
    check(&["serve", "--admin-auth", "some"], false, &["kubernetes, none"]);
    check(&["serve", "--journal", "nope"], false, &["not a journal: write sqlite:PATH"]);
    check(&["deliveries", "list", "--server", "http://127.0.0.1:1"], false, &["kubectl port-forward"]);
    check(&["--log", "=,", "serve"], false, &["use a level such as `info`"]);
    let unreachable =
        ["send", "push", "--repo", "github.com/a/b", "--url", "http://127.0.0.1:1/hooks/github"];
    check(&unreachable, false, &["cannot reach http://127.0.0.1:1", "set another address with --url"]);
    check(&["send"], false, &["specify one event"]);
    check(&["send", "push", "--repo", "/srv/git"], false, &["`/srv/git` is not a repository URL"]);
    check(
        &["send", "push", "--repo", "github.com/a/b", "--commit", "abc"],
        false,
        &["40 or 64 hexadecimal digits"],
    );
    check(&["send", "push", "--repo", "github.com/a/b", "--provider", "x"], false, &["unknown provider `x`"]);
}

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
    for line in [
        "Build x/elsewhere",
        "  error   rule when[0] \"n\": the event `push` is unknown, write `Push`",
        "Build x/open",
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

#[test]
fn the_short_help_of_serve_is_the_most_needed_and_every_option_has_a_heading() {
    let help = |flag: &str| String::from_utf8(run(&["serve", flag]).stdout).unwrap();
    let (short, long) = (help("-h"), help("--help"));
    assert!(short.lines().count() <= 60, "{} lines:\n{short}", short.lines().count());
    for part in ["--journal", "--listen", "--namespace", "`serve --help` lists all options"] {
        assert!(short.contains(part), "`{part}` is missing:\n{short}");
    }
    assert!(!short.contains("--max-bodies") && long.contains("--max-bodies"));
    // What has no heading is below `Options`: the last three are clap's and the demo has none.
    let (_, options) = long.split_once("\nOptions:\n").unwrap();
    let without_heading = options.split("\n\n").next().unwrap_or_default();
    for flag in ["--listen", "--max-connections", "--header-timeout"] {
        assert!(!without_heading.contains(flag), "{flag} has no heading:\n{without_heading}");
    }
}

#[test]
fn a_misspelled_variable_of_the_environment_is_reported_without_its_value() {
    let mut command =
        command(&["explain", "push", "--repo", "github.com/acme/web", "--manifests", "/nowhere"]);
    command.env("SHIPWRIGHT_TRIGGER_SECRT", "hush").env("SHIPWRIGHT_TRIGGER_LISTN", ":1");
    let errors = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(errors.contains("SHIPWRIGHT_TRIGGER_LISTN is unknown and has no effect"), "{errors}");
    assert!(errors.contains("did you mean SHIPWRIGHT_TRIGGER_SECRET?"), "{errors}");
    assert!(!errors.contains("hush"), "{errors}");
}

#[test]
fn events_may_be_spelled_as_rules_spell_them() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    for event in ["pull-request", "pull_request", "PullRequest"] {
        let args = ["explain", "--manifests", examples, event, "--repo", "github.com/acme/web"];
        check(&args, true, &["the event is PullRequest, the rule is for Push"]);
    }
}

#[test]
fn a_key_in_the_environment_is_not_shown() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    let output =
        command.args(["send", "push", "--help"]).env("SHIPWRIGHT_TRIGGER_SECRET", "hush").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hush"));
}

#[test]
fn a_journal_is_copied_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| format!("{}/{name}", path(&folder));
    let address = format!("sqlite:{}", file("journal.db"));
    drop(
        trigger_journal::SqliteJournal::open(file("journal.db"), trigger_journal::sqlite::Options::default())
            .unwrap(),
    );
    check(&["journal", "check", "--journal", &address], true, &["is in order: 0 deliveries"]);
    let backup = ["journal", "backup", "--journal", &address, &file("copy.db")];
    check(&backup, true, &["copy.db holds 0 deliveries"]);
    check(&backup, false, &["copy.db exists and is not overwritten: remove it"]);
    let streamed = run(&["journal", "backup", "--journal", &address, "-"]).stdout;
    std::fs::write(file("streamed.db"), streamed).unwrap();
    let streamed = format!("sqlite:{}", file("streamed.db"));
    check(&["journal", "check", "--journal", &streamed], true, &["is in order: 0 deliveries"]);
    let elsewhere = ["journal", "check", "--journal", "sqlite:/nowhere/journal.db"];
    check(&elsewhere, false, &["/nowhere/journal.db does not exist"]);
    let postgres = ["journal", "backup", "--journal", "postgres://u:hush@db/x", "copy.db"];
    check(&postgres, false, &["postgres://u@db/x is in PostgreSQL: back it up with `pg_dump"]);
}

#[test]
fn crds_are_manifests() {
    let output = run(&["crds"]);
    let objects = trigger_api::manifest::parse(&String::from_utf8(output.stdout).unwrap()).unwrap();
    assert_eq!(objects, trigger_api::crds::all().unwrap());
}

#[test]
fn every_flag_of_serve_has_an_environment_name_and_every_command_its_help() {
    let help = String::from_utf8(run(&["serve", "--help"]).stdout).unwrap();
    let flag = |line: &&str| line.starts_with("--") || (line.starts_with('-') && line.contains(", --"));
    let flags = help.lines().map(str::trim_start).filter(flag).count();
    let named = help.matches("[env: SHIPWRIGHT_TRIGGER_").count();
    // All but `--help` and `--version`.
    assert_eq!(named + 2, flags, "{help}");
    for command in [
        "dev",
        "serve",
        "send",
        "explain",
        "validate",
        "deliveries",
        "images",
        "journal",
        "crds",
        "completions",
    ] {
        check(&[command, "--help"], true, &["Usage: "]);
    }
    check(&["completions", "bash"], true, &["complete -F"]);
}
