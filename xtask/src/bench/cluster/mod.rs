//! The API server of the measurements, in a process of its own: neither the generator nor the program that is measured
//! shares its runtime. `dev` is the dev cluster itself, `real` has a `kube-apiserver` and an `etcd` as children;
//! `metrics` reads what the former counts.

mod dev;
mod metrics;
mod real;

use std::path::PathBuf;

/// The API server that `bench` measures with.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many repositories have a Build and a Secret.
    #[arg(long)]
    repositories: usize,
    /// The folder of `kube-apiserver` and `etcd`. Default: the dev cluster.
    #[arg(long, requires = "data")]
    components: Option<PathBuf>,
    /// Where these two keep their data.
    #[arg(long, requires = "components")]
    data: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match (args.components, args.data) {
        (Some(components), Some(data)) => real::run(&components, &data, args.repositories).await,
        _ => dev::run(args.repositories).await,
    }
}
