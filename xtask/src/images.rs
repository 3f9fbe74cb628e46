use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use trigger_devcluster::DevCluster;
use trigger_devregistry::DevRegistry;

use crate::memory::{binary, free_port, readable, ready, resident};

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
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, cluster.kubeconfig())?;
    let admin = free_port()?;
    let mut program = Command::new(&binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn"])
        .args(["--admin", &format!("127.0.0.1:{admin}")])
        .args(["--image-interval", &args.interval.to_string()])
        .args(["--registry-private", &registry.host(), "--registry-plain-http", &registry.host()])
        .arg("--journal")
        .arg(folder.path().join("journal.db"))
        .env("KUBECONFIG", &kubeconfig)
        .stdin(Stdio::null())
        .spawn()
        .context("the program cannot be started")?;
    let measured = measure(args, &registry, &mut program, admin).await;
    program.kill()?;
    program.wait()?;
    cluster.shutdown().await?;
    measured
}

async fn measure(args: &Args, registry: &DevRegistry, program: &mut Child, admin: u16) -> anyhow::Result<()> {
    ready(program, admin).await?;
    let process = program.id().to_string();
    let (began, used) = (Instant::now(), processor(&process)?);
    let mut most = 0;
    while began.elapsed() < Duration::from_secs(args.seconds) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        most = most.max(resident(&process)?);
    }
    let used = processor(&process)?.saturating_sub(used);
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

/// The processor time that a process has used.
fn processor(process: &str) -> anyhow::Result<Duration> {
    let stat =
        std::fs::read_to_string(format!("/proc/{process}/stat")).context("Linux only: /proc is read")?;
    let (_, fields) = stat.rsplit_once(')').context("no name in /proc")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.sum::<Result<u64, _>>()?;
    // A tick is a hundredth of a second for user space on every Linux.
    Ok(Duration::from_millis(ticks * 10))
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
                {"name": "base", "type": "Image", "image": {"names": [format!("{host}/team/image-{image}:1")]}},
            ]},
        },
    })
}
