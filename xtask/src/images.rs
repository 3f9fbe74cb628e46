use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};
use trigger_devcluster::DevCluster;
use trigger_devregistry::DevRegistry;

use crate::memory::readable;
use crate::process_usage::ProcessUsage;
use crate::shipped::{Shipped, binary};

/// Flags of `images`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many images there are.
    #[arg(long, default_value_t = 1000)]
    images: usize,
    /// How many Builds wait for them.
    #[arg(long, default_value_t = 5000)]
    builds: usize,
    /// How often each image is asked about, in seconds.
    #[arg(long, default_value_t = 300)]
    interval: u64,
    /// For how long, in seconds.
    #[arg(long, default_value_t = 660)]
    seconds: u64,
}

/// How many namespaces the Builds lie in.
const NAMESPACES: usize = 20;

/// Has the program follow images, and tells what that costs it and the registry.
pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let binary = binary()?;
    let registry = DevRegistry::builder().start().await?;
    for image in 0..args.images {
        registry.push(&format!("team/image-{image}"), "1", format!("first of {image}").as_bytes());
    }
    let cluster = DevCluster::builder().crds(trigger_api::crds::all()?).start().await?;
    for number in 0..args.builds {
        let build = build(&registry.host(), number, args.images);
        cluster.store().apply(build).await?;
    }
    let folder = tempfile::tempdir()?;
    let (interval, host) = (args.interval.to_string(), registry.host());
    let flags = ["--image-interval", &interval, "--registry-private", &host, "--insecure-registry", &host];
    let mut program = Shipped::start(&binary, folder.path(), &cluster.kubeconfig(), &flags)?;
    program.ready().await?;
    measure(args, &registry, &program.id()).await?;
    drop(program);
    cluster.shutdown().await?;
    Ok(())
}

async fn measure(args: &Args, registry: &DevRegistry, process: &str) -> anyhow::Result<()> {
    let (began, used) = (Instant::now(), ProcessUsage::of(process)?.time);
    let mut most = 0;
    while began.elapsed() < Duration::from_secs(args.seconds) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        most = most.max(ProcessUsage::of(process)?.resident);
    }
    let used = ProcessUsage::of(process)?.time.saturating_sub(used);
    let requests = registry.requests();
    let mut by_second = HashMap::<u64, usize>::new();
    let mut last = HashMap::<&str, Instant>::new();
    let mut shortest = Duration::MAX;
    for request in &requests {
        *by_second.entry(request.at.saturating_duration_since(began).as_secs()).or_default() += 1;
        if let Some(before) = last.insert(&request.path, request.at) {
            shortest = shortest.min(request.at - before);
        }
    }
    let busiest = by_second.values().max().copied().unwrap_or_default();
    ensure!(last.len() == args.images, "only {} of {} images were asked about", last.len(), args.images);
    let seconds = began.elapsed().as_secs_f64();
    anstream::println!("{} images, {} Builds, {:.0} s", args.images, args.builds, seconds);
    anstream::println!("{:<44} {:>10}", "requests", requests.len());
    anstream::println!("{:<44} {:>10}", "in the busiest second", busiest);
    if shortest < Duration::MAX {
        anstream::println!("{:<44} {:>8} s", "least between two about one image", shortest.as_secs());
    }
    anstream::println!("{:<44} {:>10}", "resident at most", readable(most));
    let percent = 100.0 * used.as_secs_f64() / seconds;
    anstream::println!("{:<44} {percent:>8.2} %", "of one processor");
    Ok(())
}

fn build(host: &str, number: usize, images: usize) -> Value {
    let image = number % images;
    json!({
        "apiVersion": "shipwright.io/v1beta1",
        "kind": "Build",
        "metadata": {"namespace": format!("team-{}", number % NAMESPACES), "name": format!("build-{number}")},
        "spec": {
            "source": {"type": "Git", "git": {"url": format!("https://github.com/acme/repository-{number}.git")}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": format!("registry.example/acme/repository-{number}:latest")},
            "trigger": {"when": [
                {"name": "base", "type": "Image", "github": {}, "image": {"names": [format!("{host}/team/image-{image}:1")]}},
            ]},
        },
    })
}
