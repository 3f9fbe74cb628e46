use std::time::Duration;

use crate::bench::acknowledged::send;
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, median, per_second};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::Bench;

const MANY: usize = 1_000;
/// The processor time of a delivery to a listener with many triggers, of that to a listener with one.
const OF_ONE: f64 = 1.5;

/// The cost of acknowledgements by the number of triggers.
struct Kind {
    what: &'static str,
    scene: Scene,
    triggers: usize,
    goal: Option<f64>,
}

const KINDS: [Kind; 3] = [
    Kind {
        what: "a delivery to a listener with one trigger",
        scene: Scene::Triggers,
        triggers: 1,
        goal: None,
    },
    Kind {
        what: "… with 1,000 triggers, of which one takes pushes",
        scene: Scene::Triggers,
        triggers: MANY,
        goal: Some(OF_ONE),
    },
    Kind {
        what: "… with 1,000 triggers that all take pushes, of one repository each",
        scene: Scene::Filters,
        triggers: MANY,
        goal: Some(OF_ONE),
    },
];

/// The processor time that acknowledgements cost the program, with one trigger and with many.
pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::to_listener(scene::SKIPPED);
    let mut costs = KINDS.map(|_| Vec::new());
    let mut rates = KINDS.map(|_| Vec::new());
    for _ in 0..bench.settings.rounds {
        for ((kind, costs), rates) in KINDS.iter().zip(&mut costs).zip(&mut rates) {
            let cluster = bench.cluster(kind.scene, kind.triggers)?;
            let journal = bench.journal()?;
            let server = bench.server(&cluster, Some(&journal))?;
            let (load, cost) = send(bench, &server, &cluster, &pushes)?;
            server.end()?;
            cluster.end()?;
            costs.push(cost.server.as_secs_f64());
            rates.push(load.rate());
        }
    }
    let costs = costs.map(median);
    let one = costs.first().copied().unwrap_or_default();
    for ((kind, cost), rates) in KINDS.iter().zip(costs).zip(rates) {
        let share = cost / one;
        bench.report.row(Row {
            what: format!("{}, {}, costs the program", kind.what, per_second(median(rates))),
            number: format!("{} µs", Duration::from_secs_f64(cost).as_micros()),
            share: Some(share),
            goal: kind.goal.map(|goal| Goal::at_most(share, goal, format!("at most {goal} times"))),
        });
    }
    Ok(())
}
