//! The cluster of the two tenants, in a process of its own: the victim's objects, the hostile tenant, and a count of
//! the objects that the program creates.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::{Value, json};
use trigger_devcluster::{AccessRule, DevCluster, StoreHandle, User};

use super::accounts;
use super::addresses::Addresses;
use super::tenant::{self, Shape, Tenant};
use super::victim::{self, Door};
use crate::bench::process::answer_questions;

/// Where the program is installed.
const NAMESPACE: &str = "shipwright-trigger";
const PROGRAM: &str = "system:serviceaccount:shipwright-trigger:shipwright-trigger";
const TOKEN: &str = "the-token-of-the-program";
/// Between two looks at the objects.
const LOOK: Duration = Duration::from_secs(1);
/// A created object is deleted after this time, as a retention limit of Shipwright would do.
const RETENTION: Duration = Duration::from_secs(30);

/// The cluster that `hostile` runs the program on.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    seed: u64,
    #[arg(long, value_parser = super::shape)]
    only: Option<Shape>,
    /// No hostile objects but those that strangers send requests for.
    #[arg(long)]
    calm: bool,
    /// No listeners of the hostile tenant.
    #[arg(long)]
    without_listeners: bool,
}

/// By door: ids of the victim's objects by the push that created them.
type Created = HashMap<Door, BTreeMap<String, BTreeSet<String>>>;

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let program =
        User { token: TOKEN.to_owned(), name: PROGRAM.to_owned(), groups: Vec::new(), rules: rights()? };
    let crds = trigger_api::crds::all()?;
    let cluster = DevCluster::builder().crds(crds).user(program).authorize().start().await?;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    cluster.store().apply(namespace).await?;
    for object in victim::objects().chain(accounts::objects(victim::NAMESPACE)?) {
        cluster.store().apply(object).await?;
    }
    for object in accounts::objects(tenant::NAMESPACE)? {
        cluster.store().apply(object).await?;
    }
    let kubeconfig =
        cluster.kubeconfig_for(TOKEN).replace("namespace: default", &format!("namespace: {NAMESPACE}"));
    let addresses = Addresses::serve().await?;
    let tenant = Tenant::new(cluster.store().clone(), addresses.clone());
    let created = Arc::new(Mutex::new(Created::new()));
    let counting = tokio::spawn(count(cluster.store().clone(), Arc::clone(&created)));
    let greeting = json!({
        "kubeconfig": kubeconfig, "silent": addresses.silent, "redirecting": addresses.redirecting,
    });
    answer_questions(&greeting, async |question| {
        if let Some(door) = Door::ALL.into_iter().find(|door| door.question() == question) {
            let created = created.lock().unwrap_or_else(PoisonError::into_inner);
            let objects = created.get(&door).into_iter().flatten();
            return Ok(objects.map(|(id, objects)| (id.clone(), json!(objects.len()))).collect());
        }
        match question.split_once(' ') {
            Some(("attack", hooks)) => {
                tenant.settle().await;
                if !args.calm {
                    attack(tenant.clone(), hooks.parse()?, &args)?;
                }
                Ok(Value::Null)
            }
            None if question == "deeds" => Ok(tenant.deeds()),
            _ => bail!("the cluster does not know {question}"),
        }
    })
    .await?;
    counting.abort();
    cluster.shutdown().await?;
    Ok(())
}

/// Has the hostile tenant begin, on a thread of its own: the dev cluster works on the thread that writes an object, and
/// has to answer the program meanwhile. The thread ends with the process.
fn attack(tenant: Tenant, hooks: SocketAddr, args: &Args) -> std::io::Result<()> {
    let (seed, only, has_listeners) = (args.seed, args.only, !args.without_listeners);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || runtime.block_on(tenant.run(hooks, seed, only, has_listeners)));
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

/// Counts the objects of the victim's pushes and deletes old objects of both tenants.
async fn count(store: StoreHandle, created: Arc<Mutex<Created>>) {
    let mut first_seen = HashMap::<String, Instant>::new();
    loop {
        let places =
            Door::ALL.into_iter().flat_map(|door| door.resources().into_iter().map(move |gvr| (door, gvr)));
        for (door, resource) in places {
            for namespace in [victim::NAMESPACE, tenant::NAMESPACE] {
                // The list fails only if the definition is missing.
                for object in store.list(&resource, namespace).await.unwrap_or_default() {
                    let Some(push) = door.id_on(&object) else { continue };
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let id = text(&object["metadata"]["uid"]);
                    if namespace == victim::NAMESPACE {
                        let mut created = created.lock().unwrap_or_else(PoisonError::into_inner);
                        let of_door = created.entry(door).or_default();
                        of_door.entry(push.to_owned()).or_default().insert(id.clone());
                    }
                    if first_seen.entry(id.clone()).or_insert_with(Instant::now).elapsed() > RETENTION {
                        let _ = store.delete(&resource, namespace, &text(&object["metadata"]["name"])).await;
                        first_seen.remove(&id);
                    }
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
