use anyhow::{Context, bail};
use serde_json::{Value, json};
use trigger_devcluster::{DevCluster, Gvr, LoggedRequest};
use trigger_simulation::simulate_builds;

use super::SIMULATION;
use crate::bench::process::answer_questions;
use crate::bench::scene;

pub(super) async fn run(repositories: usize) -> anyhow::Result<()> {
    let cluster = DevCluster::builder().crds(trigger_api::crds::all()?).start().await?;
    for object in scene::objects(repositories) {
        cluster.store().apply(object).await?;
    }
    let greeting = json!({"url": cluster.url(), "kubeconfig": cluster.kubeconfig()});
    answer_questions(&greeting, async |question| match question {
        "counts" => Ok(json!({
            "runs": cluster.requests().count("create", "buildruns.shipwright.io"),
            "conditions": cluster.requests().count("patch", "buildruns.shipwright.io"),
            "events": cluster.requests().count("create", "events.events.k8s.io"),
            "secrets": cluster.requests().count("get", "secrets"),
        })),
        // A creation counts when it arrives.
        "runs at most" => Ok(json!(cluster.requests().count("create", "buildruns.shipwright.io"))),
        "runs" => Ok(json!(runs(&cluster).await?.len())),
        "deliveries of runs" => Ok(runs(&cluster).await?.iter().map(delivery).collect()),
        "simulate" => {
            cluster.spawn(simulate_builds(cluster.store(), "", SIMULATION));
            Ok(Value::Null)
        }
        "unexplained" => {
            Ok(json!(runs(&cluster).await?.iter().filter(|run| !scene::is_explained(run)).count()))
        }
        // The controller is in this process, and its requests are none.
        "conflicts" => Ok(json!({"program": {
            "writes": cluster.requests().count("patch", "buildruns.shipwright.io"),
            "conflicts": cluster.requests().log().iter().filter(|one| is_conflict(one)).count(),
        }})),
        "a run" => runs(&cluster).await?.into_iter().next().context("there is no BuildRun"),
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

async fn runs(cluster: &DevCluster) -> anyhow::Result<Vec<Value>> {
    Ok(cluster.store().list(&Gvr::new("shipwright.io", "v1beta1", "buildruns"), "").await?)
}
