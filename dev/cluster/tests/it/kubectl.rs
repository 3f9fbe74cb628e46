//! The real kubectl, verb by verb.
//!
//! Skipped without kubectl, unless `TRIGGER_REQUIRE_KUBECTL=1`.

use std::fmt::Write as _;
use std::io::{Write as _, stderr};
use std::process::Stdio;
use std::sync::Once;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use trigger_devcluster::DevCluster;

use crate::scene::{DEADLINE, builder, client_for};

struct Kubectl {
    cluster: DevCluster,
    home: tempfile::TempDir,
}

/// Not `eprintln!`: the test runner shows the output of failed tests only.
static SAY_ONCE: Once = Once::new();

struct Output {
    text: String,
    error: String,
    success: bool,
}

impl Kubectl {
    /// A cluster with its kubectl, or `None` if kubectl is missing.
    async fn new() -> Option<Self> {
        let found = Command::new("kubectl").args(["version", "--client"]).output().await;
        if !found.is_ok_and(|output| output.status.success()) {
            let required = std::env::var("TRIGGER_REQUIRE_KUBECTL").is_ok_and(|value| value == "1");
            assert!(!required, "kubectl is required and not there");
            SAY_ONCE.call_once(|| {
                stderr()
                    .write_all(b"skipped: kubectl is not installed; the tests in kubectl.rs did nothing\n")
                    .unwrap();
            });
            return None;
        }
        let cluster = builder().start().await.unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("config"), cluster.kubeconfig()).unwrap();
        Some(Self { cluster, home })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("kubectl");
        command.args(line.split(' ')).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("KUBECONFIG", self.home.path().join("config"));
        command.current_dir(self.home.path()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn output(&self, line: &str) -> Output {
        let output =
            tokio::time::timeout(DEADLINE * 3, self.command(line).output()).await.expect(line).unwrap();
        Output {
            text: String::from_utf8(output.stdout).unwrap(),
            error: String::from_utf8(output.stderr).unwrap(),
            success: output.status.success(),
        }
    }

    /// Runs a command that must succeed and returns its output.
    async fn run(&self, line: &str) -> String {
        let output = self.output(line).await;
        assert!(output.success, "kubectl {line}: {}{}", output.text, output.error);
        output.text
    }

    /// Runs a command that must fail and returns its error output.
    async fn fail(&self, line: &str) -> String {
        let output = self.output(line).await;
        assert!(!output.success, "kubectl {line}: {}", output.text);
        output.error
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join(name), text).unwrap();
    }

    fn build_file(&self, name: &str, image: &str) {
        let text = format!(
            "apiVersion: shipwright.io/v1beta1\nkind: Build\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\n\
             spec: {{strategy: {{name: buildah}}, output: {{image: {image}}}}}\n"
        );
        self.file(&format!("{name}.yaml"), &text);
    }
}

#[tokio::test]
async fn kubectl_discovers() {
    let Some(kubectl) = Kubectl::new().await else { return };
    assert!(kubectl.run("version").await.contains("Server Version: v1."));
    let resources = kubectl.run("api-resources").await;
    for line in ["builds bd shipwright.io/v1beta1 true Build", "leases coordination.k8s.io/v1 true Lease"] {
        let squeezed = resources.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(squeezed.into_iter().any(|l| l == line), "{line} in {resources}");
    }
    assert!(kubectl.run("api-versions").await.lines().any(|line| line == "shipwright.io/v1alpha1"));
    assert!(kubectl.run("explain build.spec.strategy").await.contains("-required-"));
    assert!(kubectl.run("explain configmap.metadata.labels").await.contains("map[string]string"));
}

#[tokio::test]
async fn kubectl_applies_gets_and_deletes() {
    let Some(kubectl) = Kubectl::new().await else { return };
    kubectl.build_file("web", "r.example/web:1");
    assert_eq!(kubectl.run("apply -f web.yaml").await, "build.shipwright.io/web created\n");
    assert_eq!(kubectl.run("apply -f web.yaml").await, "build.shipwright.io/web unchanged\n");
    kubectl.build_file("web", "r.example/web:2");
    assert_eq!(kubectl.run("apply -f web.yaml").await, "build.shipwright.io/web configured\n");
    assert_eq!(kubectl.run("get bd web -o jsonpath={.spec.output.image}").await, "r.example/web:2");
    let table = kubectl.run("get builds").await;
    let head: Vec<&str> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["NAME", "REGISTERED", "REASON", "CREATIONTIME"]);
    assert!(kubectl.run("get builds -o wide").await.contains("r.example/web:2"));
    assert!(kubectl.run("get builds -A").await.starts_with("NAMESPACE"));
    assert_eq!(kubectl.run("get builds -o name").await, "build.shipwright.io/web\n");
    assert!(kubectl.run("get build web -o yaml").await.contains("image: r.example/web:2"));
    assert!(kubectl.run("get build web -o json").await.contains("\"kind\": \"Build\""));
    assert_eq!(kubectl.run("get builds -l app=web -o name").await, "build.shipwright.io/web\n");
    assert_eq!(kubectl.run("get builds -l app!=web -o name").await, "");
    assert_eq!(
        kubectl.run("get builds --field-selector metadata.name=web -o name").await,
        "build.shipwright.io/web\n"
    );
    assert_eq!(kubectl.run("get all -o name").await, "build.shipwright.io/web\n");
    assert!(kubectl.run("delete -f web.yaml").await.starts_with("build.shipwright.io \"web\" deleted"));
    assert!(
        kubectl.fail("get build web").await.contains("(NotFound): builds.shipwright.io \"web\" not found")
    );
}

#[tokio::test]
async fn kubectl_applies_on_the_server() {
    let Some(kubectl) = Kubectl::new().await else { return };
    kubectl.build_file("web", "r.example/web:1");
    kubectl.run("apply --server-side -f web.yaml").await;
    kubectl.build_file("web", "r.example/web:2");
    let refused = kubectl.fail("apply --server-side --field-manager=other -f web.yaml").await;
    assert!(refused.contains("conflict with \"kubectl\""), "{refused}");
    kubectl.run("apply --server-side --field-manager=other --force-conflicts -f web.yaml").await;
    assert_eq!(kubectl.run("get build web -o jsonpath={.spec.output.image}").await, "r.example/web:2");
    kubectl.run("create configmap c --from-literal=k=1").await;
    kubectl.file("c.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: '2'}\n");
    kubectl.run("apply -f c.yaml").await;
    kubectl.run("apply --server-side -f c.yaml").await;
    assert_eq!(kubectl.run("get cm c -o jsonpath={.data.k}").await, "2");
}

#[tokio::test]
async fn kubectl_creates_and_validates() {
    let Some(kubectl) = Kubectl::new().await else { return };
    kubectl.run("create namespace team").await;
    kubectl.run("create secret generic hook --from-literal=github-token=s3cret -n team").await;
    assert_eq!(kubectl.run("get secret hook -n team -o jsonpath={.data.github-token}").await, "czNjcmV0");
    assert!(kubectl.run("get secrets -n team").await.contains("Opaque"));
    kubectl.run("create serviceaccount robot -n team").await;
    assert!(kubectl.fail("create namespace team").await.contains("AlreadyExists"));
    kubectl.file("odd.yaml", "apiVersion: shipwright.io/v1beta1\nkind: Build\nmetadata: {name: odd}\nspec: {strategy: {name: s, odd: 1}, output: {image: i}}\n");
    assert!(kubectl.fail("create -f odd.yaml").await.contains("unknown field \"spec.strategy.odd\""));
    let warned = kubectl.output("create -f odd.yaml --validate=warn").await;
    assert!(warned.error.contains("Warning: unknown field"), "{}", warned.error);
    kubectl.file("bad.yaml", "apiVersion: shipwright.io/v1beta1\nkind: Build\nmetadata: {name: bad}\nspec: {strategy: {name: s}}\n");
    assert!(kubectl.fail("apply -f bad.yaml").await.contains("spec.output: Required value"));
    assert!(kubectl.run("create configmap dry --dry-run=server").await.contains("(server dry run)"));
    assert!(kubectl.fail("get cm dry").await.contains("NotFound"));
    assert!(kubectl.run("delete namespace team").await.contains("deleted"));
    assert!(kubectl.fail("get ns team").await.contains("NotFound"));
}

#[tokio::test]
async fn kubectl_patches_labels_annotates_and_edits() {
    let Some(kubectl) = Kubectl::new().await else { return };
    kubectl.build_file("web", "r.example/web:1");
    kubectl.run("create -f web.yaml").await;
    kubectl.run("create configmap c --from-literal=k=1").await;
    kubectl.run("patch build web --type=merge -p {\"spec\":{\"output\":{\"image\":\"two\"}}}").await;
    kubectl
        .run("patch build web --type=json -p [{\"op\":\"add\",\"path\":\"/spec/env\",\"value\":[\"A=1\"]}]")
        .await;
    kubectl
        .run("patch build web --subresource=status --type=merge -p {\"status\":{\"registered\":\"True\"}}")
        .await;
    kubectl.run("patch configmap c -p {\"data\":{\"l\":\"old\"}}").await;
    assert!(kubectl.fail("patch build web -p {}").await.contains("is not supported by"));
    assert_eq!(kubectl.run("get cm c -o jsonpath={.data}").await, "{\"k\":\"1\",\"l\":\"old\"}");
    kubectl.run("label build web tier=front").await;
    kubectl.run("label build web app-").await;
    kubectl.run("annotate build web note=yes").await;
    let shown =
        kubectl.run("get build web -o jsonpath={.metadata.labels}{.metadata.annotations}{.status}").await;
    assert_eq!(shown, "{\"tier\":\"front\"}{\"note\":\"yes\"}{\"registered\":\"True\"}");
    let edit = kubectl.command("edit build web").env("EDITOR", "sed -i s/two/three/").output().await.unwrap();
    assert!(edit.status.success(), "{}", String::from_utf8_lossy(&edit.stderr));
    assert_eq!(kubectl.run("get build web -o jsonpath={.spec.output.image}").await, "three");
    let edit = kubectl.command("edit cm c").env("EDITOR", "sed -i s/old/new/").output().await.unwrap();
    assert!(edit.status.success(), "{}", String::from_utf8_lossy(&edit.stderr));
    assert_eq!(kubectl.run("get cm c -o jsonpath={.data.l}").await, "new");
    kubectl.build_file("web", "four");
    kubectl.run("replace -f web.yaml").await;
    assert_eq!(kubectl.run("get build web -o jsonpath={.spec.output.image}").await, "four");
}

#[tokio::test]
async fn kubectl_describes_with_events() {
    let Some(kubectl) = Kubectl::new().await else { return };
    kubectl.build_file("web", "r.example/web:1");
    kubectl.run("apply -f web.yaml").await;
    let client = client_for(&kubectl.cluster);
    let recorder = kube::runtime::events::Recorder::new(client, "trigger".into());
    let uid = kubectl.run("get build web -o jsonpath={.metadata.uid}").await;
    let subject = k8s_openapi::api::core::v1::ObjectReference {
        kind: Some("Build".to_owned()),
        name: Some("web".to_owned()),
        namespace: Some("default".to_owned()),
        uid: Some(uid),
        ..Default::default()
    };
    let event = kube::runtime::events::Event {
        type_: kube::runtime::events::EventType::Warning,
        reason: "Skipped".to_owned(),
        note: Some("the branch is not listed".to_owned()),
        action: "Decide".to_owned(),
        secondary: None,
    };
    recorder.publish(&event, &subject).await.unwrap();
    let described = kubectl.run("describe build web").await;
    assert!(described.contains("Image:  r.example/web:1"), "{described}");
    let line = described.lines().find(|line| line.contains("the branch is not listed"));
    assert!(line.is_some_and(|l| l.contains("Warning") && l.contains("Skipped")), "{described}");
    assert!(kubectl.run("get events").await.contains("build/web"));
    assert!(kubectl.run("describe namespace default").await.contains("Active"));
    assert!(kubectl.run("describe crd builds.shipwright.io").await.contains("Established"));
}

#[tokio::test]
async fn kubectl_waits() {
    let Some(kubectl) = Kubectl::new().await else { return };
    kubectl.run("wait --for=condition=Established crd/builds.shipwright.io --timeout=20s").await;
    let run = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun", "metadata": {"name": "r"},
        "spec": {"build": {"name": "web"}}});
    kubectl.file("run.yaml", &run.to_string());
    kubectl.run("create -f run.yaml").await;
    let pending = |line: &str| tokio::spawn(kubectl.command(line).output());
    let condition = pending("wait --for=condition=Succeeded buildrun/r --timeout=60s");
    let path = pending("wait --for=jsonpath={.status.output.digest}=sha256:1 buildrun/r --timeout=60s");
    let gone = pending("wait --for=delete buildrun/r --timeout=60s");
    let gvr = "shipwright.io/v1beta1/buildruns".parse().unwrap();
    let mut ended = kubectl.cluster.store().get(&gvr, "default", "r").await.unwrap().unwrap();
    ended["status"] = json!({"output": {"digest": "sha256:1"},
        "conditions": [{"type": "Succeeded", "status": "True", "reason": "Succeeded", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]});
    kubectl.cluster.store().replace_status(&gvr, ended).await.unwrap();
    for task in [condition, path] {
        let output = task.await.unwrap().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    kubectl.run("delete buildrun r").await;
    let output = gone.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn kubectl_watches() {
    let Some(kubectl) = Kubectl::new().await else { return };
    kubectl.build_file("web", "r.example/web:1");
    kubectl.run("create -f web.yaml").await;
    let mut child = kubectl.command("get builds -w").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next =
        async || tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("a line").unwrap().unwrap();
    assert!(next().await.starts_with("NAME"));
    assert!(next().await.starts_with("web"));
    kubectl
        .run("patch build web --subresource=status --type=merge -p {\"status\":{\"registered\":\"Maybe\"}}")
        .await;
    let changed: Vec<String> = next().await.split_whitespace().map(str::to_owned).collect();
    assert_eq!(changed.get(1).map(String::as_str), Some("Maybe"), "{changed:?}");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn kubectl_auth_can_i_asks_for_an_access_review() {
    let Some(kubectl) = Kubectl::new().await else { return };
    assert_eq!(kubectl.run("auth can-i create builds").await, "yes\n");
}

#[tokio::test]
async fn kubectl_pages_through_long_lists() {
    let Some(kubectl) = Kubectl::new().await else { return };
    let mut text = String::new();
    for index in 0..25 {
        writeln!(
            text,
            "---\n{}",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{index:02}")}})
        )
        .unwrap();
    }
    let mut child =
        kubectl.command("create -f -").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
    let status = tokio::time::timeout(Duration::from_mins(1), child.wait()).await.unwrap().unwrap();
    assert!(status.success());
    let names = kubectl.run("get cm -o name --chunk-size=10").await;
    assert_eq!(names.lines().count(), 25);
    assert_eq!(kubectl.cluster.requests().count("list", "configmaps"), 3);
}
