//! Requests that take memory, against the program in as much memory as its pod has.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use trigger_core::RepoId;
use trigger_devcluster::Gvr;
use trigger_providers::{Sample, SampleKind};
use trigger_testkit::memory_cgroup::MemoryCgroup;

use crate::apart::{Cluster, cluster, free_port, repository};
use crate::world::{KEY, compose, hook_path, played, sign, usual_rules};

/// `resources.limits.memory` of the shipped pod.
const POD: u64 = 256 << 20;
/// The default of `--max-body`, less a little for the head of the payload.
const LARGEST: usize = (25 << 20) - 4096;
/// A start, or a response while large requests are worked on, on a busy machine.
const SOON: Duration = Duration::from_mins(2);

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// The program in a cgroup.
struct Served {
    process: Child,
    hooks: SocketAddr,
    admin: SocketAddr,
    _folder: TempDir,
}

impl Served {
    async fn start(cgroup: &MemoryCgroup, cluster: &Cluster) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, cluster.kubeconfig()).unwrap();
        let (hooks, admin) = (free_port(), free_port());
        let mut command = cgroup.command(env!("CARGO_BIN_EXE_shipwright-trigger"));
        command.args(["serve", "--log", "off"]);
        command.args(["--listen", &hooks.to_string(), "--admin-listen", &admin.to_string()]);
        command.args(cluster.watched().iter().flat_map(|name| ["--namespace", name]));
        let journal = format!("sqlite:{}", folder.path().join("journal.db").display());
        command.env("SHIPWRIGHT_TRIGGER_JOURNAL", journal).env("KUBECONFIG", kubeconfig);
        // As in the manifests.
        command.env("MIMALLOC_PURGE_DELAY", "0");
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let served = Self { process, hooks, admin, _folder: folder };
        let began = Instant::now();
        while !served.is_ready().await {
            assert!(began.elapsed() < SOON, "the program is not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        served
    }

    async fn is_ready(&self) -> bool {
        reqwest::get(format!("http://{}/readyz", self.admin)).await.is_ok_and(|ready| ready.status() == 200)
    }

    /// Posts `body`, and the status of the response. None if the connection ended without one, as it may if the body is
    /// rejected while it is sent.
    async fn post(hooks: SocketAddr, headers: HeaderMap, body: Arc<Vec<u8>>) -> Option<u16> {
        let mut head = format!("POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n", hook_path(played()));
        for (name, value) in &headers {
            write!(head, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
        }
        write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
        let (mut reading, mut writing) = TcpStream::connect(hooks).await.unwrap().into_split();
        let send = tokio::spawn(async move {
            // The half is kept: closed, it would mean that the client has gone away.
            let _ = async {
                writing.write_all(head.as_bytes()).await?;
                writing.write_all(&body).await
            }
            .await;
            writing
        });
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, reading.read_to_end(&mut answer)).await;
        let _ = read.expect("the request is not answered");
        drop(send.await.unwrap());
        std::str::from_utf8(&answer).ok()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

/// A push of the commit with this number.
fn push(number: usize) -> Vec<u8> {
    let kind = SampleKind::Push {
        full_ref: "refs/heads/main".to_owned(),
        commit: format!("{number:040x}"),
        files: Vec::new(),
    };
    let repository = RepoId::parse(&repository()).unwrap();
    compose(
        played(),
        &Sample { repository, default_branch: "main".to_owned(), sender: "ada".to_owned(), kind },
    )
    .body
}

/// A push with a field more in front.
fn with_field(number: usize, name: &str, value: &str) -> Vec<u8> {
    let push = String::from_utf8(push(number)).unwrap();
    push.replacen('{', &format!("{{\"{name}\":\"{value}\","), 1).into_bytes()
}

/// A text that no compression makes much shorter.
fn noise(length: usize, seed: usize) -> String {
    let mut state = seed as u64 + 1;
    let mut next = || {
        // Xorshift.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(state >> 20) as usize % 64],
        )
    };
    (0..length).map(|_| next()).collect()
}

/// Every byte of a push with a field of `length` bytes, percent-encoded.
fn form(number: usize, length: usize) -> Vec<u8> {
    let json = with_field(number, "x", &"A".repeat(length));
    let mut form = b"payload=".to_vec();
    form.extend(json.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()));
    form
}

/// The same, of which most bytes stand for themselves.
fn plain_form(number: usize) -> Vec<u8> {
    let json = String::from_utf8(with_field(number, "x", &noise(LARGEST - 8192, number))).unwrap();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &json);
    form.finish().into_bytes()
}

fn headers(body: &[u8], content_type: &'static str, key: &str) -> HeaderMap {
    let mut headers = sign(played(), "push", "id", body, Some(key));
    headers.insert("content-type", HeaderValue::from_static(content_type));
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_and_their_copies_fit_into_the_memory_of_a_pod() {
    let Some(cgroup) = MemoryCgroup::for_test("large bodies", POD) else { return };
    let cluster = cluster().await;
    let program = Served::start(&cgroup, &cluster).await;
    let escapes = r"\u0041".repeat((LARGEST - 8192) / 6);
    let mut number = 0;
    for (what, content_type, body, key, at_once) in [
        ("forms of escapes", FORM, form(1, LARGEST / 3 - 8192), "forged", 5),
        ("forms of escapes", FORM, form(1, LARGEST / 3 - 8192), "forged", 50),
        ("forms", FORM, plain_form(1), "forged", 12),
        ("JSON of escapes", JSON, with_field(1, "x", &escapes), "forged", 12),
        ("escapes in a field that is read", JSON, with_field(1, "ref", &escapes), "forged", 5),
        ("escapes in a name", JSON, with_field(1, &escapes, "x"), "forged", 5),
        ("levels", JSON, "{\"x\":[".repeat(LARGEST / 6).into_bytes(), "forged", 5),
        ("deliveries that are stored, as forms", FORM, plain_form(2), KEY, 3),
        ("deliveries that are stored", JSON, with_field(3, "x", &noise(LARGEST - 8192, 3)), KEY, 5),
        (
            "deliveries that are stored, once more",
            JSON,
            with_field(5, "x", &noise(LARGEST - 8192, 5)),
            KEY,
            2,
        ),
        ("deliveries that are stored, again", JSON, with_field(6, "x", &noise(LARGEST - 8192, 6)), KEY, 2),
        ("deliveries that are stored small", JSON, with_field(4, "x", &escapes), KEY, 5),
    ] {
        let mut requests = JoinSet::new();
        let headers = headers(&body, content_type, key);
        let body = Arc::new(body);
        for _ in 0..at_once {
            requests.spawn(Served::post(program.hooks, headers.clone(), Arc::clone(&body)));
        }
        let mut answers = Vec::new();
        while let Some(answer) = requests.join_next().await {
            answers.extend(answer.unwrap());
            number += 1;
            let small = push(1000 + number);
            let signed = self::headers(&small, JSON, KEY);
            let answer = Served::post(program.hooks, signed, Arc::new(small)).await;
            let killed = cgroup.oom_kills().unwrap();
            assert_eq!(
                answer,
                Some(202),
                "an ordinary push beside {what}, {at_once} at once; {killed} killed"
            );
        }
        assert_eq!(cgroup.oom_kills().unwrap(), 0, "{what}: {answers:?}");
        assert!(answers.iter().any(|status| *status != 503), "the oldest of {what}: {answers:?}");
        let alone = Served::post(program.hooks, headers, body).await;
        assert!(alone.is_some_and(|status| status != 503), "{what}: {alone:?}, and before {answers:?}");
    }
}

/// A Build of the victim's repository with these rules, in the namespace of its team.
fn build(name: &str, spec: &Value, annotations: &Value) -> Value {
    let mut build = json!({
        "apiVersion": "shipwright.io/v1beta1", "kind": "Build",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "source": {"type": "Git", "git": {"url": repository()}},
            "strategy": {"name": "buildah", "kind": "ClusterBuildStrategy"},
            "output": {"image": "registry.example/acme/web"},
        },
    });
    for (field, value) in spec.as_object().unwrap() {
        build["spec"][field] = value.clone();
    }
    build
}

/// An image rule for so many images, whose names begin with `prefix`.
fn images(prefix: &str, count: usize) -> Value {
    let names: Vec<_> = (0..count).map(|number| format!("r.example/{prefix}{number}")).collect();
    json!({"trigger": {"when": [{"name": "images", "type": "Image", "image": {"names": names}}]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_images_fit_into_the_memory_of_a_pod() {
    let Some(cgroup) = MemoryCgroup::for_test("thousands of images", POD) else { return };
    let cluster = cluster().await;
    for (name, count) in [("many", 3_500), ("most", 40_000)] {
        cluster.apply(build(name, &images(name, count), &json!({}))).await;
    }
    for number in 0..500 {
        let name = format!("some-{number}");
        cluster.apply(build(&name, &images(&format!("{name}-"), 64), &json!({}))).await;
    }
    let program = Served::start(&cgroup, &cluster).await;
    for number in 1..20 {
        let body = push(number);
        let signed = headers(&body, JSON, KEY);
        assert_eq!(Served::post(program.hooks, signed, Arc::new(body)).await, Some(202));
    }
    assert_eq!(cgroup.oom_kills().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_many_large_builds_fit_into_the_memory_of_a_pod() {
    // A spec of 64 KiB with many small parts is some forty times as large while it is rendered.
    const BUILDS: usize = 120;
    const PUSHES: usize = 1;
    let Some(cgroup) = MemoryCgroup::for_test("runs of large Builds", POD) else { return };
    let cluster = cluster().await;
    let env: Vec<_> = (0..2000).map(|number| json!({"name": format!("V{number}"), "value": "x"})).collect();
    let trigger = json!({"triggerSecret": "hook", "when": usual_rules()});
    for number in 0..BUILDS {
        let spec = json!({"env": env, "trigger": trigger});
        let annotations = json!({"trigger.shipwright.io/revision": "event"});
        cluster.apply(build(&format!("large-{number}"), &spec, &annotations)).await;
    }
    let program = Served::start(&cgroup, &cluster).await;
    let build_runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    for number in 1..=PUSHES {
        let body = push(number);
        let signed = headers(&body, JSON, KEY);
        assert_eq!(Served::post(program.hooks, signed, Arc::new(body)).await, Some(202));
    }
    let began = Instant::now();
    while cluster.store().list(&build_runs, cluster.namespace()).await.unwrap().len() < PUSHES * BUILDS {
        assert_eq!(cgroup.oom_kills().unwrap(), 0);
        assert!(began.elapsed() < 3 * SOON, "the runs are not created");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(cgroup.oom_kills().unwrap(), 0);
}

/// About the largest object that an API server stores.
const LARGEST_OBJECT: usize = 1_400_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_builds_are_listed_within_the_memory_of_a_pod() {
    let Some(cgroup) = MemoryCgroup::for_test("the largest Builds", POD) else { return };
    let cluster = cluster().await;
    let padding = "x".repeat(LARGEST_OBJECT);
    for number in 0..100 {
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build",
            "metadata": {"name": format!("large-{number}")},
            "spec": {
                "strategy": {"name": "buildah", "kind": "ClusterBuildStrategy"},
                "output": {"image": "registry.example/acme/large"},
                "paramValues": [{"name": "padding", "value": padding}],
            },
        });
        cluster.apply(build).await;
    }
    let program = Served::start(&cgroup, &cluster).await;
    let body = push(1);
    let signed = headers(&body, JSON, KEY);
    assert_eq!(Served::post(program.hooks, signed, Arc::new(body)).await, Some(202));
    assert_eq!(cgroup.oom_kills().unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_of_many_small_parts_fit_into_the_memory_of_a_pod() {
    // Each takes 60 MiB once it is read.
    const BUILDS: usize = 8;
    let Some(cgroup) = MemoryCgroup::for_test("Builds of small parts", POD) else { return };
    let cluster = cluster().await;
    let parts = LARGEST_OBJECT / r#"{"name":"V10000"},"#.len();
    let parts: Vec<_> = (0..parts).map(|number| json!({"name": format!("V{number}")})).collect();
    for number in 0..BUILDS {
        let spec = json!({"env": parts});
        cluster.apply(build(&format!("parts-{number}"), &spec, &json!({}))).await;
    }
    let program = Served::start(&cgroup, &cluster).await;
    let body = push(1);
    let signed = headers(&body, JSON, KEY);
    assert_eq!(Served::post(program.hooks, signed, Arc::new(body)).await, Some(202));
    assert_eq!(cgroup.oom_kills().unwrap(), 0);
}
