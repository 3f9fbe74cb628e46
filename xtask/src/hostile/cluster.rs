//! The cluster of the two tenants, in a process of its own: the victim's objects, the hostile tenant, and a count of
//! the runs that the program creates.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use trigger_devcluster::{AccessRule, DevCluster, Gvr, StoreHandle, User};

use super::tenant::{self, Shape, Tenant};
use super::victim;
use crate::bench::process::answer_questions;

/// Where the program is installed.
const NAMESPACE: &str = "shipwright-trigger";
const PROGRAM: &str = "system:serviceaccount:shipwright-trigger:shipwright-trigger";
const TOKEN: &str = "the-token-of-the-program";
/// Between two looks at the runs.
const LOOK: Duration = Duration::from_secs(1);
/// A run is deleted after this time, as a retention limit of Shipwright would do.
const RETENTION: Duration = Duration::from_secs(30);

/// The cluster that `hostile` runs the program on.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    seed: u64,
    #[arg(long, value_parser = super::shape)]
    only: Option<Shape>,
    /// No hostile objects.
    #[arg(long)]
    calm: bool,
}

/// Ids of runs by the delivery that started them.
#[derive(Default)]
struct Runs(BTreeMap<String, BTreeSet<String>>);

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let program =
        User { token: TOKEN.to_owned(), name: PROGRAM.to_owned(), groups: Vec::new(), rules: rights()? };
    let crds = trigger_api::crds::all()?;
    let cluster = DevCluster::builder().crds(crds).user(program).authorize().start().await?;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    cluster.store().apply(namespace).await?;
    for object in victim::objects() {
        cluster.store().apply(object).await?;
    }
    let kubeconfig =
        cluster.kubeconfig_for(TOKEN).replace("namespace: default", &format!("namespace: {NAMESPACE}"));
    let registry = silent_registry().await?;
    let tenant = Tenant::new(cluster.store().clone(), registry.clone());
    let runs = Arc::new(Mutex::new(Runs::default()));
    let counting = tokio::spawn(count(cluster.store().clone(), Arc::clone(&runs)));
    let greeting = json!({"kubeconfig": kubeconfig, "registry": registry});
    answer_questions(&greeting, async |question| match question {
        "attack" => {
            if !args.calm {
                attack(tenant.clone(), args.seed, args.only)?;
            }
            Ok(Value::Null)
        }
        "deeds" => Ok(tenant.deeds()),
        "runs" => {
            let runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(runs.0.iter().map(|(delivery, ids)| (delivery.clone(), json!(ids.len()))).collect())
        }
        other => bail!("the cluster does not know {other}"),
    })
    .await?;
    counting.abort();
    cluster.shutdown().await?;
    Ok(())
}

/// Has the hostile tenant begin, on a thread of its own: the dev cluster works on the thread that writes an object, and
/// has to answer the program meanwhile. The thread ends with the process.
fn attack(tenant: Tenant, seed: u64, only: Option<Shape>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || runtime.block_on(tenant.run(seed, only)));
    Ok(())
}

/// The shipped roles, in all namespaces.
fn rights() -> anyhow::Result<Vec<AccessRule>> {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
    };
    let mut rights = Vec::new();
    for role in trigger_api::manifest::parse(include_str!("../../../deploy/base/roles.yaml"))? {
        let namespace = role["metadata"]["namespace"].as_str().map(ToOwned::to_owned);
        for rule in role["rules"].as_array().into_iter().flatten() {
            rights.push(AccessRule {
                verbs: texts(&rule["verbs"]),
                groups: texts(&rule["apiGroups"]),
                resources: texts(&rule["resources"]),
                namespaces: namespace.clone().into_iter().collect(),
            });
        }
    }
    Ok(rights)
}

/// The address of a server that accepts connections and answers nothing.
async fn silent_registry() -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        let mut held: Vec<TcpStream> = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    Ok(address)
}

/// Counts the victim's runs and deletes old runs of both tenants.
async fn count(store: StoreHandle, runs: Arc<Mutex<Runs>>) {
    let resource = Gvr::new("shipwright.io", "v1beta1", "buildruns");
    let mut first_seen = HashMap::<String, Instant>::new();
    loop {
        for namespace in [victim::NAMESPACE, tenant::NAMESPACE] {
            // The list fails only if the definition is missing.
            for run in store.list(&resource, namespace).await.unwrap_or_default() {
                let metadata = &run["metadata"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let id = text(&metadata["uid"]);
                if namespace == victim::NAMESPACE {
                    let delivery = text(&metadata["annotations"]["trigger.shipwright.io/delivery"]);
                    let mut runs = runs.lock().unwrap_or_else(PoisonError::into_inner);
                    runs.0.entry(delivery).or_default().insert(id.clone());
                }
                if first_seen.entry(id.clone()).or_insert_with(Instant::now).elapsed() > RETENTION {
                    let _ = store.delete(&resource, namespace, &text(&metadata["name"])).await;
                    first_seen.remove(&id);
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
