use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use trigger_api::shipwright::Build;
use trigger_devcluster::DevCluster;
use trigger_rules::Inventory;

use crate::process_usage::ProcessUsage;
use crate::shipped::{Shipped, binary, image_binary_size};

const MIB: u64 = 1024 * 1024;
const MB: u64 = 1000 * 1000;

/// Enough for what one Build takes to stand out from what everything else does.
const INVENTORY_BUILDS: usize = 100_000;

/// So many listeners, with so many triggers each.
const LISTENERS: usize = 100;
const TRIGGERS: usize = 10;

/// Flags of `memory`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fail if a number is beyond its budget.
    #[arg(long)]
    check: bool,
    /// Only build the binaries that are measured
    #[arg(long, conflicts_with = "check")]
    build_only: bool,
}

/// A number of bytes, and how many there may be.
pub(crate) struct Measured {
    pub(crate) what: String,
    pub(crate) bytes: u64,
    pub(crate) budget: u64,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    if args.build_only {
        image_binary_size()?;
        return Ok(());
    }
    let all = measure().await?;
    let mut within = true;
    for Measured { what, bytes, budget } in &all {
        let good = bytes <= budget;
        within &= good;
        let verdict = if good { "" } else { "  beyond its budget" };
        anstream::println!("{what:<40} {:>10}  budget {:>10}{verdict}", readable(*bytes), readable(*budget));
    }
    ensure!(within || !args.check, "a number is beyond its budget");
    Ok(())
}

/// The sizes of the binaries, and the memory of the program and its inventory.
pub(crate) async fn measure() -> anyhow::Result<Vec<Measured>> {
    // The inventory first: memory that has been used and given back would blur its measure.
    let mut all = vec![inventory()?];
    let bytes = image_binary_size()?;
    all.push(Measured { what: "binary of the container image".to_owned(), bytes, budget: 35 * MB });
    let binary = binary()?;
    let bytes = std::fs::metadata(&binary).context("the release binary is missing")?.len();
    all.push(Measured { what: "binary with the command dev".to_owned(), bytes, budget: 48 * MB });
    for (builds, budget) in [(100, 32 * MIB), (10_000, 128 * MIB)] {
        let bytes = serve(&binary, (0..builds).map(build)).await?;
        all.push(Measured { what: format!("serve, idle, {builds} Builds, resident"), bytes, budget });
    }
    all.push(listeners(&binary).await?);
    Ok(all)
}

/// The resident memory of `serve` with many listeners.
pub(crate) async fn listeners(binary: &Path) -> anyhow::Result<Measured> {
    let bytes = serve(binary, (0..LISTENERS).flat_map(listener)).await?;
    let what = format!("serve, idle, {LISTENERS} listeners, resident");
    Ok(Measured { what, bytes, budget: 64 * MB })
}

pub(crate) fn readable(bytes: u64) -> String {
    if bytes < 10 * 1024 {
        format!("{bytes} B")
    } else {
        format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB)
    }
}

/// What one Build with two rules takes in the inventory.
fn inventory() -> anyhow::Result<Measured> {
    let before = ProcessUsage::of("self")?.resident;
    let inventory = Inventory::new(trigger_providers::known_hosts());
    for number in 0..INVENTORY_BUILDS {
        let build: Build = serde_json::from_value(build(number))?;
        inventory.apply(&build);
    }
    inventory.mark_synced();
    let grown = ProcessUsage::of("self")?.resident.saturating_sub(before);
    ensure!(inventory.current().is_some_and(|rules| rules.len() == INVENTORY_BUILDS), "Builds are missing");
    Ok(Measured {
        what: format!("inventory, a Build of {INVENTORY_BUILDS}"),
        bytes: grown / INVENTORY_BUILDS as u64,
        budget: 2048,
    })
}

/// The resident memory of `serve` on a cluster with these objects, once it is ready.
async fn serve(binary: &Path, objects: impl Iterator<Item = Value>) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let cluster = DevCluster::builder().crds(trigger_api::crds::all()?).start().await?;
    for object in objects {
        cluster.store().apply(object).await?;
    }
    let mut program = Shipped::start(binary, folder.path(), &cluster.kubeconfig(), &[])?;
    program.ready().await?;
    // Idle: what the start has used is given back as far as it will be.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let resident = ProcessUsage::of(&program.id())?.resident;
    drop(program);
    cluster.shutdown().await?;
    Ok(resident)
}

fn build(number: usize) -> Value {
    let rule = |name: &str, event: &str| json!({"name": name, "type": "GitHub", "github": {"events": [event], "branches": ["main"]}});
    json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"namespace": "default", "name": format!("build-{number}"), "uid": format!("{number:032x}")},
        "spec": {
            "source": {"type": "Git", "git": {"url": format!("https://github.com/acme/repository-{number}.git")}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "paramValues": [{"name": "dockerfile", "value": "Dockerfile"}],
            "output": {"image": format!("registry.example/acme/repository-{number}:latest"), "pushSecret": "push"},
            "trigger": {
                "triggerSecret": "hook",
                "when": [rule("push to main", "Push"), rule("pull request for main", "PullRequest")],
            },
        },
    })
}

/// A listener, and the binding and the template of its triggers.
fn listener(number: usize) -> [Value; 3] {
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "triggers.tekton.dev/v1beta1",
            "kind": kind,
            "metadata": {"namespace": format!("team-{}", number / 10), "name": format!("web-{number}")},
            "spec": spec,
        })
    };
    let trigger = |event: usize| {
        let secret = json!({"secretName": "github", "secretKey": "token"});
        json!({
            "name": format!("trigger-{event}"),
            "interceptors": [
                {"ref": {"name": "github"}, "params": [
                    {"name": "secretRef", "value": secret},
                    {"name": "eventTypes", "value": [format!("event-{event}")]},
                ]},
                {"ref": {"name": "cel"}, "params": [
                    {"name": "filter", "value": format!("body.ref == 'refs/heads/main' && body.id == {number}")},
                ]},
            ],
            "bindings": [{"ref": format!("web-{number}")}],
            "template": {"ref": format!("web-{number}")},
        })
    };
    let run = json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": {"generateName": "ci-"},
        "spec": {
            "pipelineRef": {"name": "ci"},
            "params": [{"name": "repository", "value": "$(tt.params.repository)"}],
        },
    });
    let triggers: Vec<_> = (0..TRIGGERS).map(trigger).collect();
    [
        object(
            "TriggerBinding",
            json!({"params": [{"name": "repository", "value": "$(body.repository.clone_url)"}]}),
        ),
        object("TriggerTemplate", json!({"params": [{"name": "repository"}], "resourcetemplates": [run]})),
        object("EventListener", json!({"serviceAccountName": "ci", "triggers": triggers})),
    ]
}
