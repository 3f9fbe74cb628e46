//! PipelineRuns go on while the program is killed again and again: every end starts its Build once.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trigger_devcluster::Gvr;

use super::{condition, now, on};
use crate::apart::{Cluster, free_port, repository};
use crate::soak::extent;
use crate::world::annotation;

const PATIENCE: Duration = Duration::from_mins(2);

/// The real program, in a process of its own.
struct Life(Child);

impl Life {
    fn start(folder: &std::path::Path, cluster: &Cluster) -> Self {
        let journal = format!("sqlite:{}", folder.join("journal.db").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_shipwright-trigger"));
        command.args(["serve", "--log", "off", "--journal", &journal]);
        command.args(["--listen", &free_port().to_string(), "--admin-listen", &free_port().to_string()]);
        command.args(cluster.watched().iter().flat_map(|name| ["--namespace", name]));
        command.env("KUBECONFIG", folder.join("kubeconfig")).stdin(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Life {
    /// SIGKILL: the process gets no chance to tidy up.
    fn drop(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

fn runs() -> Gvr {
    Gvr::new("tekton.dev", "v1", "pipelineruns")
}

async fn advance(dev: &Cluster, name: &str, status: Value) {
    let mut run = dev.store().get(&runs(), dev.namespace(), name).await.unwrap().unwrap();
    run["status"] = status;
    // The program notes on it what it has started.
    while let Err(error) = dev.store().replace_status(&runs(), run.clone()).await {
        assert_eq!(error.code, 409, "{error}");
        let status = run["status"].take();
        run = dev.store().get(&runs(), dev.namespace(), name).await.unwrap().unwrap();
        run["status"] = status;
    }
}

/// Creates a PipelineRun that runs.
async fn begin(dev: &Cluster, name: &str) {
    let spec = json!({"pipelineRef": {"name": "ci"}});
    let run = json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"name": name}, "spec": spec});
    dev.apply(run).await;
    let conditions = json!([condition("Unknown", "Running")]);
    advance(dev, name, json!({"startTime": now(), "conditions": conditions})).await;
}

async fn finish(dev: &Cluster, name: &str) {
    let conditions = json!([condition("True", "Succeeded")]);
    let ended = json!({"startTime": now(), "completionTime": now(), "conditions": conditions});
    advance(dev, name, ended).await;
}

/// How often each Build was started for each PipelineRun.
async fn counted(dev: &Cluster) -> HashMap<(String, String), usize> {
    let build_runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    let mut found = HashMap::new();
    for run in dev.store().list(&build_runs, dev.namespace()).await.unwrap() {
        let build = run["spec"]["build"]["name"].as_str().unwrap().to_owned();
        *found.entry((build, annotation(&run, "pipelinerun").to_owned())).or_insert(0) += 1;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_starts_its_build_once_whenever_the_program_is_killed() {
    let kills = extent(12, 100);
    let dev = Cluster::bare().await;
    for (name, status) in [("c", "Started"), ("a", "Succeeded")] {
        let spec = json!({
            "source": {"type": "Git", "git": {"url": repository()}},
            "strategy": {"name": "buildah"},
            "output": {"image": "registry.example/acme/web"},
            "trigger": {"when": [on("ci", &[status])]},
        });
        let metadata = json!({"name": name});
        let build = json!({"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "metadata": metadata, "spec": spec});
        dev.apply(build).await;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kubeconfig"), dev.kubeconfig()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let first = Life::start(folder.path(), &dev);
    // Until the first life follows PipelineRuns, what happens to them is its past. This one's end is not.
    for attempt in 0.. {
        let name = format!("first-{attempt}");
        begin(&dev, &name).await;
        finish(&dev, &name).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        if !counted(&dev).await.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "the program does not follow PipelineRuns");
    }

    let mut life = Some(first);
    let mut names = Vec::new();
    for kill in 0..kills {
        // Five runs a life, which start and end before, while and after the program is there.
        for n in 0..5 {
            let name = format!("ci-{kill}-{n}");
            begin(&dev, &name).await;
            tokio::time::sleep(Duration::from_millis((kill * 7 + n * 13) % 40)).await;
            if (kill + n) % 5 == 0 {
                life = None;
            }
            finish(&dev, &name).await;
            names.push(name);
        }
        drop(life.take());
        life = Some(Life::start(folder.path(), &dev));
        tokio::time::sleep(Duration::from_millis(kill * 29 % 300)).await;
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = counted(&dev).await;
        let missing = names.iter().filter(|name| !found.contains_key(&("a".to_owned(), (*name).clone())));
        let missing: Vec<_> = missing.collect();
        if missing.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "no build after {missing:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(life);
    // A run that began and ended while nobody looked counts by its end, so `c` may have fewer.
    let twice: Vec<_> = counted(&dev).await.into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}
