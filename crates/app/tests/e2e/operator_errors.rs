//! The likeliest errors of operators: each is one sentence with its remedy, without the structures of a library.

use std::process::Command;

use reqwest::StatusCode;
use trigger_api::crds;
use trigger_devcluster::{DevCluster, Fault, User};

use crate::world::World;

/// The lines that `explain` prints with this kubeconfig, as it fails.
fn explain(kubeconfig: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    std::fs::write(&file, kubeconfig).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"))
        .args(["explain", "push", "--repo", "github.com/acme/web"])
        .env("KUBECONFIG", &file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// Of dev clusters of their own: each lacks something.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_cluster_is_one_sentence_with_the_remedy() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let user =
        |name: &str| User { token: name.to_owned(), name: name.to_owned(), groups: vec![], rules: vec![] };
    let whole = DevCluster::builder()
        .crds(crds::all().unwrap())
        .user(user("robot"))
        .authorize()
        .start()
        .await
        .unwrap();
    let bare = DevCluster::builder().start().await.unwrap();
    let away = whole.kubeconfig().replace(&whole.url(), "http://127.0.0.1:1");
    for (kubeconfig, expected) in [
        (
            whole.kubeconfig_for("robot"),
            "the user robot may not list builds.shipwright.io in all namespaces; ask for the right to list Builds, or \
             name namespaces with `-n`",
        ),
        (
            whole.kubeconfig_for("unknown"),
            "the API server does not accept the credentials; renew them, or select another context with `kubectl \
             config use-context`",
        ),
        (
            bare.kubeconfig(),
            "the API server does not serve Builds: install Shipwright Build, or select another cluster with KUBECONFIG",
        ),
        (
            away,
            "the API server cannot be reached: connection refused; check that it runs, and that the kubeconfig has its \
             address",
        ),
        (
            whole.kubeconfig().replace("current-context: devcluster", "current-context: production"),
            "the kubeconfig has no context `production`; `kubectl config get-contexts` lists those that it has",
        ),
    ] {
        assert_eq!(explain(&kubeconfig), format!("error: {expected}\n"));
    }
    whole.shutdown().await.unwrap();
    bare.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_a_missing_right_in_one_sentence() {
    let dev = crate::roles::builder().crds(crds::all().unwrap()).start().await.unwrap();
    dev.faults().set(vec![Fault::refuse(403).on("list", "builds.shipwright.io")]);
    let world = World::on(dev, |_| {}).await;
    let Some(dev) = world.dev_only("it takes a right away") else { return };
    let url = format!("{}/readyz", world.admin_url());
    let reason = world
        .until("it says why it is not ready", || async {
            let answer = world.http.get(&url).send().await.unwrap();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            (status == StatusCode::SERVICE_UNAVAILABLE && text.contains("cannot be watched")).then_some(text)
        })
        .await;
    let expected = "not ready: Builds cannot be watched: the API server forbids it: forbidden by an injected fault; bind \
                    the ClusterRole `shipwright-trigger`, for all namespaces or for each `--namespace`";
    assert_eq!(reason.trim_end(), expected);
    dev.faults().clear();
    world.program.ready().await;
}
