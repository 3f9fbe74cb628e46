use std::time::{Duration, Instant};

use crate::bench::load::{self, Pace};
use crate::bench::pushes::Pushes;
use crate::bench::report::{Goal, Row, milliseconds};
use crate::bench::scene::{self, Scene};
use crate::bench::testbed::{Bench, hooks};

const TRIGGERS: u16 = 60;
/// How long the objects are waited for, and how often they are counted.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// One push to a listener whose triggers all take it, each with a Secret of its own.
pub(super) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let pushes = Pushes::to_listener(scene::FIRES);
    let mut cluster = bench.cluster(Scene::Secrets, TRIGGERS.into())?;
    let journal = bench.journal()?;
    let mut server = bench.server(&cluster, Some(&journal))?;
    let (first, _) = bench.fresh();
    let mut stock = pushes.stock(first, 1);
    let address = hooks(&server)?;
    let pace = Pace { connections: 1, warm_up: Duration::ZERO, ..bench.pace(&address, 202) };
    let begin = Instant::now();
    load::closed(pace, |request| stock.next(request))?;
    let wanted = u64::from(TRIGGERS);
    let mut made = 0;
    while begin.elapsed() < PATIENCE {
        made = cluster.process.ask("runs")?.as_u64().unwrap_or_default();
        let stats = server.ask("stats")?;
        if made >= wanted && stats["pending"] == 0 && stats["claimed"] == 0 {
            break;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    let took = begin.elapsed();
    server.end()?;
    cluster.end()?;
    bench.report.row(Row {
        what: format!("PipelineRuns of one push to {TRIGGERS} triggers with a Secret each"),
        number: format!("{made} in {}", milliseconds(took)),
        share: None,
        goal: Some(Goal { text: TRIGGERS.to_string(), reached: made == wanted }),
    });
    Ok(())
}
