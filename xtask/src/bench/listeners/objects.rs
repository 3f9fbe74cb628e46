use crate::bench::creations::{self, CREATORS};
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, median, per_second, percent};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::Bench;

const OF_PLAIN_CREATIONS: f64 = 0.75;

/// Measured in turns: the rule of a Build, as a reference, and the trigger of a listener.
struct Kind {
    what: &'static str,
    scene: Scene,
    pushes: Pushes,
    goal: Option<f64>,
    made: Vec<f64>,
    plain: Vec<f64>,
    calls: String,
}

/// Objects that pushes create, one each, beside plain creations of the same.
pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let kind = |what, scene, pushes, goal| Kind {
        what,
        scene,
        pushes,
        goal,
        made: Vec::new(),
        plain: Vec::new(),
        calls: String::new(),
    };
    let mut kinds = [
        kind("a Build's rule", Scene::Builds, Pushes::new(1, scene::FIRES), None),
        kind("a listener", Scene::Triggers, Pushes::to_listener(scene::FIRES), Some(OF_PLAIN_CREATIONS)),
    ];
    let mut way = "";
    for _ in 0..bench.settings.rounds {
        for kind in &mut kinds {
            let round = creations::round(bench, kind.scene, &kind.pushes)?;
            kind.made.push(round.made);
            kind.plain.push(round.plain);
            (way, kind.calls) = (round.way, round.calls);
        }
    }
    let on = bench.on();
    let report = &mut bench.report;
    for Kind { what, scene, goal, made, plain, calls, .. } in kinds {
        let (name, plain, made) = (scene.made().name, median(plain), median(made));
        report.reference(
            format!("creations of {name}s on {on}, {way}, {CREATORS} connections"),
            per_second(plain),
        );
        let share = made / plain;
        report.row(Row {
            what: format!("… by {what}, from the first acknowledgement to the last object"),
            number: per_second(made),
            share: Some(share),
            goal: goal
                .map(|goal| Goal::at_least(share, goal, format!("{} of plain creations", percent(goal)))),
        });
        report.note(calls);
    }
    Ok(())
}
