use std::io::stdout;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

/// Flags of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell. For example, `source <(shipwright-trigger completions bash)`.
    shell: Shell,
}

pub(crate) fn run(args: &Args) {
    generate(args.shell, &mut crate::Cli::command(), "shipwright-trigger", &mut stdout());
}
