//! `explain` against live Builds: the binary, the cluster's API, no server of ours.

use std::process::Command;

use crate::world::{World, usual_rules};

#[tokio::test(flavor = "multi_thread")]
async fn explain_asks_the_rules_of_the_cluster() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, &world.stage.admin_kubeconfig).unwrap();
    let (repository, namespace) = (world.repository(), world.namespace("team-a"));
    for (reference, status, verdict) in
        [("main", 0, "fires   \"push main\""), ("dev", 3, "the branch is dev")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"))
            .args(["explain", "push", "--repo", &repository, "--ref", reference, "-n", &namespace])
            .env("KUBECONFIG", &kubeconfig)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(status), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(verdict), "{text}");
        assert_eq!(text.matches("Build ").count(), 1, "one namespace only: {text}");
    }
    assert_eq!(world.run_counts().await, (0, 0));
}
