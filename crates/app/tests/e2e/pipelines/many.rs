//! 1,000 PipelineRuns that end within ten seconds, 500 rules in 20 namespaces: every BuildRun that is due is
//! there once, and the API server is asked little.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trigger_devcluster::{Gvr, StoreHandle};

use super::now;
use crate::apart::repository;
use crate::elsewhere::skipped;
use crate::roles;
use crate::world::World;

const NAMESPACES: usize = 20;
const BUILDS: usize = 25;
const RUNS: usize = 50;
/// All of them end within this time.
const SPREAD: Duration = Duration::from_secs(10);
/// What is due must be there after so long; a debug build on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_mins(3);

fn pipeline_runs() -> Gvr {
    Gvr::new("tekton.dev", "v1", "pipelineruns")
}

fn build_runs() -> Gvr {
    Gvr::new("shipwright.io", "v1beta1", "buildruns")
}

/// In each namespace 20 Builds on a Pipeline each, and five on a label.
fn build(place: usize) -> Value {
    let object_ref = match place {
        0..20 => json!({"name": format!("pipeline-{place}"), "status": ["Succeeded"]}),
        _ => json!({"selector": {"nightly": format!("{}", place - 20)}, "status": ["Failed"]}),
    };
    let when = json!([{"name": "on a pipeline", "type": "Pipeline", "github": {}, "objectRef": object_ref}]);
    json!({
        "source": {"type": "Git", "git": {"url": repository()}},
        "strategy": {"name": "buildah"},
        "output": {"image": "registry.example/acme/web"},
        "trigger": {"when": when},
    })
}

/// Every Pipeline is run twice or thrice; a tenth fails, and has a label of the five.
fn run(place: usize) -> (Value, bool) {
    let fails = place.is_multiple_of(10);
    let labels = if fails { json!({"nightly": format!("{}", place / 10 % 5)}) } else { json!({}) };
    let spec = json!({"pipelineRef": {"name": format!("pipeline-{}", place % 20)}});
    (json!({"metadata": {"labels": labels}, "spec": spec}), fails)
}

async fn end(store: &StoreHandle, namespace: &str, name: &str, fails: bool) {
    let (status, reason) = if fails { ("False", "Failed") } else { ("True", "Succeeded") };
    let condition = json!({"type": "Succeeded", "status": status, "reason": reason, "message": "", "lastTransitionTime": now()});
    let mut object = store.get(&pipeline_runs(), namespace, name).await.unwrap().unwrap();
    object["status"] = json!({"startTime": now(), "completionTime": now(), "conditions": [condition]});
    store.replace_status(&pipeline_runs(), object).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_runs_against_five_hundred_rules() {
    if skipped("its requests are counted") {
        return;
    }
    let dev = roles::builder().crds(trigger_api::crds::all().unwrap()).start().await.unwrap();
    let namespaces: Vec<_> = (0..NAMESPACES).map(|n| format!("many-{n}")).collect();
    for namespace in &namespaces {
        for place in 0..BUILDS {
            let metadata = json!({"namespace": namespace, "name": format!("build-{place}")});
            let kind = ("shipwright.io/v1beta1", "Build");
            let object =
                json!({"apiVersion": kind.0, "kind": kind.1, "metadata": metadata, "spec": build(place)});
            dev.store().apply(object).await.unwrap();
        }
    }
    let world = World::on(dev, |_| {}).await;
    let dev = world.dev_only("it was checked before").unwrap();
    world.program.ready().await;
    let store = dev.store().clone();
    for namespace in &namespaces {
        for place in 0..RUNS {
            let (mut object, _) = run(place);
            object["apiVersion"] = "tekton.dev/v1".into();
            object["kind"] = "PipelineRun".into();
            object["metadata"]["namespace"] = namespace.as_str().into();
            object["metadata"]["name"] = format!("run-{place}").into();
            store.apply(object).await.unwrap();
        }
    }
    // What the program asks from here on is for the changes.
    world
        .until("PipelineRuns are followed", || async {
            (dev.requests().count("watch", "pipelineruns.tekton.dev") > 0).then_some(())
        })
        .await;
    dev.requests().reset();

    let begin = Instant::now();
    let changes = NAMESPACES * RUNS;
    for (n, (place, namespace)) in
        (0..RUNS).flat_map(|place| namespaces.iter().map(move |name| (place, name))).enumerate()
    {
        end(&store, namespace, &format!("run-{place}"), run(place).1).await;
        let due =
            SPREAD.mul_f64(f64::from(u32::try_from(n).unwrap()) / f64::from(u32::try_from(changes).unwrap()));
        tokio::time::sleep_until((begin + due).into()).await;
    }

    // Of the 50 runs of a namespace 45 succeed, each the Pipeline of one Build; five fail, one for each label.
    let due = NAMESPACES * RUNS;
    let deadline = Instant::now() + PATIENCE;
    let started = loop {
        let mut started = BTreeMap::<(String, String), usize>::new();
        for run in store.list(&build_runs(), "").await.unwrap() {
            let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
            let delivery = text("/metadata/annotations/trigger.shipwright.io~1delivery");
            *started.entry((text("/spec/build/name"), delivery)).or_default() += 1;
        }
        if started.len() >= due {
            break started;
        }
        assert!(Instant::now() < deadline, "{} of {due} BuildRuns", started.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let stats = world.until("the queue is empty", || async {
        let stats = world.program.journal.stats().await.unwrap();
        (stats.pending + stats.claimed == 0).then_some(stats)
    });
    stats.await;
    assert_eq!(started.len(), due);
    assert!(started.values().all(|count| *count == 1), "none is there twice");
    assert_eq!(store.list(&build_runs(), "").await.unwrap().len(), due);

    let counts = dev.requests().counts();
    let asked = |verb: &str, resource: &str| dev.requests().count(verb, resource);
    assert_eq!(asked("list", "pipelineruns.tekton.dev"), 0, "{counts:#?}");
    assert_eq!(asked("get", "pipelineruns.tekton.dev"), 0, "{counts:#?}");
    assert_eq!(asked("list", "buildruns.shipwright.io"), 0, "{counts:#?}");
    assert_eq!(
        asked("list", "builds.shipwright.io") + asked("get", "builds.shipwright.io"),
        0,
        "{counts:#?}"
    );
    // For each change: the BuildRun and the note on the PipelineRun. Besides at most an Event, and later the condition.
    let for_runs = asked("create", "buildruns.shipwright.io")
        + asked("get", "buildruns.shipwright.io")
        + asked("patch", "pipelineruns.tekton.dev");
    let due = u64::try_from(due).unwrap();
    assert_eq!(for_runs, 2 * due, "{counts:#?}");
    assert!(asked("patch", "buildruns.shipwright.io") <= due, "{counts:#?}");
}
