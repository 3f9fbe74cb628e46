use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{Bench, CONNECTIONS, Cluster, hooks};
use crate::bench::load::{self, Pace};
use crate::bench::process::Process;
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, median, per_second, percent};
use crate::bench::{raw, scene};

const OF_RAW_CREATES: f64 = 0.8;
/// Connections that create by themselves.
const CREATORS: usize = 16;
/// Runs for each second of a measurement.
const RUNS_PER_SECOND: u64 = 1_500;
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::new(1, scene::FIRES);
    let count = RUNS_PER_SECOND * bench.args.seconds;
    let (mut made, mut raw) = (Vec::new(), Vec::new());
    let mut calls = String::new();
    for _ in 0..bench.args.rounds {
        let mut cluster = bench.cluster(1)?;
        let journal = bench.journal()?;
        let server = bench.server(&cluster, Some(&journal))?;
        let (first, _) = bench.fresh();
        let before = (server.used()?.time, cluster.process.used()?.time);
        let took = until_they_exist(bench, &mut cluster, &server, &pushes, first, count)?;
        let micros = |time: Duration| time.div_f64(count as f64).as_micros();
        let cost = (
            micros(server.used()?.time.saturating_sub(before.0)),
            micros(cluster.process.used()?.time.saturating_sub(before.1)),
        );
        made.push(count as f64 / took.as_secs_f64());
        server.end()?;
        let counts = cluster.process.ask("counts")?;
        calls = format!(
            "{count} runs took {} creations, {} patches of their conditions, {} Events and {} reads of the Secret; \
             processor time a run: program {} µs, API server {} µs.",
            counts["runs"], counts["conditions"], counts["events"], counts["secrets"], cost.0, cost.1
        );
        let run = cluster.process.ask("a run")?;
        cluster.process.end()?;
        let cluster = bench.cluster(1)?;
        let pace = Pace {
            connections: CREATORS,
            warm_up: Duration::ZERO,
            measure: PATIENCE,
            ..bench.pace(&cluster.host, 201)
        };
        raw.push(raw::creates(&cluster.host, &run, count, pace)?);
        cluster.process.end()?;
    }
    let (made, raw) = (median(made), median(raw));
    let report = &mut bench.report;
    report.reference(
        format!("creations of the same runs, plain HTTP, {CREATORS} connections"),
        per_second(raw),
    );
    let share = made / raw;
    report.row(Row {
        what: "runs created, from the first acknowledgement to the last run".to_owned(),
        number: per_second(made),
        share: Some(share),
        goal: Some(Goal::at_least(
            share,
            OF_RAW_CREATES,
            format!("{} of plain creations", percent(OF_RAW_CREATES)),
        )),
    });
    report.note(calls);
    Ok(())
}

/// Sends so many pushes that fire, as fast as they are taken in. The time until the last run exists.
fn until_they_exist(
    bench: &Bench<'_>,
    cluster: &mut Cluster,
    server: &Process,
    pushes: &Pushes,
    first: u64,
    count: u64,
) -> anyhow::Result<Duration> {
    let mut stock = pushes.stock(first, count);
    let pace =
        Pace { connections: CONNECTIONS, measure: PATIENCE, warm_up: Duration::ZERO, ..bench.pace("", 202) };
    let address = hooks(server)?;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let pace = Pace { address: &address, ..pace };
            load::closed(pace, |request| stock.next(request))
        });
        // A creation counts when it arrives at the API server; the last ones are looked for by name.
        while cluster.process.ask("counts")?["runs"].as_u64().unwrap_or_default() < count {
            ensure!(begin.elapsed() < PATIENCE, "not all runs were created within {PATIENCE:?}");
            ensure!(!sending.is_finished() || server.used().is_ok(), "the server ended");
            std::thread::sleep(Duration::from_millis(5));
        }
        while cluster.process.ask("runs")?["runs"].as_u64() != Some(count) {
            ensure!(begin.elapsed() < PATIENCE, "not all runs were created within {PATIENCE:?}");
        }
        let took = begin.elapsed();
        if let Ok(sent) = sending.join() {
            sent?;
        }
        Ok(took)
    })
}
