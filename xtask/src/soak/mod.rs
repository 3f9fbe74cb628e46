//! `cargo xtask soak`: the shipped binary under a steady mix of good and bad traffic for a long time.
//!
//! `traffic` is what is sent, `senders` sends it at fixed intervals and counts the answers, `nuisances` are
//! clients that only hold connections, `usage` looks at the memory and the files of the program, `account`
//! compares what was acknowledged with the journal and the cluster.

mod account;
mod nuisances;
mod senders;
mod traffic;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio_util::sync::CancellationToken;

use self::senders::Senders;
use self::traffic::Traffic;
use self::usage::Usage;
use crate::bench::process::Process;
use crate::shipped::{Shipped, binary};

/// Flags of `soak`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long, in seconds.
    #[arg(long, default_value_t = 1800, value_parser = clap::value_parser!(u64).range(20..))]
    seconds: u64,
    /// Requests in a second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=2000))]
    rate: u32,
    /// How many clients of each kind hold connections without sending whole requests.
    #[arg(long, default_value_t = 20)]
    nuisances: usize,
}

/// No divisor of the mix: every repository gets requests of every kind.
const REPOSITORIES: usize = 9;
/// Small, so that bodies beyond it do not need the machine for themselves.
const LARGEST_BODY_MIB: usize = 1;
/// How long what was acknowledged may take to be worked off.
const PATIENCE: Duration = Duration::from_mins(2);

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let binary = binary()?;
    let folder = tempfile::tempdir_in("target")?;
    let log = folder.path().join("log");
    let mut cluster =
        Process::start(&["bench-cluster", "--scene", "builds", "--count", &REPOSITORIES.to_string()], &log)?;
    let kubeconfig = cluster.greeting["kubeconfig"].as_str().context("the cluster has no kubeconfig")?;
    let largest = LARGEST_BODY_MIB.to_string();
    let flags = ["--max-body", largest.as_str(), "--drain-delay", "0"];
    let mut program = Shipped::start(&binary, folder.path(), kubeconfig, &flags)?;
    program.ready().await?;
    anstream::eprintln!("{} s at {} requests a second", args.seconds, args.rate);

    let hooks = format!("127.0.0.1:{}", program.hooks);
    let end = CancellationToken::new();
    let usage = tokio::spawn(Usage::watch(program.id(), end.clone()));
    let nuisances = nuisances::start(&hooks, args.nuisances, &end);
    let traffic = Arc::new(Traffic::new(REPOSITORIES, LARGEST_BODY_MIB));
    let sent = Senders::run(&hooks, args.rate, Duration::from_secs(args.seconds), traffic).await?;
    end.cancel();
    let usage = usage.await??;
    let held = nuisances.count().await;
    account::worked_off(program.admin, PATIENCE).await?;
    program.end()?;

    anstream::print!("{sent}");
    anstream::println!("{:<48} {held:>9}", "connections held by slow and silent clients");
    anstream::print!("{usage}");
    let account = account::settle(&sent, &folder.path().join("journal.db"), &mut cluster).await?;
    anstream::print!("{account}");
    cluster.end()?;
    folder.close()?;
    ensure!(sent.unexpected().is_none(), "an answer was not one that was to be expected");
    ensure!(usage.is_flat(), "memory or file descriptors grew");
    ensure!(account.is_even(), "deliveries were lost, or ran twice");
    Ok(())
}
