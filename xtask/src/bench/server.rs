use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::json;
use shipwright_trigger::{LogOptions, Program, ProgramOptions, start_logging};
use trigger_cluster::{KubeLauncher, connect};
use trigger_journal::{Address, Journal};

use super::nothing::KeepsNothing;
use super::process::answer_questions;

/// The program that is measured, in a process of its own.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The address of its journal, or `none`.
    #[arg(long)]
    journal: String,
    #[arg(long)]
    kubeconfig: PathBuf,
    #[command(flatten)]
    log: LogOptions,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    start_logging(&args.log)?;
    let none = args.journal == "none";
    let address: Address = if none { "sqlite:unused".parse()? } else { args.journal.parse()? };
    let options = ProgramOptions::on_loopback(address);
    let journal: Arc<dyn Journal> =
        if none { Arc::new(KeepsNothing::new()) } else { trigger_journal::open(&options.journal).await? };
    let kubeconfig = std::fs::read_to_string(&args.kubeconfig).context("the kubeconfig is missing")?;
    let connection = connect(Some(&kubeconfig)).await?;
    let launcher = |reporter| Ok(Arc::new(KubeLauncher::new(&connection.apart()?, reporter)) as _);
    let program = Program::start_with(&connection, &options, journal, launcher)?;
    program.ready().await;
    let greeting = json!({"hooks": program.hooks.to_string(), "admin": program.admin.to_string()});
    let journal = Arc::clone(&program.journal);
    answer_questions(&greeting, async |question| match question {
        "stats" => {
            let stats = journal.stats().await?;
            Ok(json!({"pending": stats.pending, "claimed": stats.claimed}))
        }
        other => bail!("the server does not know {other}"),
    })
    .await?;
    program.stop().await;
    Ok(())
}
