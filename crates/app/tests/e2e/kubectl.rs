//! Plain kubectl on the cluster: what a person does to Builds, BuildRuns and Secrets.

use std::io::{Write, stderr};
use std::process::{Command, Stdio};

use crate::world::{World, usual_rules};

/// Whether there is a kubectl. Where the tests are required to use one, its absence fails them.
fn kubectl_is_there() -> bool {
    let there =
        Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|run| run.status.success());
    let required = std::env::var_os("TRIGGER_REQUIRE_KUBECTL").is_some();
    assert!(there || !required, "kubectl is required and missing");
    if !there {
        // Past the test runner, which shows what tests print only if they fail.
        stderr()
            .write_all(b"skipped for want of kubectl: kubectl_works_on_builds_buildruns_and_secrets\n")
            .unwrap();
    }
    there
}

struct Kubectl {
    config: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Kubectl {
    fn new(kubeconfig: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("kubeconfig");
        std::fs::write(&config, kubeconfig).unwrap();
        Self { config, _folder: folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(args).env("KUBECONFIG", &self.config).stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "kubectl {args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_works_on_builds_buildruns_and_secrets() {
    if !kubectl_is_there() {
        return;
    }
    let world = World::new().await;
    world.simulate_builds(trigger_simulation::SimulationOptions::default());
    world.build("team-a", "web", usual_rules()).await;
    let kubectl = Kubectl::new(&world.stage.admin_kubeconfig);
    let namespace = world.namespace("team-a");
    let n = namespace.as_str();

    let watching = kubectl.command(&["get", "buildruns", "-n", n, "-w", "--request-timeout=60s"]);
    let mut watching = { watching }.stdout(Stdio::piped()).spawn().unwrap();
    let record = world.deliver(&world.push_main()).await;
    let run = record.launches[0].run.name().as_ref();
    let waited = tokio::task::block_in_place(|| {
        kubectl.run(&[
            "wait",
            "-n",
            n,
            "--for=condition=Succeeded",
            &format!("buildrun/{run}"),
            "--timeout=30s",
        ])
    });
    assert!(waited.contains("condition met"), "{waited}");

    let table = kubectl.run(&["get", "buildruns", "-n", n]);
    for column in ["NAME", "SUCCEEDED", "REASON", "STARTTIME", "COMPLETIONTIME", run] {
        assert!(table.contains(column), "{table}");
    }
    let described = kubectl.run(&["describe", "build", "web", "-n", n]);
    assert!(described.contains("BuildRunCreated") && described.contains(run), "{described}");
    world.triggered("team-a", run).await;
    let described = kubectl.run(&["describe", "buildrun", run, "-n", n]);
    assert!(
        described.contains("Triggered") && described.contains("trigger.shipwright.io/commit"),
        "{described}"
    );

    let before = world.rules_of("team-a", "web").unwrap();
    // An edit takes effect: the rule for main becomes one for trunk.
    let mut edit = kubectl.command(&["edit", "build", "web", "-n", n]);
    let edited = edit.env("KUBE_EDITOR", "sed -i s/-.main$/-\\ trunk/").output().unwrap();
    assert!(edited.status.success(), "{}", String::from_utf8_lossy(&edited.stderr));
    assert!(String::from_utf8_lossy(&edited.stdout).contains("edited"), "{edited:?}");
    world
        .until("the edit is known", || async {
            let now = world.rules_of("team-a", "web")?;
            (!std::sync::Arc::ptr_eq(&now, &before)).then_some(())
        })
        .await;
    let record = world.deliver(&world.push("refs/heads/main", &"d".repeat(40))).await;
    assert!(record.launches.is_empty(), "{:?}", record.decisions);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret.yaml");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\ndata: {token: eA==}\n";
    std::fs::write(&file, secret).unwrap();
    let file = file.to_str().unwrap();
    assert!(kubectl.run(&["apply", "-n", n, "-f", file]).contains("secret/other created"));
    assert!(kubectl.run(&["apply", "-n", n, "-f", file]).contains("secret/other unchanged"));
    assert!(kubectl.run(&["get", "secret", "other", "-n", n, "-o", "jsonpath={.data.token}"]) == "eA==");
    kubectl.run(&["delete", "secret", "other", "-n", n]);
    kubectl.run(&["delete", "buildrun", run, "-n", n]);
    kubectl.run(&["delete", "build", "web", "-n", n, "--wait"]);
    assert_eq!(world.run_counts().await, (0, 0));

    watching.kill().unwrap();
    let output = watching.wait_with_output().unwrap();
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(seen.contains(run), "get -w printed:\n{seen}");
}

/// What the pages tell users to do before they ask the admin API.
#[tokio::test(flavor = "multi_thread")]
async fn kubectl_makes_a_reader_of_one_namespace_and_explains_rules() {
    if !kubectl_is_there() {
        return;
    }
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    world.deliver(&world.push_main()).await;
    let kubectl = Kubectl::new(&world.stage.admin_kubeconfig);
    let (a, b) = (world.namespace("team-a"), world.namespace("team-b"));
    if world.dev_only("another cluster has definitions of its own").is_some() {
        let explained = kubectl.run(&["explain", "build.spec.trigger.when.github"]);
        for part in ["The events of a repository that match.", "branches", "such as release-*"] {
            assert!(explained.contains(part), "{explained}");
        }
    }
    kubectl.run(&["create", "serviceaccount", "reader", "-n", &a]);
    kubectl.run(&[
        "create",
        "role",
        "build-reader",
        "-n",
        &a,
        "--verb=get",
        "--resource=builds.shipwright.io",
    ]);
    let account = format!("--serviceaccount={a}:reader");
    kubectl.run(&["create", "rolebinding", "build-reader", "-n", &a, "--role=build-reader", &account]);
    let token = kubectl.run(&["create", "token", "-n", &a, "reader"]);
    let unknown = kubectl.command(&["create", "token", "-n", &a, "nobody"]).output().unwrap();
    assert!(!unknown.status.success(), "there is no such account");

    let list = async || {
        let request = world.http.get(format!("{}/api/v1/deliveries", world.admin_url()));
        let answer = request.bearer_auth(token.trim()).send().await.unwrap();
        let status = answer.status();
        (status, answer.text().await.unwrap())
    };
    // A real API server may take a moment to know the binding.
    let told = world
        .until("the reader sees the delivery", || async {
            let (status, told) = list().await;
            (status == reqwest::StatusCode::OK && told.contains("\"id\"")).then_some(told)
        })
        .await;
    assert!(!told.contains(&b), "team-b is none of the reader's: {told}");
    kubectl.run(&["delete", "rolebinding", "build-reader", "-n", &a]);
    let n = a.as_str();
    assert!(kubectl.run(&["get", "roles,rolebindings", "-n", n]).contains("build-reader"));
}
