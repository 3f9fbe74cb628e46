use std::io::stdout;

use clap::Command;
use clap_complete::{Shell, generate};

/// Flags of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell. For example, `source <(shipwright-trigger completions bash)`.
    shell: Shell,
}

/// Prints the script for `command`.
pub(crate) fn run(args: &Args, mut command: Command) {
    generate(args.shell, &mut command, "shipwright-trigger", &mut stdout());
}
