use anyhow::ensure;

use crate::bench::load::{self, Pace};
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, mebibytes};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::{Bench, hooks};

const UNDER_LOAD: u64 = 64 << 20;
/// A million in so many parts; the memory is looked at after each.
const PARTS: u64 = 10;
const PART: u64 = 100_000;
/// What comes and goes between two looks is no growth.
const GROWTH: f64 = 1.1;

pub(super) fn measure(bench: &mut Bench<'_>, million: bool) -> anyhow::Result<()> {
    let pushes = Pushes::new(1, scene::SKIPPED);
    let cluster = bench.cluster(Scene::Builds, 1)?;
    let journal = bench.journal()?;
    let server = bench.server(&cluster, Some(&journal))?;
    let idle = server.used()?.resident;
    let address = hooks(&server)?;
    let (first, count) = bench.fresh();
    let mut stock = pushes.stock(first, count);
    let load = load::closed(bench.pace(&address, 202), |request| stock.next(request))?;
    drop(stock);
    let used = server.used()?;
    bench.report.reference("resident memory of the program, idle", mebibytes(idle));
    bench.report.row(Row {
        what: format!("… the most after {} deliveries as fast as they are taken in", load.all),
        number: mebibytes(used.peak),
        share: None,
        goal: Some(Goal::at_most(used.peak as f64, UNDER_LOAD as f64, mebibytes(UNDER_LOAD))),
    });
    if million {
        let mut sizes = Vec::new();
        for _ in 0..PARTS {
            let first = bench.next;
            bench.next += PART;
            let mut stock = pushes.stock(first, PART);
            let pace = Pace { measure: std::time::Duration::from_mins(10), ..bench.pace(&address, 202) };
            let load = load::closed(pace, |request| stock.next(request))?;
            ensure!(load.all == PART, "not all were sent");
            sizes.push(server.used()?.resident);
        }
        let (early, late) = (sizes[1], sizes[sizes.len() - 1]);
        let growth = late as f64 / early as f64;
        bench.report.row(Row {
            what: "… after a million, of what it was after 200,000".to_owned(),
            number: mebibytes(late),
            share: Some(growth),
            goal: Some(Goal::at_most(growth, GROWTH, format!("at most {GROWTH} times"))),
        });
        let sizes: Vec<_> = sizes.into_iter().map(mebibytes).collect();
        bench.report.note(format!("Resident memory after each {PART}: {}.", sizes.join(", ")));
    }
    server.end()?;
    cluster.end()
}
