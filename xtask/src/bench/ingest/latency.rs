use std::time::Duration;

use crate::bench::load;
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, milliseconds};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::{Bench, CONNECTIONS, hooks};

const RATE: u32 = 1_000;
const P99: Duration = Duration::from_millis(25);

pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::new(1, scene::SKIPPED);
    let cluster = bench.cluster(Scene::Builds, 1)?;
    let journal = bench.journal()?;
    let server = bench.server(&cluster, Some(&journal))?;
    let (first, _) = bench.fresh();
    let address = hooks(&server)?;
    let pace = bench.pace(&address, 202);
    let count = u64::from(RATE) * (bench.time() + pace.warm_up).as_secs() + u64::from(RATE);
    let mut stock = pushes.stock(first, count);
    let load = load::open(pace, RATE, |request| stock.next(request))?;
    server.end()?;
    cluster.end()?;
    let on = bench.on();
    let p99 = load.latency(0.99);
    bench.report.reference(
        format!("latency at {RATE}/s at fixed intervals, {on}, p50"),
        milliseconds(load.latency(0.5)),
    );
    bench.report.row(Row {
        what: "… p99".to_owned(),
        number: milliseconds(p99),
        share: None,
        goal: Some(Goal::at_most(p99.as_secs_f64(), P99.as_secs_f64(), milliseconds(P99))),
    });
    bench.report.note(format!(
        "Latency counts from the moment a push was due; {} answers at {:.0}/s over {CONNECTIONS} connections; the \
         slowest took {}.",
        load.answers,
        load.rate(),
        milliseconds(load.latency(1.0))
    ));
    Ok(())
}
