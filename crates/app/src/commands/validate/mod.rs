//! `validate`: what keeps rules from working, of every Build and every object of Tekton Triggers.
//!
//! - `input`: the objects, from files, a folder or the cluster. `tekton_triggers`: checks of the seven kinds.

mod input;
mod tekton_triggers;

use std::path::PathBuf;
use std::process::ExitCode;

use anstream::println;
use owo_colors::OwoColorize;
use trigger_dispatch::{KeyStatus, key_status};
use trigger_providers::{key_entries, known_hosts};
use trigger_rules::{Inventory, Source};

use self::input::{Input, Located};
use super::build_source::key_note;
use super::explain;
use crate::options::namespace_name;
use crate::render_decisions::{Note, NoteKind, heading};
use crate::sanitize::escape_for_terminal;

/// The exit status if rules have errors, so that scripts can tell it from an error of the command.
const INVALID: u8 = 3;

/// Flags of `validate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  shipwright-trigger validate listener.yaml builds/
  kustomize build | shipwright-trigger validate -
  shipwright-trigger validate -n team-a

Checked are Builds, and the EventListeners, Triggers, TriggerBindings, ClusterTriggerBindings, TriggerTemplates, \
Interceptors and ClusterInterceptors of Tekton Triggers. Other objects are passed over.

Errors disable rules, or all of an object. Hints are likely mistakes in what works as it is written. An object that \
another one refers to is looked for in a folder and in the cluster only: a file may be a part.

The exit status is 0 if there are no errors, 3 if there are, 1 if the command fails.")]
pub struct Args {
    /// Files with manifests (YAML or JSON), folders with such files, or `-` for the standard input. Default: the objects
    /// of the cluster.
    #[arg(value_name = "PATH", conflicts_with_all = ["manifests", "namespaces"])]
    paths: Vec<PathBuf>,
    /// Read the objects from the manifests in this folder. Default: from the cluster.
    #[arg(long, value_name = "DIR", conflicts_with = "namespaces")]
    manifests: Option<PathBuf>,
    /// Namespaces whose objects to read. Repeat the flag or separate values with commas. Default: all namespaces.
    #[arg(long = "namespace", short = 'n', value_delimiter = ',', value_name = "NAME", value_parser = namespace_name)]
    namespaces: Vec<String>,
    /// Assume that the server runs with `--allow-unsigned`, so that Builds without a Secret need none.
    #[arg(long)]
    allow_unsigned: bool,
}

/// How many objects were checked, and of these how many have errors and hints.
#[derive(Default)]
struct Counts {
    objects: usize,
    broken: usize,
    doubtful: usize,
}

impl Counts {
    /// Prints what there is to say about an object, below its heading, and counts it.
    fn report(&mut self, heading: &str, notes: &[Note]) {
        if notes.is_empty() {
            return;
        }
        let is_hint = |note: &Note| note.kind == NoteKind::Hint;
        self.broken += usize::from(!notes.iter().all(is_hint));
        self.doubtful += usize::from(notes.iter().any(is_hint));
        println!("{heading}");
        notes.iter().for_each(Note::print);
    }

    fn print(&self, objects: &str) {
        let Self { objects: number, broken, doubtful } = self;
        println!("{number} {objects}, {broken} with errors, {doubtful} with hints.");
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let input = Input::read(&args.paths, args.manifests.as_deref(), &args.namespaces).await?;
    for unreadable in &input.unreadable {
        println!("{}", escape_for_terminal(&unreadable.place).bold());
        Note { kind: NoteKind::Error, text: unreadable.reason.clone() }.print();
    }
    let builds = check_builds(&input, args.allow_unsigned).await;
    let triggers = check_tekton_triggers(&input);
    if builds.objects > 0 || triggers.objects == 0 {
        builds.print("Builds with rules");
    }
    if triggers.objects > 0 {
        triggers.print("objects of Tekton Triggers");
    }
    match input.unreadable.len() {
        0 => {}
        1 => println!("1 document cannot be read."),
        number => println!("{number} documents cannot be read."),
    }
    let is_valid = builds.broken + triggers.broken + input.unreadable.len() == 0;
    Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::from(INVALID) })
}

async fn check_builds(input: &Input, allow_unsigned: bool) -> Counts {
    let inventory = Inventory::new(known_hosts());
    inventory.mark_synced();
    let (mut counts, entries) = (Counts::default(), key_entries());
    for Located { object: build, file } in &input.builds {
        let mut notes: Vec<_> = inventory.apply(build).errors.iter().map(explain::note).collect();
        let owner = build.reference();
        let rules = inventory.current().and_then(|rules| rules.owner(&owner).cloned());
        if let Some(rules) = &rules {
            counts.objects += 1;
            let status = key_status(rules, &entries, allow_unsigned, input.secrets.as_ref()).await;
            let status = status.filter(|status| matches!(status, KeyStatus::Absent(_)));
            notes.extend(status.as_ref().map(key_note));
        }
        counts.report(&in_file(heading(&(&owner).into(), 0), file.as_deref()), &notes);
    }
    counts
}

fn check_tekton_triggers(input: &Input) -> Counts {
    let mut counts = Counts { objects: input.tekton_triggers.len(), ..Counts::default() };
    for Located { object, file } in &input.tekton_triggers {
        let notes = tekton_triggers::notes(object, &input.known);
        let (kind, name) = (object.kind.name(), object.name());
        let heading = format!("{kind} {}", escape_for_terminal(&name).bold());
        counts.report(&in_file(heading, file.as_deref()), &notes);
    }
    counts
}

/// The heading of an object, with the file that it stands in.
fn in_file(heading: String, file: Option<&str>) -> String {
    match file {
        None => heading,
        Some(file) => format!("{heading} in {}", escape_for_terminal(file)),
    }
}
