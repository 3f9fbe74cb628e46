//! Development tasks: `cargo xtask`.
#![forbid(unsafe_code)]

mod bench;
mod e2e;
mod hostile;
mod image;
mod images;
mod memory;
mod process_usage;
mod reference;
mod shipped;
mod soak;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// That of the program, which some tasks measure in processes of this one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Development tasks of Shipwright Trigger")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure the sizes of the release binaries, the program's resident memory and the inventory's memory per Build.
    Memory(memory::Args),
    /// Measure what following many images costs the program, and their registry.
    Images(images::Args),
    /// Run the end-to-end scenarios on a real API server, under the shipped roles.
    E2e(e2e::Args),
    /// Make the container image, as an OCI archive; needs buildah.
    Image(image::Args),
    /// Write docs/reference from the program itself.
    Reference,
    /// Measure everything, beside what limits it, and make a table of it.
    Bench(bench::Args),
    /// Send the program good and bad requests for a long time, and see that nothing grows and nothing is lost.
    Soak(soak::Args),
    /// Run the program with the memory of a pod beside a hostile tenant and strangers, and see that another tenant
    /// notices nothing.
    Hostile(hostile::Args),
    /// The program that `bench` measures.
    #[command(hide = true)]
    BenchServer(bench::server::Args),
    /// The API server that `bench` measures with.
    #[command(hide = true)]
    BenchCluster(bench::cluster::Args),
    /// The cluster of `hostile`.
    #[command(hide = true)]
    HostileCluster(hostile::cluster::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Cli::parse().task {
        Task::Memory(args) => memory::run(&args).await?,
        Task::Image(args) => image::run(&args)?,
        Task::Images(args) => images::run(&args).await?,
        Task::E2e(args) => e2e::run(&args).await?,
        Task::Reference => reference::write().await?,
        Task::Soak(args) => soak::run(&args).await?,
        Task::Hostile(args) => return hostile::run(&args).await,
        Task::HostileCluster(args) => hostile::cluster::run(args).await?,
        Task::Bench(args) => return bench::run(args).await,
        Task::BenchServer(args) => bench::server::run(args).await?,
        Task::BenchCluster(args) => bench::cluster::run(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
