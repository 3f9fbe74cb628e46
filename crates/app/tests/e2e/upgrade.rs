//! The whole program over a journal that commit 356220d wrote, on a cluster that holds the Builds and the runs of that
//! time. See `crates/journal/tests/fixtures/README.md`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use shipwright_trigger::{AdminAuth, Program, ProgramOptions};
use trigger_core::{DeliveryId, Ordinal};
use trigger_devcluster::{DevCluster, Gvr};
use trigger_journal::{Address, Record, ReplayRequest, State};
use trigger_providers::GitHub;
use trigger_targets::run_name;

use crate::elsewhere::skipped;
use crate::roles;
use crate::world::sign;

const JOURNAL: &[u8] = include_bytes!("../../../journal/tests/fixtures/journal-356220d.sqlite.zst");
const CONTENT: &[u8] = include_bytes!("../../../journal/tests/fixtures/journal-356220d.json.zst");

/// What 356220d read out of the journal, and the Builds.
static FIXTURE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(&zstd::decode_all(CONTENT).unwrap()).unwrap());

const NAMESPACES: [&str; 3] = ["team-a", "team-b", "team-c"];
const KEY: &str = "it is a secret to everybody";
const SOON: Duration = Duration::from_secs(30);

/// The runs with which 356220d itself continued what was not settled, by the label of the delivery. `pending-future` is due in 2102, as
/// by a clock that was ahead. The last two are changes of images that were no deliveries yet.
const CONTINUED: [(&str, &[&str]); 18] = [
    ("pending-reopened", &["team-a/shaky-ngxnz45xhs", "team-a/steady-hozmq56z2b"]),
    ("pending-past", &["team-a/shaky-j2xmjt3erz", "team-a/steady-4ptn45ozwv"]),
    ("claimed-again", &["team-a/shaky-kkc5mavpet", "team-a/steady-mge7c7qktm"]),
    ("claimed", &["team-a/web-5q6yf6a23k"]),
    ("pending", &["team-a/web-ulpptyk5i7"]),
    ("pending-pull-request", &["team-a/web-puwgvydz77"]),
    ("pending-two-secrets", &["team-a/pair-ye3org5iyy", "team-b/pair-f5yqjmared"]),
    ("pending-unsigned", &["team-a/open-nilcm56jiu"]),
    ("pending-keyless", &["team-a/clone-6poqahrq7a"]),
    ("pending-first-tenant", &["team-a/web-hsuq5avrce"]),
    ("pending-narrowed", &["team-b/web-uvgvc7ogsy"]),
    ("pending-replay", &["team-a/web-vcahnlje2x"]),
    ("pending-replay-of-failed", &["team-a/shaky-wvynckolvf", "team-a/steady-laya2rpdpz"]),
    ("pending-pipeline-run", &["team-a/after-yiqkp75vzz"]),
    ("pending-future", &["team-a/shaky-kex46qlcfh", "team-a/steady-matxhytjpk"]),
    ("pending-image", &["team-a/on-base-ov7arwbbxf"]),
    ("", &["team-b/on-pair-yci65vsem5"]),
    ("", &["team-c/on-open-sdisnqh22d"]),
];

fn deliveries() -> impl Iterator<Item = &'static Value> {
    FIXTURE["deliveries"].as_array().unwrap().iter()
}

fn labelled(label: &str) -> &'static Value {
    deliveries().find(|delivery| delivery["label"] == label).unwrap_or_else(|| panic!("no delivery {label}"))
}

fn id(delivery: &Value) -> DeliveryId {
    delivery["id"].as_str().unwrap().parse().unwrap()
}

/// The runs that 356220d had created, with namespace, name and uid.
fn created() -> impl Iterator<Item = (&'static str, &'static str, String)> {
    let launches = deliveries().flat_map(|delivery| delivery["launches"].as_array().unwrap());
    launches.filter(|launch| launch["fault"].is_null()).map(|launch| {
        let (namespace, name) = (&launch["run"]["namespace"], &launch["run"]["name"]);
        let name = name.as_str().unwrap();
        (namespace.as_str().unwrap(), name, format!("uid-of-{name}"))
    })
}

/// A cluster with the Builds and the runs of that time, uids included.
async fn cluster(folder: &Path) -> DevCluster {
    let file = folder.join("cluster.json");
    let crds = trigger_api::crds::all().unwrap();
    let dev = roles::builder().crds(crds).persist(&file).start().await.unwrap();
    let store = dev.store();
    for name in NAMESPACES {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        store.apply(namespace).await.unwrap();
    }
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": "team-a", "name": "hook"},
        "stringData": {"github-token": KEY},
    });
    store.apply(secret).await.unwrap();
    let mut uids = Vec::new();
    for build in FIXTURE["builds"].as_array().unwrap() {
        let text = |field: &str| build["metadata"][field].as_str().unwrap().to_owned();
        uids.push(("builds", text("namespace"), text("name"), text("uid")));
        let mut build = build.clone();
        for field in ["uid", "generation"] {
            build["metadata"].as_object_mut().unwrap().remove(field);
        }
        store.apply(build).await.unwrap();
    }
    for (namespace, name, uid) in created() {
        uids.push(("buildruns", namespace.to_owned(), name.to_owned(), uid));
        let run = json!({
            "apiVersion": "shipwright.io/v1beta1",
            "kind": "BuildRun",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"build": {"name": name.rsplit_once('-').unwrap().0}},
        });
        store.apply(run).await.unwrap();
    }
    dev.shutdown().await.unwrap();

    // The API server gives uids and times itself. The names of runs follow from the uids of Builds, and a Build is not
    // started by what happened before it was created.
    let mut saved: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    for (plural, namespace, name, uid) in uids {
        let collections = saved["collections"].as_array_mut().unwrap();
        let collection = collections.iter_mut().find(|collection| collection["plural"] == plural).unwrap();
        let objects = collection["objects"].as_array_mut().unwrap().iter_mut();
        let is_it = |object: &&mut Value| {
            object["metadata"]["namespace"] == namespace && object["metadata"]["name"] == name
        };
        let metadata = &mut { objects }.find(is_it).unwrap()["metadata"];
        metadata["uid"] = uid.into();
        metadata["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    }
    std::fs::write(&file, saved.to_string()).unwrap();
    roles::builder().persist(&file).start().await.unwrap()
}

async fn program(dev: &DevCluster, folder: &Path) -> Program {
    let journal = folder.join("journal.db");
    std::fs::write(&journal, zstd::decode_all(JOURNAL).unwrap()).unwrap();
    let mut options = ProgramOptions::on_loopback(Address::Sqlite(journal));
    // The day on which the journal was written moves away from today.
    options.retention.retain_payloads = u16::MAX;
    options.retention.retain_deliveries = u16::MAX;
    options.retention.retain_keys = u16::MAX;
    options.work.give_up_after = 24 * 365 * 100;
    options.images.image_window = 1;
    options.access.admin_auth = AdminAuth::None;
    let connection = trigger_cluster::connect(Some(&roles::kubeconfig(dev).await)).await.unwrap();
    let program = Program::start(&connection, &options).await.unwrap();
    program.ready().await;
    program
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn settled(program: &Program, id: &DeliveryId) -> Record {
    until(&format!("delivery {id} is settled"), async || {
        let record = program.journal.find(id).await.unwrap()?;
        matches!(record.state, State::Settled | State::Failed).then_some(record)
    })
    .await
}

/// The names of the runs on the cluster, with their namespaces.
async fn runs(dev: &DevCluster) -> BTreeSet<String> {
    let build_runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    let mut names = BTreeSet::new();
    for namespace in NAMESPACES {
        for run in dev.store().list(&build_runs, namespace).await.unwrap() {
            names.insert(format!("{namespace}/{}", run["metadata"]["name"].as_str().unwrap()));
        }
    }
    names
}

fn names_of(record: &Record) -> Vec<String> {
    let mut names: Vec<_> = record.launches.iter().map(|launch| launch.run.key.to_string()).collect();
    names.sort();
    names
}

/// What `deliveries` prints about the program.
#[track_caller]
fn print(program: &Program, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SHIPWRIGHT_TRIGGER_")) {
        command.env_remove(name);
    }
    command.env("SHIPWRIGHT_TRIGGER_SERVER", format!("http://{}", program.admin));
    let output = command.arg("deliveries").args(args).stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_of_an_older_version_is_continued_and_nothing_runs_twice() {
    if skipped("the uids and namespaces of the cluster are those of the journal") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dev = cluster(folder.path()).await;
    let before = runs(&dev).await;
    assert_eq!(before.len(), created().count());
    let program = program(&dev, folder.path()).await;

    for (label, expected) in CONTINUED.iter().filter(|(label, _)| !label.is_empty()) {
        let record = settled(&program, &id(labelled(label))).await;
        assert_eq!((record.state, &record.error), (State::Settled, &None), "{label}");
        assert_eq!(names_of(&record), *expected, "{label}");
        assert!(
            record.launches.iter().all(|launch| launch.error.is_none()),
            "{label}: {:?}",
            record.launches
        );
    }
    let continued = CONTINUED.iter().flat_map(|(_, runs)| runs.iter().map(|run| (*run).to_owned()));
    let all: BTreeSet<String> = before.into_iter().chain(continued).collect();
    until("the changes of images have started their runs", async || {
        (runs(&dev).await.len() >= all.len()).then_some(())
    })
    .await;
    assert_eq!(runs(&dev).await, all);

    // A repetition of what was settled before the upgrade.
    let known = labelled("settled-fired");
    let body = known["body"].as_str().unwrap().as_bytes();
    let headers = sign(&GitHub, "push", "another id", body, Some(KEY));
    let request = reqwest::Client::new().post(format!("http://{}/hooks/github", program.hooks));
    let response = request.headers(headers).body(body.to_vec()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["delivery"], known["id"]);

    // A replay of it is a delivery of its own. It is the barrier for the repetition too.
    let text = print(&program, &["replay", known["id"].as_str().unwrap(), "--request", "upgrade"]);
    let (by, from) = (String::new(), String::new());
    let replay =
        ReplayRequest { of: id(known), request: "upgrade".to_owned(), by, from, namespaces: None }.id();
    assert!(text.contains(replay.as_str()), "{text}");
    let record = settled(&program, &replay).await;
    let run = format!("team-a/{}", run_name("web", "uid-web", &replay, Ordinal::FIRST));
    assert_eq!(names_of(&record), std::slice::from_ref(&run));
    assert_eq!(runs(&dev).await, all.into_iter().chain([run]).collect());
    program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_of_an_older_version_are_shown() {
    if skipped("the uids and namespaces of the cluster are those of the journal") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dev = cluster(folder.path()).await;
    let program = program(&dev, folder.path()).await;
    let list = print(&program, &["list", "--limit", "100"]);
    for delivery in deliveries() {
        let (label, id) = (delivery["label"].as_str().unwrap(), delivery["id"].as_str().unwrap());
        // Of some deliveries only the key is left: they are no part of the history.
        assert_eq!(list.contains(id), !label.starts_with("key-only"), "{label}:\n{list}");
        let text = print(&program, &["show", id]);
        assert!(text.starts_with(&format!("Delivery {id}  ")), "{label}:\n{text}");
        if label.starts_with("pending") || label.starts_with("claimed") || label.starts_with("key-only") {
            continue;
        }
        let decisions = delivery["decisions"].as_array().unwrap();
        for decision in decisions {
            let rule = decision["rule"].as_str().unwrap();
            assert!(text.contains(&format!("\"{rule}\"")), "{label} {rule}:\n{text}");
        }
        for launch in delivery["launches"].as_array().unwrap() {
            let (run, fault) = (launch["run"]["name"].as_str().unwrap(), launch["fault"].as_str());
            assert!(text.contains(run) && text.contains(fault.unwrap_or_default()), "{label} {run}:\n{text}");
        }
        if delivery["bodyKept"] == true {
            let body = print(&program, &["show", id, "--payload"]);
            assert_eq!(body, delivery["body"], "{label}");
        }
    }
    let rejected = print(&program, &["list", "--rejected", "--limit", "100"]);
    for rejection in FIXTURE["refusals"].as_array().unwrap() {
        let reason = rejection["reason"].as_str().unwrap();
        assert!(rejected.contains(reason), "{reason}:\n{rejected}");
    }
    program.stop().await;
}
