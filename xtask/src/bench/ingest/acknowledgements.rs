use crate::bench::acknowledged::send;
use crate::bench::load::Pace;
use crate::bench::pushes::Pushes;
use crate::bench::raw;
use crate::bench::report::{Goal, Row, median, milliseconds, per_second, percent};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::{Bench, CONNECTIONS};

const ACKNOWLEDGEMENTS: f64 = 8_000.0;
const OF_THE_SAME_WITHOUT_JOURNAL: f64 = 0.6;
const OF_RAW_READS: f64 = 0.8;
const MANY: usize = 200;
/// So many connections read Secrets over plain HTTP.
const READERS: usize = 32;

pub(super) fn one_repository(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::new(1, scene::SKIPPED);
    let mut cluster = bench.cluster(Scene::Builds, 1)?;
    let (mut without, mut with, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..bench.settings.rounds {
        let server = bench.server(&cluster, None)?;
        without.push(send(bench, &server, &cluster, &pushes)?.0.rate());
        server.end()?;
        let journal = bench.journal()?;
        let mut server = bench.server(&cluster, Some(&journal))?;
        let (load, cost) = send(bench, &server, &cluster, &pushes)?;
        with.push(load.rate());
        let left = server.ask("stats")?;
        last = Some((load, cost, left));
        server.end()?;
        let journal = bench.journal()?;
        let (first, _) = bench.fresh();
        raw.push(raw::commits(&journal, &pushes, first, CONNECTIONS, bench.time())?);
    }
    let reads = cluster.counts()?["secrets"].clone();
    cluster.end()?;
    let (without, with, raw) = (median(without), median(with), median(raw));
    let report = &mut bench.report;
    report.reference("the same server without a journal", per_second(without));
    report.reference("the store by itself, 64 callers", per_second(raw));
    report.row(Row {
        what: format!("durable acknowledgements, bodies of {} bytes", pushes.body_size()),
        number: per_second(with),
        share: None,
        goal: Some(Goal::at_least(with, ACKNOWLEDGEMENTS, format!("{ACKNOWLEDGEMENTS}/s"))),
    });
    for (what, reference, goal) in [
        ("… of the same server without a journal", without, Some(OF_THE_SAME_WITHOUT_JOURNAL)),
        ("… of the store by itself", raw, None),
    ] {
        let share = with / reference;
        let goal = goal.map(|goal| Goal::at_least(share, goal, percent(goal)));
        report.row(Row { what: what.to_owned(), number: String::new(), share: Some(share), goal });
    }
    if let Some((load, cost, left)) = last {
        report.note(format!(
            "One repository: p50 {}, p99 {} in the last round; {} deliveries acknowledged and not worked on yet \
             at its end; {reads} reads of the Secret in all rounds. {}",
            milliseconds(load.latency(0.5)),
            milliseconds(load.latency(0.99)),
            left["pending"],
            cost.text(),
        ));
    }
    Ok(())
}

pub(super) fn many_repositories(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::new(MANY, scene::SKIPPED);
    let mut cluster = bench.cluster(Scene::Builds, MANY)?;
    let kubeconfig = std::fs::read_to_string(&cluster.kubeconfig)?;
    let (mut with, mut own, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..bench.settings.rounds {
        own.push(raw::reads(&kubeconfig, MANY, bench.time())?);
        let pace = Pace { connections: READERS, ..bench.pace("", 200) };
        let (rate, read) = cluster.alone(|api| raw::plain_reads(api, MANY, pace))?;
        plain.push(rate);
        let journal = bench.journal()?;
        let server = bench.server(&cluster, Some(&journal))?;
        let before = cluster.counts()?;
        let (load, cost) = send(bench, &server, &cluster, &pushes)?;
        let reads = cluster.counts()?["secrets"].as_u64().unwrap_or_default()
            - before["secrets"].as_u64().unwrap_or_default();
        with.push(load.rate());
        last = Some((reads as f64 / load.all as f64, cost, read));
        server.end()?;
    }
    let (on, way) = (bench.on(), cluster.api.way());
    cluster.end()?;
    let (with, own, plain) = (median(with), median(own), median(plain));
    let report = &mut bench.report;
    report.reference(
        format!("reads of Secrets from {on}, the program's client, 32 at a time"),
        per_second(own),
    );
    report.reference(format!("reads of Secrets from {on}, {way}, {READERS} connections"), per_second(plain));
    let share = with / own;
    report.row(Row {
        what: format!("durable acknowledgements, {MANY} repositories with a Secret each, {on}"),
        number: per_second(with),
        share: Some(share),
        goal: Some(Goal::at_least(
            share,
            OF_RAW_READS,
            format!("{} of the client's reads", percent(OF_RAW_READS)),
        )),
    });
    if let Some((reads, cost, read)) = last {
        report.note(format!(
            "{MANY} repositories: {reads:.2} reads of Secrets a delivery. {} A plain read: API server {} µs.",
            cost.text(),
            read.as_micros()
        ));
    }
    Ok(())
}
