//! Scenario 18 under kill -9: the program is killed again and again while it carries tasks out, at any moment
//! and right after it has created a BuildRun. Every task ends as its Build does, and no attempt has two
//! BuildRuns. Counted on the cluster.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trigger_devcluster::{Gvr, WatchEvent};
use trigger_simulation::SimulationOptions;

use super::scene::{build_spec, by_name, check_status, is_final};
use crate::apart::Cluster;
use crate::kill::life::{Death, Life, Stage};
use crate::soak::extent;

/// How thoroughly it is done.
struct Extent {
    kills: usize,
    tasks: usize,
}

impl Extent {
    fn asked_for() -> Self {
        let extent = |short, long| usize::try_from(extent(short, long)).unwrap();
        Self { kills: extent(12, 100), tasks: extent(36, 200) }
    }
}

/// A Build of this name, how its runs end, and how a task with two retries ends then: status, reason, and how
/// many attempts had failed before.
type Script = (&'static str, &'static str, (&'static str, &'static str, usize));

const SCRIPTS: [Script; 5] = [
    ("first", "Succeeded", ("True", "Succeeded", 0)),
    ("second", "Failed, Succeeded", ("True", "Succeeded", 1)),
    ("third", "Failed, PodEvicted, Succeeded", ("True", "Succeeded", 2)),
    ("never", "Failed", ("False", "Failed", 2)),
    ("wrong", "UndefinedParameter", ("False", "UndefinedParameter", 0)),
];

/// What is left of the work after the last kill is done within this time.
const REST: Duration = Duration::from_mins(2);

fn script(task: usize) -> Script {
    SCRIPTS[task % SCRIPTS.len()]
}

/// Every seventh task is cancelled while it is carried out.
fn is_cancelled(task: usize) -> bool {
    task % 7 == 6
}

fn tasks() -> Gvr {
    Gvr::new("tekton.dev", "v1beta1", "customruns")
}

/// The UIDs of all BuildRuns that there ever were, by the task that they carry out.
#[derive(Clone, Default)]
struct Census(Arc<Mutex<HashMap<String, HashSet<String>>>>);

impl Census {
    fn begin(dev: &Cluster) -> Self {
        let census = Self::default();
        let counted = census.clone();
        let (store, namespace) = (dev.store().clone(), dev.namespace().to_owned());
        tokio::spawn(async move {
            let runs = Gvr::new("shipwright.io", "v1beta1", "buildruns");
            let mut watch = store.watch(&runs, &namespace).await.unwrap();
            while let Some(event) = watch.next().await {
                if let WatchEvent::Added(run) = event {
                    let text = |pointer: &str| run.pointer(pointer).unwrap().as_str().unwrap().to_owned();
                    let task = text("/metadata/annotations/trigger.shipwright.io~1customrun");
                    counted.0.lock().unwrap().entry(task).or_default().insert(text("/metadata/uid"));
                }
            }
            panic!("the census fell behind");
        });
        census
    }

    fn total(&self) -> usize {
        self.0.lock().unwrap().values().map(HashSet::len).sum()
    }

    fn of(&self, task: &str) -> usize {
        self.0.lock().unwrap().get(task).map_or(0, HashSet::len)
    }
}

async fn stage() -> Cluster {
    let dev = Cluster::bare().await;
    dev.simulate_builds(SimulationOptions { duration: Duration::from_millis(30) });
    for (name, outcomes, _) in SCRIPTS {
        let metadata = json!({"name": name, "annotations": {"dev.shipwright.io/simulate": outcomes}});
        let build = json!({
            "apiVersion": "shipwright.io/v1beta1", "kind": "Build", "metadata": metadata, "spec": build_spec(),
        });
        dev.apply(build).await;
    }
    dev
}

async fn create(dev: &Cluster, task: usize) {
    let (build, ..) = script(task);
    let name = format!("task-{task}");
    let object = json!({
        "apiVersion": "tekton.dev/v1beta1", "kind": "CustomRun",
        "metadata": {"name": name},
        "spec": {"customRef": by_name(build), "retries": 2},
    });
    dev.apply(object).await;
    if let Some(earlier) = task.checked_sub(2).filter(|earlier| is_cancelled(*earlier)) {
        let patch = json!({"spec": {"status": "RunCancelled"}});
        let name = format!("task-{earlier}");
        dev.store().merge(&tasks(), dev.namespace(), &name, &patch).await.unwrap();
    }
}

async fn all_final(dev: &Cluster) -> Vec<Value> {
    let deadline = Instant::now() + REST;
    loop {
        let objects = dev.store().list(&tasks(), dev.namespace()).await.unwrap();
        let open: Vec<_> = objects.iter().filter(|task| !is_final(task)).collect();
        if open.is_empty() {
            return objects;
        }
        assert!(Instant::now() < deadline, "tasks without an end: {open:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn check(task: usize, object: &Value, runs: usize) {
    check_status(object);
    let (_, _, (status, reason, failed)) = script(task);
    let condition = &object["status"]["conditions"][0];
    let said = (condition["status"].as_str().unwrap(), condition["reason"].as_str().unwrap());
    let repeated = object["status"]["retriesStatus"].as_array().map_or(0, Vec::len);
    if said == ("False", "CustomRunCancelled") && is_cancelled(task) {
        assert!(runs <= repeated + 1, "{runs} runs: {object:#}");
        return;
    }
    assert_eq!((said, repeated), ((status, reason), failed), "{object:#}");
    assert_eq!(runs, failed + 1, "one run for each attempt: {object:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_task_ends_as_it_should_whenever_the_program_is_killed() {
    let Extent { kills, tasks } = Extent::asked_for();
    let dev = stage().await;
    let census = Census::begin(&dev);
    let folder = tempfile::tempdir().unwrap();
    let journal = format!("sqlite:{}", folder.path().join("journal.db").display());
    let stage = Stage::new("", &dev, journal, 1);

    for kill in 0..kills {
        let death = match kill % 3 {
            // Wherever it may be.
            0 => Death::After(Duration::from_millis(u64::try_from(kill).unwrap() * 37 % 900)),
            // Between the creation of a BuildRun and the status that tells of it, or soon after.
            turn => Death::Acknowledged(turn),
        };
        let before = census.total();
        let life = Life::start(&stage, 0, &Death::Never);
        for task in tasks * kill / kills..tasks * (kill + 1) / kills {
            create(&dev, task).await;
        }
        life.until_dead(&death, || census.total() - before).await;
    }
    let survivor = Life::start(&stage, 0, &Death::Never);
    let objects = all_final(&dev).await;
    drop(survivor);
    assert_eq!(objects.len(), tasks);
    for object in &objects {
        let name = object["metadata"]["name"].as_str().unwrap();
        let task = name.strip_prefix("task-").unwrap().parse().unwrap();
        check(task, object, census.of(name));
    }
}
