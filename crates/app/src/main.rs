//! The binary. Everything it does is in the library beside it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use shipwright_trigger::{Cli, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    run(Cli::parse())
}
