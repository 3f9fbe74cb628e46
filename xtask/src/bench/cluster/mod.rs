//! The API server of the measurements, in a process of its own: neither the generator nor the program that is measured
//! shares its runtime. `dev` is the dev cluster itself, `real` has a `kube-apiserver` and an `etcd` as children;
//! `metrics` reads what the
//! latter counts, `carrier` takes the simulated Build controller there.

mod carrier;
mod dev;
mod metrics;
mod real;

use std::path::PathBuf;
use std::time::Duration;

use trigger_simulation::SimulationOptions;

use super::scene::Scene;

/// How the Build controller is played: builds are under way while conditions are written.
const SIMULATION: SimulationOptions = SimulationOptions { duration: Duration::from_secs(5) };

/// The API server that `bench` measures with.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The kind of objects on it.
    #[arg(long, value_enum)]
    scene: Scene,
    /// How many there are.
    #[arg(long)]
    count: usize,
    /// The folder of `kube-apiserver` and `etcd`. Default: the dev cluster.
    #[arg(long, requires = "data")]
    components: Option<PathBuf>,
    /// Where these two keep their data.
    #[arg(long, requires = "components")]
    data: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match (args.components, args.data) {
        (Some(components), Some(data)) => real::run(&components, &data, args.scene, args.count).await,
        _ => dev::run(args.scene, args.count).await,
    }
}
