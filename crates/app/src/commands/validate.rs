//! `validate`: what keeps rules from working, of every Build.

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use trigger_dispatch::{KeyStatus, key_status};
use trigger_providers::{key_entries, known_hosts};
use trigger_rules::{Inventory, Source};

use super::build_source::{BuildSource, key_note};
use super::explain;
use crate::render_decisions::{Note, NoteKind, heading};

/// The exit status if rules have errors, so that scripts can tell it from an error of the command.
const INVALID: u8 = 3;

/// Flags of `validate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  shipwright-trigger validate --manifests builds/
  shipwright-trigger validate -n team-a

Errors disable rules, or all of a Build. Hints are likely mistakes in rules that work as they are written.

The exit status is 0 if there are no errors, 3 if there are, 1 if the command fails.")]
pub struct Args {
    /// Read the Builds from the manifests in this folder. Default: from the cluster.
    #[arg(long, value_name = "DIR", conflicts_with = "namespaces")]
    manifests: Option<PathBuf>,
    /// Namespaces whose Builds to read. Repeat the flag or separate values with commas. Default: all namespaces.
    #[arg(long = "namespace", short = 'n', value_delimiter = ',', value_name = "NAME")]
    namespaces: Vec<String>,
    /// Assume that the server runs with `--allow-unsigned`, so that Builds without a Secret need none.
    #[arg(long)]
    allow_unsigned: bool,
}

/// How many Builds have rules, and of these how many have errors and hints.
#[derive(Default)]
struct Counts {
    builds: usize,
    broken: usize,
    doubtful: usize,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let source = BuildSource::read(args.manifests.as_deref(), &args.namespaces).await?;
    let inventory = Inventory::new(known_hosts());
    inventory.mark_synced();
    let (mut counts, entries) = (Counts::default(), key_entries());
    for build in &source.builds {
        let mut notes: Vec<_> = inventory.apply(build).errors.iter().map(explain::note).collect();
        let owner = build.reference();
        let rules = inventory.current().and_then(|rules| rules.owner(&owner).cloned());
        if let Some(rules) = &rules {
            counts.builds += 1;
            let status = key_status(rules, &entries, args.allow_unsigned, source.secrets.as_ref()).await;
            let status = status.filter(|status| matches!(status, KeyStatus::Absent(_)));
            notes.extend(status.as_ref().map(key_note));
        }
        if notes.is_empty() {
            continue;
        }
        let is_hint = |note: &Note| note.kind == NoteKind::Hint;
        counts.broken += usize::from(!notes.iter().all(is_hint));
        counts.doubtful += usize::from(notes.iter().any(is_hint));
        println!("{}", heading(&(&owner).into(), 0));
        notes.iter().for_each(Note::print);
    }
    let Counts { builds, broken, doubtful } = counts;
    println!("{builds} Builds with rules, {broken} with errors, {doubtful} with hints.");
    Ok(if broken > 0 { ExitCode::from(INVALID) } else { ExitCode::SUCCESS })
}
