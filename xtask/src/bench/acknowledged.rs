//! Pushes that start nothing, as fast as they are acknowledged.

use std::time::Duration;

use super::load::{self, Load};
use super::process::Process;
use super::pushes::Pushes;
use super::testbed::{Bench, Cluster, hooks};

/// Processor time for one delivery, by process.
pub(super) struct Cost {
    generator: Duration,
    pub(super) server: Duration,
    cluster: Duration,
}

/// Sends fresh pushes for the time of a measurement.
pub(super) fn send(
    bench: &mut Bench<'_>,
    server: &Process,
    cluster: &Cluster,
    pushes: &Pushes,
) -> anyhow::Result<(Load, Cost)> {
    let (first, count) = bench.fresh();
    let mut stock = pushes.stock(first, count);
    let before = (server.used()?.time, cluster.time()?);
    let load = load::closed(bench.pace(&hooks(server)?, 202), |request| stock.next(request))?;
    let each = |time: Duration| time.div_f64(load.all.max(1) as f64);
    let cost = Cost {
        generator: each(load.time),
        server: each(server.used()?.time.saturating_sub(before.0)),
        cluster: each(cluster.time()?.saturating_sub(before.1)),
    };
    Ok((load, cost))
}

impl Cost {
    pub(super) fn text(&self) -> String {
        let micros = |time: Duration| time.as_micros();
        format!(
            "Processor time a delivery: program {} µs, API server {} µs, load generator {} µs.",
            micros(self.server),
            micros(self.cluster),
            micros(self.generator)
        )
    }
}
