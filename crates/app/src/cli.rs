use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

#[cfg(feature = "dev")]
use crate::commands::dev;
use crate::commands::{completions, crds, deliveries, explain, images, send, serve};
use crate::logging::{self, LogOptions};
use crate::sanitize::plain_lines;

/// Turns what happens in Git into container image builds (Shipwright) on Kubernetes.
///
/// Every delivery is kept, every decision is explained, nothing runs twice.
#[cfg_attr(feature = "dev", doc = "")]
#[cfg_attr(
    feature = "dev",
    doc = " New here? `shipwright-trigger dev` shows the whole thing on this machine, with a small cluster of its own."
)]
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the main job on this machine: a small cluster, example Builds, a signed push, a new
    /// base image, the BuildRuns.
    #[cfg(feature = "dev")]
    Dev(dev::Args),
    /// Take webhooks in and start builds, on the cluster of the current kubeconfig or the pod it runs in.
    Serve(Box<serve::Args>),
    /// Compose, sign and post an event, as GitHub would: to try a set-up out.
    Send(Box<send::Args>),
    /// Say what an event would start and why the other rules would not fire, without sending it.
    Explain(Box<explain::Args>),
    /// Look at what was delivered and why it built what it did, and have it worked on once more.
    Deliveries(Box<deliveries::Args>),
    /// Look at the images that Builds wait for, and have their registries asked.
    Images(images::Args),
    /// Print the CustomResourceDefinitions that the dev cluster uses.
    Crds(crds::Args),
    /// Print a completion script for a shell.
    Completions(completions::Args),
}

/// Runs a command. Errors are printed with their causes and what to do about them.
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        #[cfg(feature = "dev")]
        Command::Dev(args) => with_runtime(&cli.log.quiet(), || dev::run(args)),
        Command::Serve(args) => with_runtime(&cli.log, || serve::run(*args)),
        Command::Send(args) => with_runtime(&cli.log.quiet(), || send::run(*args)),
        Command::Explain(args) => with_runtime(&cli.log.quiet(), || explain::run(*args)),
        Command::Deliveries(args) => with_runtime(&cli.log.quiet(), || deliveries::run(*args)),
        Command::Images(args) => with_runtime(&cli.log.quiet(), || images::run(args)),
        Command::Crds(args) => crds::run(&args),
        Command::Completions(args) => {
            completions::run(&args);
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        let mut last = error.to_string();
        anstream::eprintln!("error: {}", plain_lines(&last));
        for cause in error.chain().skip(1).map(ToString::to_string) {
            // Some errors repeat their cause.
            if !last.contains(&cause) {
                anstream::eprintln!("  because: {}", plain_lines(&cause));
                last = cause;
            }
        }
        ExitCode::FAILURE
    })
}

/// How long the end waits for threads that cannot be stopped.
const LAST_THREADS: Duration = Duration::from_secs(1);

fn with_runtime<F>(log: &LogOptions, command: impl FnOnce() -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    // One provider of cryptography for everything that speaks TLS. It fails only if there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let traces = logging::start(log)?;
        let ended = command().await;
        if let Some(traces) = traces {
            traces.stop().await;
        }
        ended
    });
    // Threads that block, looking up a name, say, must not keep the process alive.
    runtime.shutdown_timeout(LAST_THREADS);
    ended
}
