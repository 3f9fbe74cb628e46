//! Acknowledgements before runs, runs before conditions: what each achieves while the next one waits.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bench::creations::{creations, until_they_exist};
use crate::bench::load;
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, median, milliseconds, per_second, percent};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::{Bench, Cluster, hooks};

/// Runs a second, as a share of plain creations.
const OF_PLAIN_CREATIONS: f64 = 0.7;
/// The last condition after the last run.
const CONDITIONS_WITHIN: f64 = 60.0;
/// Writes of statuses, by the program and by the controller, that are answered with a conflict.
const CONFLICTS: f64 = 0.02;
/// Deliveries a second that each start a run while acknowledgements are timed.
const RATE: u32 = 300;
const P99: Duration = Duration::from_millis(30);
/// Deliveries a second while the controller works on the runs.
const BESIDE_THE_CONTROLLER: u32 = 10;
/// How long the conditions are waited for, and how often they are counted: counting lists all runs.
const PATIENCE: Duration = Duration::from_mins(3);
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What one round gives.
#[derive(Default)]
struct Numbers {
    plain: Vec<f64>,
    runs: Vec<f64>,
    last_condition: Vec<f64>,
    conflicts: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::new(1, scene::FIRES);
    let (mut numbers, mut counted) = (Numbers::default(), String::new());
    for _ in 0..bench.settings.rounds {
        let (plain, _) = creations(bench, Scene::Builds, &pushes)?;
        numbers.plain.push(plain);
        let count = (plain * OF_PLAIN_CREATIONS * bench.time().as_secs_f64()) as u64;
        counted = burst(bench, &pushes, count, &mut numbers)?;
        acknowledgements(bench, &pushes, &mut numbers)?;
    }
    report(bench, numbers);
    bench.report.note(counted);
    Ok(())
}

/// A burst of runs, then their controller begins with them, and some more come.
fn burst(
    bench: &mut Bench<'_>,
    pushes: &Pushes,
    count: u64,
    numbers: &mut Numbers,
) -> anyhow::Result<String> {
    let mut cluster = bench.cluster(Scene::Builds, 1)?;
    let journal = bench.journal()?;
    let server = bench.server(&cluster, Some(&journal))?;
    let (first, _) = bench.fresh();
    let took = until_they_exist(bench, &mut cluster, &server, pushes, first, count)?;
    numbers.runs.push(count as f64 / took.as_secs_f64());
    let last_run = Instant::now();
    cluster.process.ask("simulate")?;
    until_explained(&mut cluster, last_run)?;
    numbers.last_condition.push(last_run.elapsed().as_secs_f64());

    let address = hooks(&server)?;
    let pace = load::Pace { warm_up: Duration::ZERO, ..bench.pace(&address, 202) };
    let (first, _) = bench.fresh();
    let more = u64::from(BESIDE_THE_CONTROLLER) * bench.settings.seconds;
    let mut stock = pushes.stock(first, more);
    load::open(pace, BESIDE_THE_CONTROLLER, |request| stock.next(request))?;
    until_explained(&mut cluster, Instant::now())?;
    let counts = cluster.process.ask("conflicts")?;
    let number = |pointer: &str| counts.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let conflicts = number("/program/conflicts") + number("/controller/conflicts");
    let writes = number("/program/writes") + number("/controller/writes");
    numbers.conflicts.push(conflicts as f64 / writes.max(1) as f64);
    server.end()?;
    cluster.end()?;
    Ok(format!(
        "{count} runs, and {more} more while their controller worked. The program wrote {} conditions with {} \
         conflicts; the controller wrote {} statuses with {}.",
        number("/program/writes"),
        number("/program/conflicts"),
        number("/controller/writes"),
        number("/controller/conflicts"),
    ))
}

/// Waits until every run has its condition.
fn until_explained(cluster: &mut Cluster, since: Instant) -> anyhow::Result<()> {
    loop {
        let owed = cluster.process.ask("unexplained")?.as_u64().context("no number")?;
        if owed == 0 {
            return Ok(());
        }
        ensure!(since.elapsed() < PATIENCE, "{owed} runs have no condition after {PATIENCE:?}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

fn acknowledgements(bench: &mut Bench<'_>, pushes: &Pushes, numbers: &mut Numbers) -> anyhow::Result<()> {
    let cluster = bench.cluster(Scene::Builds, 1)?;
    let journal = bench.journal()?;
    let server = bench.server(&cluster, Some(&journal))?;
    let address = hooks(&server)?;
    let pace = bench.pace(&address, 202);
    let (first, _) = bench.fresh();
    let count = u64::from(RATE) * ((bench.time() + pace.warm_up).as_secs() + 1);
    let mut stock = pushes.stock(first, count);
    let load = load::open(pace, RATE, |request| stock.next(request))?;
    numbers.p50.push(load.latency(0.5).as_secs_f64());
    numbers.p99.push(load.latency(0.99).as_secs_f64());
    server.end()?;
    cluster.end()
}

fn report(bench: &mut Bench<'_>, numbers: Numbers) {
    let on = bench.on();
    let report = &mut bench.report;
    let (plain, runs) = (median(numbers.plain), median(numbers.runs));
    report.reference(format!("plain creations of the same runs on {on}"), per_second(plain));
    let share = runs / plain;
    report.row(Row {
        what: "runs created, from the first acknowledgement to the last run".to_owned(),
        number: per_second(runs),
        share: Some(share),
        goal: Some(Goal::at_least(
            share,
            OF_PLAIN_CREATIONS,
            format!("{} of plain creations", percent(OF_PLAIN_CREATIONS)),
        )),
    });
    let last = median(numbers.last_condition);
    report.row(Row {
        what: "… the last condition after the last run".to_owned(),
        number: format!("{last:.1} s"),
        share: None,
        goal: Some(Goal::at_most(last, CONDITIONS_WITHIN, format!("{CONDITIONS_WITHIN:.0} s"))),
    });
    let conflicts = median(numbers.conflicts);
    report.row(Row {
        what: "… writes of statuses that conflicted".to_owned(),
        number: format!("{:.1} %", conflicts * 100.0),
        share: None,
        goal: Some(Goal::at_most(conflicts, CONFLICTS, percent(CONFLICTS))),
    });
    let (p50, p99) = (median(numbers.p50), Duration::from_secs_f64(median(numbers.p99)));
    let p50 = milliseconds(Duration::from_secs_f64(p50));
    report.reference(format!("acknowledgements beside {RATE} runs a second, p50"), p50);
    report.row(Row {
        what: "… p99".to_owned(),
        number: milliseconds(p99),
        share: None,
        goal: Some(Goal::at_most(p99.as_secs_f64(), P99.as_secs_f64(), milliseconds(P99))),
    });
}
