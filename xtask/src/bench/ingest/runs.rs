use crate::bench::creations::{self, CREATORS};
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, median, per_second, percent};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::Bench;

const OF_RAW_CREATES: f64 = 0.8;

pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::new(1, scene::FIRES);
    let (mut made, mut raw) = (Vec::new(), Vec::new());
    let mut calls = String::new();
    let mut way = "";
    for _ in 0..bench.settings.rounds {
        let round = creations::round(bench, Scene::Builds, &pushes)?;
        made.push(round.made);
        raw.push(round.plain);
        (way, calls) = (round.way, round.calls);
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
