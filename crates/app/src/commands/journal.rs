//! `journal`: copies and checks the file of a journal, beside the program that has it open.

use std::fs::{self, File};
use std::io::{self, IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context, bail};
use clap::Subcommand;
use trigger_journal::Address;
use trigger_journal::sqlite::{CheckReport, backup, check};

/// Flags of `journal`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  shipwright-trigger journal backup --journal sqlite:/var/lib/shipwright-trigger/journal.db copy.db
  shipwright-trigger journal check --journal sqlite:copy.db
  kubectl exec -n shipwright-trigger shipwright-trigger-0 -- shipwright-trigger journal backup - > copy.db

The program may run meanwhile: the copy holds the deliveries of one moment. Copies hold the bodies of deliveries; protect \
them as you protect the code.

A journal in PostgreSQL is backed up as any database: pg_dump --schema=shipwright_trigger.")]
pub struct Args {
    /// Address of the journal.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_JOURNAL",
        hide_env_values = true,
        default_value = "sqlite:shipwright-trigger.db",
        value_name = "ADDRESS",
        global = true
    )]
    journal: Address,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Copy the journal into a new file, and check the copy.
    Backup {
        /// The file to create, or `-` for standard output. A file that exists is not overwritten.
        #[arg(value_name = "FILE")]
        copy: PathBuf,
    },
    /// Check the journal for damage. The exit status is 0 if it is in order, else 1.
    Check,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Address::Sqlite(journal) = &args.journal else {
        bail!(
            "{} is in PostgreSQL: back it up with `pg_dump --schema=shipwright_trigger`, and let the server check it",
            args.journal
        );
    };
    match &args.command {
        Command::Backup { copy } if copy == Path::new("-") => to_standard_output(journal)?,
        Command::Backup { copy } => {
            let report = backup(journal, copy)?;
            println!("{} holds {}", copy.display(), sentence(&report));
        }
        Command::Check => println!("{} is in order: {}", journal.display(), sentence(&check(journal)?)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a copy to standard output. SQLite needs a file for it, which is beside the journal: in the container image,
/// only that directory is writable.
fn to_standard_output(journal: &Path) -> anyhow::Result<()> {
    if stdout().is_terminal() {
        bail!(
            "the copy is not text: send it to a file, as in `journal backup - > copy.db`, or name the file"
        );
    }
    let mut name = journal.as_os_str().to_owned();
    name.push(".backup");
    let copy = PathBuf::from(name);
    let report = backup(journal, &copy)?;
    let written = File::open(&copy).and_then(|mut file| io::copy(&mut file, &mut stdout().lock()));
    let removed = fs::remove_file(&copy);
    written.context("cannot write the copy to standard output")?;
    removed.with_context(|| format!("cannot remove {}", copy.display()))?;
    anstream::eprintln!("the copy holds {}", sentence(&report));
    Ok(())
}

fn sentence(report: &CheckReport) -> String {
    let CheckReport { schema, deliveries, unsettled, bytes } = report;
    let noun = if *deliveries == 1 { "delivery" } else { "deliveries" };
    format!("{deliveries} {noun}, {unsettled} not settled; {bytes} bytes, schema version {schema}")
}
