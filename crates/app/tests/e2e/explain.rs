//! `explain` against live Builds: the binary, the cluster's API, no server of ours. And `send`, which plays a provider.

use std::process::Command;

use crate::world::{Answer, KEY, World, decisions, for_every_provider, usual_rules};

for_every_provider!(explain_asks_the_rules_of_the_cluster);
async fn explain_asks_the_rules_of_the_cluster() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    world.build("team-b", "web", usual_rules()).await;
    for (reference, status, verdict) in
        [("main", 0, "fires   \"push main\""), ("dev", 3, "the branch is dev")]
    {
        let output = world.explain_push("team-a", reference);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(status), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains(verdict), "{text}");
        assert_eq!(text.matches("Build ").count(), 1, "one namespace only: {text}");
    }
    world.nothing_started().await;
}

for_every_provider!(send_plays_every_provider);
async fn send_plays_every_provider() {
    let world = World::new().await;
    world.build("team-a", "web", usual_rules()).await;
    let send = |key: &str, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
        command.arg("send").args(args).args([
            "--provider",
            world.provider.name(),
            "--repo",
            &world.repository(),
        ]);
        command.env("SHIPWRIGHT_TRIGGER_URL", world.hook_url()).env("SHIPWRIGHT_TRIGGER_SECRET", key);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    for args in [&["push", "--ref", "main"][..], &["pull-request", "--base", "main"]] {
        let (status, text) = send("guessed", args);
        assert!(status == Some(1) && text.starts_with("401 "), "{text}");
    }
    world.nothing_started().await;
    for (args, rule) in [(&["push", "--ref", "main"][..], "push main"), (&["pull-request"], "pr main")] {
        let (status, text) = send(KEY, args);
        assert!(status == Some(0) && text.starts_with("202 "), "{text}");
        let body = text.split_once('\n').unwrap().1.to_owned();
        let answer = Answer { status: reqwest::StatusCode::ACCEPTED, body };
        let record = world.settled(&answer.delivery()).await;
        assert!(decisions(&record).contains(&format!("web/{rule}: fired")), "{:?}", record.decisions);
    }
    assert_eq!(world.run_counts().await, (2, 0));
}
