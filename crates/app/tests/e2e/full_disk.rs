//! The volume of the journal is full: senders are told to come again, nothing acknowledged is lost, no tenant stops
//! another, and when there is room again everything goes on by itself.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use trigger_core::RepoId;
use trigger_devcluster::Gvr;
use trigger_providers::{Sample, SampleKind};

use crate::apart::{Cluster, cluster, free_port, repository};
use crate::world::{
    KEY, SHA, annotation, compose, hook_path, played, repository_of, secret_entry, sign, usual_rules,
};

/// A sender that waits no longer must have got its 503 before.
const ANSWER_WITHIN: Duration = Duration::from_secs(6);
const SOON: Duration = Duration::from_mins(1);

/// A volume of 64 MiB in a mount namespace of its own, and the program with its journal there.
struct Confined {
    /// Keeps the namespace.
    holder: Child,
    program: Option<Child>,
    folder: PathBuf,
    hooks: SocketAddr,
    admin: SocketAddr,
    http: reqwest::Client,
}

impl Confined {
    async fn start(dev: &Cluster, folder: &Path) -> Self {
        std::fs::write(folder.join("kubeconfig"), dev.kubeconfig()).unwrap();
        std::fs::create_dir(folder.join("volume")).unwrap();
        let script = "mount -t tmpfs -o size=64m tmpfs \"$0\" && echo mounted && exec sleep infinity";
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(folder.join("volume"));
        let mut holder = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "mounted\n");
        let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().unwrap();
        let (hooks, admin) = (free_port(), free_port());
        let mut this = Self { holder, program: None, folder: folder.to_owned(), hooks, admin, http };
        this.serve(dev);
        this.ready().await;
        this
    }

    /// Starts the program, in place of one that runs, which is killed.
    fn serve(&mut self, dev: &Cluster) {
        self.kill();
        let mut command = Command::new("nsenter");
        command
            .args(["--preserve-credentials", "--user", "--mount", "--target"])
            .arg(self.holder.id().to_string());
        command.arg(env!("CARGO_BIN_EXE_shipwright-trigger")).args(["serve", "--log", "off"]);
        command.args(["--listen", &self.hooks.to_string(), "--admin-listen", &self.admin.to_string()]);
        command.args(dev.watched().iter().flat_map(|name| ["--namespace", name]));
        command.arg("--journal").arg(self.folder.join("volume/journal.db"));
        command.env("KUBECONFIG", self.folder.join("kubeconfig")).stdin(Stdio::null());
        self.program = Some(command.spawn().unwrap());
    }

    fn kill(&mut self) {
        if let Some(mut program) = self.program.take() {
            program.kill().unwrap();
            program.wait().unwrap();
        }
    }

    fn ballast(&self) -> PathBuf {
        let volume = self.folder.join("volume/ballast");
        PathBuf::from(format!("/proc/{}/root{}", self.holder.id(), volume.display()))
    }

    /// Fills the volume with something else, to the last byte.
    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
    }

    /// Takes the something else away.
    fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }

    async fn readyz(&self) -> Option<(StatusCode, String)> {
        let answer = self.http.get(format!("http://{}/readyz", self.admin)).send().await.ok()?;
        Some((answer.status(), answer.text().await.ok()?))
    }

    async fn ready(&self) {
        let ready = async || self.readyz().await.filter(|(status, _)| *status == StatusCode::OK);
        until("it is ready", ready).await;
    }

    /// Delivers a body. The id of the delivery if it is accepted.
    async fn post(&self, body: Vec<u8>) -> Option<String> {
        let event = compose(played(), &push(&repository(), SHA)).event;
        let headers = sign(played(), event, "id", &body, Some(KEY));
        let url = format!("http://{}{}", self.hooks, hook_path(played()));
        let answer = self.http.post(url).headers(headers).body(body).send().await.unwrap();
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            assert!(answer.headers().contains_key("retry-after"));
            return None;
        }
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let body: Value = answer.json().await.unwrap();
        Some(body["delivery"].as_str().unwrap().to_owned())
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        self.kill();
        let _ = self.holder.kill();
        self.holder.wait().unwrap();
    }
}

/// Whether a process here may mount a volume of its own.
fn can_mount(scenario: &str) -> bool {
    let tried = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    let can = tried.is_ok_and(|tried| tried.status.success());
    let required = std::env::var_os("TRIGGER_REQUIRE_UNSHARE").is_some();
    assert!(can || !required, "namespaces are required and may not be made here");
    if !can {
        // Past the test runner, which shows what tests print only if they fail.
        let line = format!("skipped for want of user namespaces: {scenario}\n");
        stderr().write_all(line.as_bytes()).unwrap();
    }
    can
}

/// A push whose body holds so many bytes of what no compression makes shorter.
fn large_push(repository: &str, number: u64, bytes: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let noise: String = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'#' + (state >> 32).to_le_bytes()[0] % 57)
    })
    .take(bytes)
    .collect();
    // Each is another push: hooks that deliver one push start one run.
    let request = compose(played(), &push(repository, &format!("{:040x}", number + 1)));
    let mut payload: Value = serde_json::from_slice(&request.body).unwrap();
    payload["noise"] = noise.into();
    payload.to_string().into_bytes()
}

fn push(repository: &str, commit: &str) -> Sample {
    Sample {
        repository: RepoId::parse(repository).unwrap(),
        default_branch: "main".to_owned(),
        sender: "ada".to_owned(),
        kind: SampleKind::Push {
            full_ref: "refs/heads/main".to_owned(),
            commit: commit.to_owned(),
            files: Vec::new(),
        },
    }
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until each of these deliveries has its one run.
async fn have_their_runs(dev: &Cluster, deliveries: &[String]) {
    let runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    until("every acknowledged delivery has its run", async || {
        let runs = dev.store().list(&runs, dev.namespace()).await.unwrap();
        let has = |id: &String| runs.iter().filter(|run| annotation(run, "delivery") == id).count() == 1;
        deliveries.iter().all(has).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_recovers() {
    if !can_mount("a_full_disk_refuses_and_recovers") {
        return;
    }
    let dev = cluster().await;
    let folder = tempfile::tempdir().unwrap();
    let program = Confined::start(&dev, folder.path()).await;
    program.fill();
    for number in 0..3 {
        assert_eq!(program.post(large_push(&repository(), number, 64 << 10)).await, None);
    }
    let not_ready =
        async || program.readyz().await.filter(|(status, _)| *status == StatusCode::SERVICE_UNAVAILABLE);
    let (_, reason) = until("it is not ready", not_ready).await;
    assert!(reason.contains("full"), "{reason}");

    program.make_room();
    program.ready().await;
    let accepted = program.post(large_push(&repository(), 0, 64 << 10)).await;
    have_their_runs(&dev, &[accepted.expect("what was refused is taken in now")]).await;
}

/// A Build of another team, with the same key for its own repository.
async fn other_team(dev: &Cluster) -> String {
    let repository = repository_of(played(), "acme/other");
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-b"}});
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "team-b", "name": "hook"},
        "stringData": {secret_entry(played()): KEY},
    });
    let build = json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"namespace": "team-b", "name": "other"},
        "spec": {
            "source": {"type": "Git", "git": {"url": repository, "revision": "main"}},
            "strategy": {"name": "buildah"},
            "output": {"image": "registry.example/acme/other"},
            "trigger": {"triggerSecret": "hook", "when": usual_rules()},
        },
    });
    for object in [namespace, secret, build] {
        dev.store().apply(object).await.unwrap();
    }
    repository
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_fills_the_disk_stops_no_other_and_a_restart_comes_up() {
    let scenario = "a_tenant_that_fills_the_disk_stops_no_other_and_a_restart_comes_up";
    if !can_mount(scenario) {
        return;
    }
    let dev = cluster().await;
    if dev.watched().is_some() {
        return writeln!(stderr(), "skipped on a shared cluster: {scenario}").unwrap();
    }
    let other = other_team(&dev).await;
    let folder = tempfile::tempdir().unwrap();
    let mut program = Confined::start(&dev, folder.path()).await;
    let (mut acknowledged, mut stored) = (Vec::new(), 0);
    for number in 0..300 {
        // More than the volume holds.
        stored += usize::from(program.post(large_push(&other, number, 300 << 10)).await.is_some());
        if number % 10 == 0 {
            let accepted = program.post(large_push(&repository(), number, 1 << 10)).await;
            acknowledged.push(accepted.unwrap_or_else(|| panic!("refused beside delivery {number}")));
        }
    }
    assert!(stored > 100, "{stored} deliveries of the other tenant were stored");
    program.ready().await;

    program.fill();
    program.serve(&dev);
    until("it comes up on a full volume", async || program.readyz().await).await;
    program.make_room();
    program.ready().await;
    acknowledged.extend(program.post(large_push(&repository(), 1000, 1 << 10)).await);
    assert_eq!(acknowledged.len(), 31);
    have_their_runs(&dev, &acknowledged).await;
}
