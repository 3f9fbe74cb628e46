//! `deliveries`: the binary, asking a program that runs.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_core::{DeliveryId, ObjectKey};
use trigger_devcluster::Fault;
use trigger_journal::{Rejection, TriedSecret};

use crate::world::{PROVIDER_ID, World, for_every_provider, usual_rules};

/// `deliveries` with these arguments, as a user of the world.
fn command(world: &World, user: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SHIPWRIGHT_TRIGGER_")) {
        command.env_remove(name);
    }
    command.arg("deliveries").args(args).env("SHIPWRIGHT_TRIGGER_SERVER", world.admin_url());
    if !user.is_empty() {
        command.env("SHIPWRIGHT_TRIGGER_TOKEN", world.token(user));
    }
    command.stdin(Stdio::null());
    command
}

fn run(world: &World, user: &str, args: &[&str]) -> Output {
    command(world, user, args).output().unwrap()
}

/// What is printed, with the exit status checked. Tokens never are.
#[track_caller]
fn print(world: &World, user: &str, args: &[&str], status: i32) -> String {
    let output = run(world, user, args);
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(status), "{args:?}: {text}");
    world.check_for_tokens(&text);
    text
}

#[track_caller]
fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found.contains(line)), "`{line}` is missing in\n{text}");
    }
}

for_every_provider!(a_push_to_the_wrong_branch_is_explained_in_a_line_and_in_full);
async fn a_push_to_the_wrong_branch_is_explained_in_a_line_and_in_full() {
    let world = World::with_users().await;
    world.simulate_builds(trigger_simulation::SimulationOptions::default());
    world.build("team-a", "web", usual_rules()).await;
    let team = world.namespace("team-a");
    let wrong = world.deliver(&world.push("refs/heads/dev", &"a".repeat(40))).await.delivery.id;
    let right = world.deliver(&world.push_main()).await;
    let run_name = right.launches[0].run.name().to_string();
    let right = right.delivery.id;

    // As rules spell it, for every provider.
    let event = "Push";
    let list = print(&world, "reader-a", &["list"], 0);
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].starts_with("AGE    ID "), "{list}");
    let told = |line: &str, id: &DeliveryId, result: &str| {
        assert!(line.contains(&format!("   {id}   settled   {event} ")) && line.ends_with(result), "{line}");
    };
    told(lines[1], &right, "   1 started, 1 skipped");
    told(lines[2], &wrong, "   the branch is dev, the rule is for main");

    let story = print(&world, "reader-a", &["show", wrong.as_str()], 0);
    assert_lines(
        &story,
        &[
            &format!("Delivery {wrong}  settled"),
            &format!("  received   {event} of {}", world.repository().trim_start_matches("https://")),
            &format!("  via        {}, {} delivery {PROVIDER_ID}", world.hook_path(), world.provider.name()),
            &format!("  verified   by the Secret {team}/hook"),
            "  attempts   1, finished ",
            &format!("Build {team}/web"),
            &format!(
                "It started nothing. To have the rules of today decide it: shipwright-trigger deliveries replay {wrong}"
            ),
            "  skipped \"push main\": the branch is dev, the rule is for main",
            "            ✓ event    Push",
            "            ✗ branch   expected main, found dev",
            "  skipped \"pr main\": the event is Push, the rule is for PullRequest",
        ],
    );
    // The first characters are enough.
    world
        .until("the run has ended", || async {
            let story = print(&world, "reader-a", &["show", &right.as_str()[..10]], 0);
            let fired = story.contains(&format!("  fired   \"push main\": started {run_name}"));
            (fired && story.contains(&format!("BuildRun {team}/{run_name}  Succeeded "))).then_some(())
        })
        .await;

    let wide = print(&world, "reader-a", &["list", "-o", "wide", "--limit", "1"], 0);
    assert_lines(&wide, &["RECEIVED", "ATTEMPTS", "More deliveries match: raise --limit"]);
    let found: Value =
        serde_json::from_slice(&run(&world, "reader-a", &["list", "-o", "json"]).stdout).unwrap();
    assert_eq!(found["items"][0]["id"], right.as_str());
    let found: Value =
        serde_json::from_slice(&run(&world, "reader-a", &["show", right.as_str(), "-o", "json"]).stdout)
            .unwrap();
    assert_eq!((&found["kind"], &found["state"]), (&json!("delivery"), &json!("settled")));
    assert_lines(&print(&world, "reader-a", &["show", right.as_str(), "-o", "yaml"], 0), &["kind: delivery"]);
    let body = run(&world, "reader-a", &["show", right.as_str(), "--payload"]).stdout;
    assert_eq!(body, world.compose(&world.push_main()).body);

    let filtered = |args: &[&str]| print(&world, "reader-a", &[&["list"], args].concat(), 0);
    let spelled = world.scp_repository();
    assert_eq!(
        filtered(&["--repository", &spelled, "--since", "1h", "--state", "settled"]).lines().count(),
        3
    );
    assert_lines(&filtered(&["--until", "1h"]), &["No deliveries match --until."]);
    assert_lines(&filtered(&["--event", "ping"]), &["No deliveries match --event 'ping'."]);
    for spelling in ["push", "Push", "PUSH", world.compose(&world.push_main()).event] {
        assert_eq!(filtered(&["--event", spelling]).lines().count(), 3, "{spelling}");
    }
    // Standard output stays for machines.
    let nothing = run(&world, "reader-a", &["list", "--event", "pusch", "-o", "json"]);
    let found: Value = serde_json::from_slice(&nothing.stdout).unwrap();
    assert_eq!(found["items"], json!([]));
    let told = String::from_utf8(nothing.stderr).unwrap();
    assert!(
        told.contains(
            "`pusch` is no event that this program knows: those of repositories are Ping, PullRequest, Push"
        ),
        "{told}"
    );
}

for_every_provider!(what_others_own_is_not_shown);
async fn what_others_own_is_not_shown() {
    let world = World::with_users_and(|options| options.allow_unsigned = true).await;
    world.build("team-a", "web", usual_rules()).await;
    let git = json!({"url": world.repository()});
    world.build_of("team-b", "open", git, json!({"when": usual_rules()})).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let story = print(&world, "reader-b", &["show", id.as_str()], 0);
    assert_lines(
        &story,
        &[
            "  verified   by no key that you may see; allowed by --allow-unsigned",
            "More is hidden: it belongs to namespaces in which you may not get Builds.",
        ],
    );
    assert!(!story.contains("team-a"), "{story}");
    assert_lines(&print(&world, "reader-b", &["list"], 0), &["(visible to you)"]);
    assert_lines(&print(&world, "nobody", &["show", id.as_str()], 1), &["no delivery with this id exists"]);
    assert_lines(&print(&world, "nobody", &["list"], 0), &["No deliveries."]);
    assert_lines(&print(&world, "reader-b", &["show", id.as_str(), "--payload"], 1), &["403 Forbidden"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_requests_are_listed_and_shown() {
    let world = World::with_users().await;
    let id = DeliveryId::derive(&[b"rejected"]);
    let rejection = Rejection {
        at: Timestamp::now(),
        times: 3,
        delivery: id.clone(),
        status: 401,
        answer: "unauthorized".to_owned(),
        reason: "no Secret verifies the signature".to_owned(),
        source: world.provider.name().to_owned(),
        path: world.hook_path().to_owned(),
        event: "push".to_owned(),
        provider_id: None,
        repository: Some("git.example/acme/web".to_owned()),
        from: Some("192.0.2.1".to_owned()),
        tried: vec![TriedSecret {
            secret: ObjectKey::new(world.namespace("team-a"), "hook"),
            finding: "the signature is not one of its key".to_owned(),
        }],
    };
    world.program.journal.reject(vec![rejection]).await.unwrap();
    let list = print(&world, "reader-a", &["list", "--rejected"], 0);
    assert_lines(&list, &["401 unauthorized   3 ", "no Secret verifies the signature"]);
    let story = print(&world, "reader-a", &["show", id.as_str()], 0);
    assert_lines(
        &story,
        &[
            &format!("Rejected {id}  401 unauthorized"),
            &format!("  via        {} from 192.0.2.1", world.hook_path()),
            "  repeated   3 consecutive requests",
            "  reason     no Secret verifies the signature",
            "  not verified: the signature is not one of its key",
        ],
    );
    assert_lines(&print(&world, "reader-b", &["list", "--rejected"], 0), &["No rejected requests."]);
}

for_every_provider!(a_replay_is_rehearsed_and_done_once);
async fn a_replay_is_rehearsed_and_done_once() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    let id = id.as_str();
    let team = world.namespace("team-a");

    let text = print(&world, "editor-a", &["replay", id, "--dry-run"], 0);
    assert_lines(
        &text,
        &[
            &format!("{id}: would start Build {team}/web (only for rules in {team})"),
            "  fires   \"push main\"",
        ],
    );
    world.drained().await;
    assert_eq!(world.run_counts().await, (1, 0));

    let text = print(&world, "editor-a", &["replay", id, "--request", "once"], 0);
    let arrow = format!("{id} -> ");
    let new = text.lines().find_map(|line| line.strip_prefix(&arrow)).unwrap().to_owned();
    let record = world.settled(&new.parse().unwrap()).await;
    assert_eq!(record.delivery.replay.unwrap().by, world.name_of("editor-a"));
    assert_eq!(world.run_counts().await, (2, 0));
    let text = print(&world, "editor-a", &["replay", id, "--request", "once"], 0);
    assert_lines(&text, &[&format!("{id} -> {new} (created by an earlier request with the same key)")]);
    world.drained().await;
    assert_eq!(world.run_counts().await, (2, 0));
    assert_lines(&print(&world, "reader-a", &["show", id], 0), &[&format!("  replayed   as {new}")]);
    let story = print(&world, "reader-a", &["show", &new], 0);
    assert_lines(
        &story,
        &[
            &format!("  replay of  {id}, requested by {} from 127.0.0.1", world.name_of("editor-a")),
            &format!("; a replay only for rules in {team}"),
        ],
    );

    assert_lines(&print(&world, "reader-a", &["replay", id], 1), &["you may not create BuildRuns"]);
    assert_lines(
        &print(&world, "editor-a", &["replay", "--event", "ping"], 3),
        &["No deliveries match --event 'ping'. Nothing to replay."],
    );
    assert_lines(&print(&world, "editor-a", &["replay"], 1), &["select deliveries either by id"]);
    let unknown = "abcdefghijklmnopqrstuvwxyz";
    assert_lines(&print(&world, "editor-a", &["replay", unknown], 1), &["it does not exist"]);

    let second = world.deliver(&world.push("refs/heads/main", &"b".repeat(40))).await.delivery.id;
    let since = ["replay", "--since", "1h", "--state", "settled"];
    assert_lines(&print(&world, "editor-a", &since, 1), &["2 deliveries would be replayed", "add --yes"]);
    world.drained().await;
    assert_eq!(world.run_counts().await, (3, 0), "nobody was there to ask");
    let text = print(&world, "editor-a", &[&since[..], &["--yes"]].concat(), 0);
    assert_lines(&text, &[&arrow, &format!("{second} -> ")]);
    assert_eq!(text.matches(" -> ").count(), 2, "the replay is not replayed:\n{text}");
    world.until("both have run", || async { (world.run_counts().await == (5, 0)).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_shown_while_one_watches() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let before = world.deliver(&world.push("refs/heads/dev", &"a".repeat(40))).await.delivery.id;
    let mut command = command(&world, "reader-a", &["list", "--watch", "-o", "json", "--event", "push"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (lines, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        out.lines().map_while(Result::ok).for_each(|line| {
            let _ = lines.send(serde_json::from_str::<Value>(&line).unwrap());
        });
    });
    let mut hear = async |id: &DeliveryId, state: &str| {
        let limit = std::time::Duration::from_secs(20);
        while let Some(item) = tokio::time::timeout(limit, heard.recv()).await.expect("nothing is heard") {
            if item["id"] == id.as_str() && item["state"] == state {
                return;
            }
        }
        panic!("the watch ended");
    };
    hear(&before, "settled").await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    hear(&id, "settled").await;
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Of the dev cluster alone: it refuses runs on request.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_refused_is_never_called_started() {
    let world = World::with_users().await;
    world.build("team-a", "web", usual_rules()).await;
    let Some(dev) = world.dev_only("it refuses runs on request") else { return };
    let denied = Fault::deny_admission("buildruns", 422, "image not allowed").times(1);
    dev.faults().add(denied);
    let id = world.send(&world.push_main()).await.delivery();
    let record = world.until("it has failed", || async {
        let record = world.program.journal.find(&id).await.unwrap().unwrap();
        (record.state == trigger_journal::State::Failed).then_some(record)
    });
    let run = record.await.launches[0].run.name().to_string();
    let story = print(&world, "reader-a", &["show", id.as_str()], 0);
    assert_lines(
        &story,
        &[
            &format!("  failed  \"push main\": could not create {run}"),
            &format!("BuildRun {}/{run}  not created: ", world.namespace("team-a")),
            "image not allowed",
        ],
    );
    assert!(!story.contains("started"), "{story}");
    let list: Value = serde_json::from_str(&print(&world, "reader-a", &["list", "-o", "json"], 0)).unwrap();
    assert_eq!(list["items"][0]["summary"]["started"], 0, "{list}");

    dev.faults().add(Fault::deny_admission("buildruns", 503, "etcd is changing its leader"));
    let id = world.send(&world.push("refs/heads/main", &"b".repeat(40))).await.delivery();
    world
        .until("it waits", || async {
            let record = world.program.journal.find(&id).await.unwrap().unwrap();
            record.error.filter(|_| record.state == trigger_journal::State::Pending)
        })
        .await;
    let story = print(&world, "reader-a", &["show", id.as_str()], 0);
    assert_lines(&story, &["  error      ", "etcd is changing its leader"]);
    assert!(!story.contains("started"), "{story}");
    dev.faults().clear();
    world.settled(&id).await;
    assert_lines(
        &print(&world, "reader-a", &["show", id.as_str()], 0),
        &["  fired   \"push main\": started "],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_to_do() {
    let world = World::with_users().await;
    assert_lines(&print(&world, "made-up", &["list"], 1), &["rejects this token", "kubectl create token"]);
    assert_lines(
        &print(&world, "admin", &["show", "abc"], 1),
        &["`abc` is not an id", "the first 6 may be enough"],
    );
    assert_lines(&print(&world, "admin", &["show", "abcdefgh"], 1), &["no delivery with this id exists"]);
    let hooks = format!("http://{}", world.program.hooks);
    assert_lines(
        &print(&world, "admin", &["list", "--server", &hooks], 1),
        &["set --server to its admin port"],
    );
    let nobody = ["list", "--server", "http://127.0.0.1:1"];
    assert_lines(&print(&world, "admin", &nobody, 1), &["cannot be reached", "kubectl port-forward"]);
    assert_lines(&print(&world, "admin", &["list", "--server", "x"], 1), &["is not an HTTP URL"]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}\n", world.token("admin"))).unwrap();
    let path = file.path().to_str().unwrap();
    assert_lines(&print(&world, "", &["list", "--token-file", path], 0), &["No deliveries."]);
    assert_lines(
        &print(&world, "", &["list", "--token-file", "/nonexistent"], 1),
        &["cannot read the token in /nonexistent"],
    );
    assert_lines(&print(&world, "admin", &["list", "--since", "soon"], 2), &["such as 30m, 2h or 7d"]);
    let help = print(&world, "admin", &["list", "--help"], 0);
    assert_lines(&help, &["[env: SHIPWRIGHT_TRIGGER_TOKEN]", "--watch"]);
}
