//! Development tasks: `cargo xtask`.
#![forbid(unsafe_code)]

mod memory;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Development tasks of Shipwright Trigger")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure the size of the release binary, its resident memory and the inventory's memory per Build.
    Memory(memory::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Cli::parse().task {
        Task::Memory(args) => memory::run(&args).await,
    }
}
