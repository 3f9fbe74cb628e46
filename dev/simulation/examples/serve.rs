//! Serves a dev cluster with simulated builds until interrupted:
//! `cargo run -p trigger-simulation --example serve -- [CRD.yaml]...`
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::time::Duration;

use trigger_devcluster::DevCluster;
use trigger_simulation::{SimulationOptions, simulate_builds};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = DevCluster::builder();
    for path in std::env::args().skip(1) {
        builder = builder.crd(serde_saphyr::from_str(&std::fs::read_to_string(path)?)?);
    }
    let cluster = builder.start().await?;
    let options = SimulationOptions { duration: Duration::from_secs(3) };
    cluster.spawn(simulate_builds(cluster.store(), "", options));
    println!("{}", cluster.kubeconfig());
    tokio::signal::ctrl_c().await?;
    cluster.shutdown().await?;
    Ok(())
}
