use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{ApiServer, Bench, CONNECTIONS, Cluster, hooks};
use crate::bench::load::{self, Pace};
use crate::bench::process::Process;
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, median, per_second, percent};
use crate::bench::{raw, scene};

const OF_RAW_CREATES: f64 = 0.8;
/// Connections that create by themselves.
const CREATORS: usize = 16;
/// Runs for each second of a measurement on the dev cluster.
const RUNS_PER_SECOND: u64 = 1_500;
/// What a run costs with the rest of the work on the same processors, in plain creations.
const CREATIONS_A_RUN: f64 = 1.5;
const PATIENCE: Duration = Duration::from_mins(2);
/// How soon the runs are counted again, at least and at most.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const SELDOM: Duration = Duration::from_millis(500);

pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::new(1, scene::FIRES);
    let (mut made, mut raw) = (Vec::new(), Vec::new());
    let mut calls = String::new();
    let mut way = "";
    for _ in 0..bench.args.rounds {
        let (alone, creation) = creations(bench, &pushes)?;
        raw.push(alone);
        let count = match bench.args.api_server {
            ApiServer::Dev => RUNS_PER_SECOND * bench.args.seconds,
            // So many that they take about the time that was asked for.
            ApiServer::Real => (alone / CREATIONS_A_RUN * bench.time().as_secs_f64()) as u64,
        };
        let mut cluster = bench.cluster(1)?;
        way = cluster.api.way();
        let journal = bench.journal()?;
        let server = bench.server(&cluster, Some(&journal))?;
        let (first, _) = bench.fresh();
        let before = (server.used()?.time, cluster.time()?);
        let took = until_they_exist(bench, &mut cluster, &server, &pushes, first, count)?;
        let micros = |time: Duration| time.div_f64(count as f64).as_micros();
        let cost = (
            micros(server.used()?.time.saturating_sub(before.0)),
            micros(cluster.time()?.saturating_sub(before.1)),
        );
        made.push(count as f64 / took.as_secs_f64());
        server.end()?;
        let counts = cluster.counts()?;
        calls = format!(
            "{count} runs took {} creations, {} patches of their conditions until then, {} Events and {} reads of the Secret; \
             processor time a run: program {} µs, API server {} µs, which takes {} µs for a plain creation.",
            counts["runs"],
            counts["conditions"],
            counts["events"],
            counts["secrets"],
            cost.0,
            cost.1,
            creation.as_micros()
        );
        cluster.end()?;
    }
    let (made, raw) = (median(made), median(raw));
    let on = bench.on();
    let report = &mut bench.report;
    report.reference(
        format!("creations of the same runs on {on}, {way}, {CREATORS} connections"),
        per_second(raw),
    );
    let share = made / raw;
    report.row(Row {
        what: format!("runs created on {on}, from the first acknowledgement to the last run"),
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

/// How many runs a second the API server creates, copies of one that the program has made on it, and what one costs it
/// of processor time.
pub(super) fn creations(bench: &mut Bench<'_>, pushes: &Pushes) -> anyhow::Result<(f64, Duration)> {
    let mut cluster = bench.cluster(1)?;
    let journal = bench.journal()?;
    let server = bench.server(&cluster, Some(&journal))?;
    let (first, _) = bench.fresh();
    until_they_exist(bench, &mut cluster, &server, pushes, first, 1)?;
    server.end()?;
    let run = cluster.process.ask("a run")?;
    let pace = Pace { connections: CREATORS, ..bench.pace("", 201) };
    let (count, pace) = match bench.args.api_server {
        // Over before the time is, and nothing has to warm up.
        ApiServer::Dev => {
            let pace = Pace { warm_up: Duration::ZERO, measure: PATIENCE, ..pace };
            (RUNS_PER_SECOND * bench.args.seconds, pace)
        }
        ApiServer::Real => (u64::MAX, pace),
    };
    let measured = cluster.alone(|api| raw::creates(api, &run, count, pace))?;
    cluster.end()?;
    Ok(measured)
}

/// Sends so many pushes that fire, as fast as they are taken in. The time until the last run exists.
pub(super) fn until_they_exist(
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
        loop {
            let most = cluster.process.ask("runs at most")?.as_u64().unwrap_or_default();
            if most >= count && cluster.process.ask("runs")?.as_u64() == Some(count) {
                break;
            }
            ensure!(begin.elapsed() < PATIENCE, "not all runs were created within {PATIENCE:?}");
            ensure!(!sending.is_finished() || server.used().is_ok(), "the server ended");
            std::thread::sleep(until_the_next_look(begin.elapsed(), most, count));
        }
        let took = begin.elapsed();
        if let Ok(sent) = sending.join() {
            sent?;
        }
        Ok(took)
    })
}

/// Half of the time that the missing ones will take if they go on to come as they did: asking costs the API server
/// something, and still the end is seen within milliseconds.
fn until_the_next_look(elapsed: Duration, there: u64, count: u64) -> Duration {
    let missing = count.saturating_sub(there) as f64 / there.max(1) as f64;
    elapsed.mul_f64(missing / 2.0).clamp(LOOK_AGAIN, SELDOM)
}
