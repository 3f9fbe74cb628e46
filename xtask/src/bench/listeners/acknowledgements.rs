use crate::bench::acknowledged::send;
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, median, milliseconds, per_second};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::Bench;

const ACKNOWLEDGEMENTS: f64 = 5_000.0;

/// Durable acknowledgements of a listener with one trigger, which no push passes, beside those of a Build's rule.
pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let to_listener = Pushes::to_listener(scene::SKIPPED);
    let to_rule = Pushes::new(1, scene::SKIPPED);
    let (mut by_listener, mut by_rule, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..bench.settings.rounds {
        for (scene, pushes) in [(Scene::Builds, &to_rule), (Scene::Triggers, &to_listener)] {
            let cluster = bench.cluster(scene, 1)?;
            let journal = bench.journal()?;
            let server = bench.server(&cluster, Some(&journal))?;
            let (load, cost) = send(bench, &server, &cluster, pushes)?;
            server.end()?;
            cluster.end()?;
            if scene == Scene::Builds {
                by_rule.push(load.rate());
            } else {
                by_listener.push(load.rate());
                last = Some((load, cost));
            }
        }
    }
    let (by_listener, by_rule) = (median(by_listener), median(by_rule));
    let report = &mut bench.report;
    report.reference("durable acknowledgements for a Build's rule that no push passes", per_second(by_rule));
    report.row(Row {
        what: format!("… for a listener's trigger, bodies of {} bytes", to_listener.body_size()),
        number: per_second(by_listener),
        share: Some(by_listener / by_rule),
        goal: Some(Goal::at_least(by_listener, ACKNOWLEDGEMENTS, format!("{ACKNOWLEDGEMENTS}/s"))),
    });
    if let Some((load, cost)) = last {
        report.note(format!(
            "A listener with one trigger: p50 {}, p99 {} in the last round. {}",
            milliseconds(load.latency(0.5)),
            milliseconds(load.latency(0.99)),
            cost.text(),
        ));
    }
    Ok(())
}
