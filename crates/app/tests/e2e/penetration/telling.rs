//! Text of strangers where people read it: in logs, on a terminal, in Events and annotations.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trigger_providers::{Sample, SampleKind, SampleRequest};

use crate::apart::{Cluster, cluster, free_port, repository};
use crate::world::{KEY, World, annotation, compose, hook_path, played, sign};

/// A name that clears the screen, goes back to the beginning of its line, and begins one that looks like ours.
const ODD: &str = "x\u{1b}c\u{9b}2J\r\n2026-01-01T00:00:00Z ERROR forged \u{202e}txet\u{200b}";
const SOON: Duration = Duration::from_mins(1);

fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
}

fn odd_rules() -> Value {
    json!([{"name": ODD, "type": "GitHub", "github": {"events": ["Push"], "branches": ["main", ODD]}}])
}

struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

fn serve(folder: &Path, cluster: &Cluster, hooks: SocketAddr, format: &str) -> Serving {
    std::fs::write(folder.join("kubeconfig"), cluster.kubeconfig()).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SHIPWRIGHT_TRIGGER_")) {
        command.env_remove(name);
    }
    command.args(["serve", "--log", "info,trigger_dispatch=debug", "--log-format", format]);
    command.args(["--listen", &hooks.to_string(), "--admin-listen", &free_port().to_string(), "--journal"]);
    command.arg(format!("sqlite:{}", folder.join("journal.db").display()));
    if let Some(namespace) = cluster.watched() {
        command.args(["--namespace", namespace]);
    }
    command.env("KUBECONFIG", folder.join("kubeconfig")).stdin(Stdio::null()).stderr(log);
    Serving(command.spawn().unwrap())
}

/// The log, once it holds `part`.
async fn log_with(folder: &Path, part: &str) -> String {
    let deadline = Instant::now() + SOON;
    loop {
        let log = String::from_utf8(std::fs::read(folder.join("log")).unwrap()).unwrap();
        if log.contains(part) {
            return log;
        }
        assert!(Instant::now() < deadline, "`{part}` does not come in\n{log}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_lines_of_their_own_into_the_log() {
    for format in ["text", "json"] {
        let cluster = cluster().await;
        let trigger = json!({"triggerSecret": "hook", "when": odd_rules()});
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "Build",
            "metadata": {"name": "odd"},
            "spec": {
                "source": {"type": "Git", "git": {"url": repository(), "revision": ODD}},
                "strategy": {"name": "buildah"},
                "output": {"image": "registry.example/acme/odd"},
                "trigger": trigger,
            },
        });
        // Not applied: what is applied goes as YAML, in which these characters may not stand.
        let builds = trigger_devcluster::Gvr::new("shipwright.io", "v1beta1", "builds");
        cluster.store().create(&builds, cluster.namespace(), build).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let hooks = free_port();
        let _serving = serve(folder.path(), &cluster, hooks, format);
        log_with(folder.path(), "listening").await;

        let sample = |branch: &str| Sample {
            repository: trigger_core::RepoId::parse(&repository()).unwrap(),
            default_branch: "main".to_owned(),
            sender: ODD.to_owned(),
            kind: SampleKind::Push {
                full_ref: format!("refs/heads/{branch}"),
                commit: crate::world::SHA.to_owned(),
                files: Vec::new(),
            },
        };
        let http = reqwest::Client::new();
        let url = format!("http://{hooks}{}", hook_path(played()));
        for (branch, status) in [("\u{202e}ved\u{200b}", 202), (ODD, 400), ("main", 202)] {
            let SampleRequest { event, body } = compose(played(), &sample(branch));
            let deadline = Instant::now() + SOON;
            let answered = loop {
                let headers = sign(played(), event, "{\"level\":\"ERROR\"}", &body, Some(KEY));
                let answer = http.post(&url).headers(headers).body(body.clone()).send().await.unwrap();
                // Until every Build has been seen.
                if answer.status() != 503 || Instant::now() > deadline {
                    break answer.status().as_u16();
                }
            };
            assert_eq!(answered, status, "{branch:?}");
        }
        log_with(folder.path(), "the branch is ").await;
        let log = log_with(folder.path(), &format!("{}/odd-", cluster.namespace())).await;
        for line in log.lines() {
            assert!(!line.contains(is_odd), "{format}: {line:?}");
            match format {
                "json" => drop(serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line:?}"))),
                _ => assert!(!line.starts_with("2026-01-01T00:00:00Z ERROR"), "{line:?}"),
            }
        }
        assert!(log.contains("forged"), "the odd rule is not told of at all:\n{log}");
        assert!(!log.contains(KEY), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_odd_names_and_does_not_act_on_them() {
    let world = World::with_users().await;
    let git = json!({"url": world.repository()});
    world.build_of("team-a", "web", git, json!({"triggerSecret": "hook", "when": odd_rules()})).await;
    let id = world.deliver(&world.push("refs/heads/\u{202e}ved", &"a".repeat(40))).await.delivery.id;
    for args in [
        &["deliveries", "show", id.as_str()][..],
        &["deliveries", "list"],
        &["deliveries", "list", "-o", "wide"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
        command.args(args).env("SHIPWRIGHT_TRIGGER_SERVER", world.admin_url());
        command.env("SHIPWRIGHT_TRIGGER_TOKEN", world.token("reader-a")).stdin(Stdio::null());
        // As on a terminal: what is written with colours is not taken out again.
        command.env("CLICOLOR_FORCE", "1").env_remove("NO_COLOR");
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("\u{1b}["), "there are colours: {text:?}");
        assert!(text.contains("\\u{202e}ved"), "the branch is shown: {text:?}");
        let ours = |c: char| matches!(c, '\n' | '\u{1b}');
        assert!(!text.contains(|c| is_odd(c) && !ours(c)), "{text:?}");
        assert!(!text.contains("\u{1b}c"), "{text:?}");
        assert!(!text.lines().any(|line| line.starts_with("2026-01-01")), "{text:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_one_line_and_annotations_are_what_was_meant() {
    let world = World::new().await;
    let git = json!({"url": world.repository()});
    world.build_of("team-a", "web", git, json!({"triggerSecret": "hook", "when": odd_rules()})).await;
    let mut push = world.push_main();
    push.sender = "ada\u{1b}[2J\"}\nroot".to_owned();
    world.deliver(&push).await;
    for note in world.events("team-a", "web", "BuildRunCreated").await {
        assert!(!note.contains(char::is_control), "{note:?}");
    }
    let runs = world.runs("team-a").await;
    let name = annotation(&runs[0], "trigger-when-name");
    assert!(name.contains("forged") && !name.contains(char::is_control), "{name:?}");
    assert_eq!(annotation(&runs[0], "sender"), "", "a login that is none is left out");
}
