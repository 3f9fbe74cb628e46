use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use owo_colors::OwoColorize;
use tracing::warn;

#[cfg(feature = "dev")]
use crate::commands::dev;
use crate::commands::{
    completions, crds, deliveries, explain, images, journal, send, serve, status, validate,
};
use crate::environment::unknown_variables;
use crate::logging::{self, LogOptions};
use crate::sanitize::escape_lines_for_terminal;

/// Starts Shipwright builds on Kubernetes when Git repositories, images or pipelines change.
///
/// Every delivery is kept, every decision is explained, and nothing runs twice.
#[cfg_attr(feature = "dev", doc = "")]
#[cfg_attr(feature = "dev", doc = " To try it, run `shipwright-trigger dev`: it needs no cluster.")]
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    log: LogOptions,
    #[command(subcommand)]
    command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a demo on this machine: a small cluster, example Builds, a signed push, a new base image.
    #[cfg(feature = "dev")]
    Dev(dev::Args),
    /// Receive webhooks and start builds, on the cluster of the current kubeconfig or of the pod it runs in.
    Serve(Box<serve::Args>),
    /// Compose, sign and post a webhook as a Git provider does, to test an installation.
    Send(Box<send::Args>),
    /// Show which rules an event would fire and why the others would not, without sending it.
    Explain(Box<explain::Args>),
    /// List the errors and likely mistakes in the rules of Builds, and in objects of Tekton Triggers.
    Validate(validate::Args),
    /// List, inspect and replay deliveries.
    Deliveries(Box<deliveries::Args>),
    /// List and check the images that Builds wait for.
    Images(images::Args),
    /// Show how much the namespaces use of what they share, such as the journal.
    Status(status::Args),
    /// Back up and check the journal.
    Journal(journal::Args),
    /// Print the CustomResourceDefinitions of the dev cluster.
    Crds(crds::Args),
    /// Print a shell completion script.
    Completions(completions::Args),
}

/// Runs a command. Prints an error with its causes.
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        #[cfg(feature = "dev")]
        Command::Dev(args) => with_runtime(&cli.log.quiet(), || dev::run(args)),
        Command::Serve(args) => with_runtime(&cli.log, || serve::run(*args)),
        Command::Send(args) => with_runtime(&cli.log.quiet(), || send::run(*args)),
        Command::Explain(args) => with_runtime(&cli.log.quiet(), || explain::run(*args)),
        Command::Validate(args) => with_runtime(&cli.log.quiet(), || validate::run(args)),
        Command::Deliveries(args) => with_runtime(&cli.log.quiet(), || deliveries::run(*args)),
        Command::Images(args) => with_runtime(&cli.log.quiet(), || images::run(args)),
        Command::Status(args) => with_runtime(&cli.log.quiet(), || status::run(args)),
        Command::Journal(args) => journal::run(&args),
        Command::Crds(args) => crds::run(&args),
        Command::Completions(args) => {
            completions::run(&args, Cli::command());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        let mut last = error.to_string();
        anstream::eprintln!("error: {}", escape_lines_for_terminal(&last));
        for cause in error.chain().skip(1).map(ToString::to_string) {
            // Some errors include the text of their cause.
            if !last.contains(&cause) {
                anstream::eprintln!("  caused by: {}", escape_lines_for_terminal(&cause));
                last = cause;
            }
        }
        ExitCode::FAILURE
    })
}

/// Reports misspelled environment variables: in the log of `serve`, else on standard error.
fn report_unknown_variables(log: &LogOptions) {
    for variable in unknown_variables(&Cli::command()) {
        if log.is_quiet() {
            let text = variable.sentence();
            anstream::eprintln!("{} {}", "warning:".yellow(), escape_lines_for_terminal(&text));
        } else {
            warn!(variable = variable.name, near = variable.near, "{}", variable.sentence());
        }
    }
}

/// The limit for blocking threads to end, which cannot be cancelled.
const THREAD_TIMEOUT: Duration = Duration::from_secs(1);

fn with_runtime<F>(log: &LogOptions, command: impl FnOnce() -> F) -> anyhow::Result<ExitCode>
where
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    // One cryptography provider for all TLS. The call fails only if a provider is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let traces = logging::start(log)?;
        report_unknown_variables(log);
        let result = command().await;
        if let Some(traces) = traces {
            traces.stop().await;
        }
        result
    });
    // Blocking threads, such as a name lookup, must not keep the process alive.
    runtime.shutdown_timeout(THREAD_TIMEOUT);
    result
}
