//! The log as machines read it: one JSON object a line, in which every key stands once.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::StatusCode;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};
use trigger_core::RepoId;
use trigger_devcluster::Gvr;
use trigger_devregistry::DevRegistry;
use trigger_providers::{Sample, SampleKind};

use crate::apart::{Cluster, cluster, free_port, repository};
use crate::world::{KEY, SHA, compose, hook_path, played, repository_of, sign};

/// Longer than any step of the scenario takes.
const DEADLINE: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A JSON value in which no object, at any depth, repeats a key. `serde_json::Value` would keep the last one.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueKeysVisitor)
    }
}

struct UniqueKeysVisitor;

impl<'de> Visitor<'de> for UniqueKeysVisitor {
    type Value = UniqueKeys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_i64<E>(self, _: i64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_u64<E>(self, _: u64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_f64<E>(self, _: f64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_str<E>(self, _: &str) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_unit<E>(self) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<UniqueKeys, A::Error> {
        while items.next_element::<UniqueKeys>()?.is_some() {}
        Ok(UniqueKeys)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<UniqueKeys, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            fields.next_value::<UniqueKeys>()?;
            if let Some(key) = keys.replace(key) {
                return Err(A::Error::custom(format!("the key `{key}` is repeated")));
            }
        }
        Ok(UniqueKeys)
    }
}

#[test]
fn repeated_keys_are_found_at_any_depth() {
    for (text, expected) in [
        (r#"{"a": 1, "b": {"a": [null, true, -1, 0.5, "x"]}, "c": [{"a": 1}, {"a": 1}]}"#, None),
        (r#"{"a": 1, "b": 1, "a": 1}"#, Some("the key `a` is repeated")),
        (r#"{"b": {"a": 1, "a": 1}}"#, Some("the key `a` is repeated")),
        (r#"[{"b": [{"a": 1, "\u0061": 1}]}]"#, Some("the key `a` is repeated")),
    ] {
        let found = serde_json::from_str::<UniqueKeys>(text).err().map(|error| error.to_string());
        assert_eq!(found.is_some(), expected.is_some(), "{text}: {found:?}");
        assert!(found.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{text}");
    }
}

/// The binary in a process of its own, logging JSON at level debug into a file.
struct Serving {
    child: Child,
    hooks: SocketAddr,
    admin: SocketAddr,
    http: reqwest::Client,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    async fn start(folder: &Path, cluster: &Cluster, registry: &str) -> Self {
        let (hooks, admin) = (free_port(), free_port());
        std::fs::write(folder.join("kubeconfig"), cluster.kubeconfig()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SHIPWRIGHT_TRIGGER_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--log", "debug", "--log-format", "json", "--drain-delay", "0"]);
        command.args(["--listen", &hooks.to_string(), "--admin-listen", &admin.to_string()]);
        command.args(["--admin-auth", "none", "--image-interval", "1", "--image-window", "0"]);
        command.args(["--image-run-rate", "1", "--registry-private", "127.0.0.1"]);
        command.args(["--insecure-registry", registry]);
        command.args(cluster.watched().iter().flat_map(|name| ["--namespace", name]));
        command.arg("--journal").arg(folder.join("journal.db"));
        command.env("KUBECONFIG", folder.join("kubeconfig")).stdin(Stdio::null());
        command.stderr(std::fs::File::create(folder.join("log")).unwrap());
        let child = command.spawn().unwrap();
        let serving = Self { child, hooks, admin, http: reqwest::Client::new() };
        let readyz = format!("http://{admin}/readyz");
        until("the program is ready", async || {
            let response = serving.http.get(&readyz).send().await;
            response.is_ok_and(|response| response.status().is_success()).then_some(())
        })
        .await;
        serving
    }

    /// Posts a push to `branch` of a repository, signed with `key`.
    async fn push(&self, repository: &str, branch: &str, key: &str) -> StatusCode {
        let sample = Sample {
            repository: RepoId::parse(repository).unwrap(),
            default_branch: "main".to_owned(),
            sender: "ada".to_owned(),
            kind: SampleKind::Push {
                full_ref: format!("refs/heads/{branch}"),
                commit: SHA.to_owned(),
                files: Vec::new(),
            },
        };
        let request = compose(played(), &sample);
        let headers = sign(played(), request.event, "id", &request.body, Some(key));
        let url = format!("http://{}{}", self.hooks, hook_path(played()));
        self.http.post(url).headers(headers).body(request.body).send().await.unwrap().status()
    }

    /// The items of a list of the admin API.
    async fn items(&self, path: &str) -> Vec<Value> {
        let url = format!("http://{}/api/v1{path}", self.admin);
        let list: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// Sends SIGTERM and waits until the process has ended.
    async fn end(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        until("the program has ended", async || self.child.try_wait().unwrap()).await;
    }
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A Build with a rule for an image.
fn build_on(image: &str, name: &str) -> Value {
    json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"name": name},
        "spec": {
            "source": {"type": "Git", "git": {"url": repository()}},
            "strategy": {"name": "buildah"},
            "output": {"image": format!("registry.example/acme/{name}")},
            "trigger": {"when": [{"name": "on base", "type": "Image", "github": {}, "image": {"names": [image]}}]},
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_repeats_a_key() {
    let registry = DevRegistry::builder().start().await.unwrap();
    let base = format!("{}/base:1", registry.host());
    let before = registry.push("base", "1", b"{}");
    let cluster = cluster().await;
    cluster.apply(build_on(&base, "api")).await;
    cluster.apply(build_on(&base, "ui")).await;
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(folder.path(), &cluster, &registry.host()).await;

    let (ours, other) = (&*repository(), &*repository_of(played(), "acme/other"));
    for (repository, branch, key, status) in [
        (ours, "main", KEY, StatusCode::ACCEPTED),
        (ours, "dev", KEY, StatusCode::ACCEPTED),
        (ours, "main", "another key", StatusCode::UNAUTHORIZED),
        (other, "main", KEY, StatusCode::NOT_FOUND),
    ] {
        assert_eq!(serving.push(repository, branch, key).await, status, "{repository} {branch}");
    }
    until("the first digest is known", async || {
        serving.items("/images").await.iter().any(|image| image["digest"] == before).then_some(())
    })
    .await;
    registry.push("base", "1", b"{ }");
    // One of the two runs is due at once, the other is throttled: the delivery waits with an error.
    let throttled = |item: &Value| item["source"] == "images" && item["error"].is_string();
    until("the change of the image has started a run", async || {
        serving.items("/deliveries").await.iter().any(throttled).then_some(())
    })
    .await;
    let build_runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    assert_eq!(cluster.store().list(&build_runs, cluster.namespace()).await.unwrap().len(), 2);
    serving.end().await;

    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    for line in log.lines() {
        serde_json::from_str::<UniqueKeys>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for level in ["INFO", "DEBUG"] {
        assert!(lines.iter().any(|line| line["level"] == level), "no line of level {level}:\n{log}");
    }
    for (field, value) in [("rule", "push main"), ("rule", "on base"), ("reason", "branch-not-listed")] {
        assert!(lines.iter().any(|line| line[field] == value), "no line with {field} {value}:\n{log}");
    }
    assert_eq!(
        (&lines[0]["message"], &lines[0]["version"]),
        (&"starting".into(), &env!("CARGO_PKG_VERSION").into())
    );
    let nothing = lines.iter().find(|line| line["message"] == "delivery stored; no rule fired");
    let why = nothing.and_then(|line| line["why"].as_str()).unwrap_or_else(|| panic!("no reason:\n{log}"));
    assert!(why.contains("the branch is dev, the rule is for main"), "{why}");
    for line in &lines {
        let target = line["target"].as_str().unwrap_or_default();
        let is_own = target.starts_with("trigger_") || target.starts_with("shipwright_trigger");
        assert!(
            is_own || line["level"] == "WARN" || line["level"] == "ERROR",
            "{target} is not ours: {line}"
        );
    }
}
