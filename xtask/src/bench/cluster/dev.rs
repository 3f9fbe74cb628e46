use anyhow::{Context, bail};
use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, Gvr, LoggedRequest};
use trigger_simulation::simulate_builds;

use super::SIMULATION;
use crate::bench::process::answer_questions;
use crate::bench::scene::{self, MadeKind, Scene};

pub(super) async fn run(scene: Scene, count: usize) -> anyhow::Result<()> {
    let cluster = DevCluster::builder().crds(trigger_api::crds::all()?).start().await?;
    for object in scene.objects(count) {
        cluster.store().apply(object).await?;
    }
    let made = scene.made();
    let resource = format!("{}.{}", made.plural(), made.group);
    let greeting = json!({"url": cluster.url(), "kubeconfig": cluster.kubeconfig()});
    answer_questions(&greeting, async |question| match question {
        "counts" => Ok(json!({
            "runs": cluster.requests().count("create", &resource),
            "conditions": cluster.requests().count("patch", "buildruns.shipwright.io"),
            "events": cluster.requests().count("create", "events.events.k8s.io"),
            "secrets": cluster.requests().count("get", "secrets"),
        })),
        // A creation counts when it arrives.
        "runs at most" => Ok(json!(cluster.requests().count("create", &resource))),
        "runs" => Ok(json!(runs(&cluster, made).await?.len())),
        "deliveries of runs" => Ok(runs(&cluster, made).await?.iter().map(delivery).collect()),
        "simulate" => {
            cluster.spawn(simulate_builds(cluster.store(), "", SIMULATION));
            Ok(Value::Null)
        }
        "unexplained" => {
            Ok(json!(runs(&cluster, made).await?.iter().filter(|run| !scene::is_explained(run)).count()))
        }
        // The controller is in this process, and its requests are none.
        "conflicts" => Ok(json!({"program": {
            "writes": cluster.requests().count("patch", "buildruns.shipwright.io"),
            "conflicts": cluster.requests().log().iter().filter(|one| is_conflict(one)).count(),
        }})),
        "a run" => runs(&cluster, made).await?.into_iter().next().context("there is no run"),
        other => bail!("the cluster does not know {other}"),
    })
    .await?;
    cluster.shutdown().await?;
    Ok(())
}

fn is_conflict(request: &LoggedRequest) -> bool {
    request.kind.subresource == "status" && matches!(request.status, 409 | 422)
}

/// The id of the delivery that has started a run.
fn delivery(run: &Value) -> Value {
    run["metadata"]["annotations"]["trigger.shipwright.io/delivery"].clone()
}

/// The objects that pushes have created.
async fn runs(cluster: &DevCluster, made: MadeKind) -> anyhow::Result<Vec<Value>> {
    Ok(cluster.store().list(&Gvr::new(made.group, made.version, made.plural()), "").await?)
}
