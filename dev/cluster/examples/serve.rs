//! Serves a dev cluster until interrupted: `cargo run -p trigger-devcluster --example serve -- [CRD.yaml]...`
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::time::Duration;

use trigger_devcluster::{DevCluster, SimulationOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = DevCluster::builder();
    for path in std::env::args().skip(1) {
        builder = builder.crd(serde_saphyr::from_str(&std::fs::read_to_string(path)?)?);
    }
    let cluster = builder.start().await?;
    cluster.simulate_builds(SimulationOptions { duration: Duration::from_secs(3) });
    println!("{}", cluster.kubeconfig());
    tokio::signal::ctrl_c().await?;
    cluster.shutdown().await?;
    Ok(())
}
