//! Objects that pushes create, and plain creations of the same.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::load::{self, Pace};
use super::process::Process;
use super::pushes::Pushes;
use super::raw;
use super::scene::Scene;
use super::testbed::{ApiServer, Bench, CONNECTIONS, Cluster, hooks};

/// Connections that create by themselves.
pub(super) const CREATORS: usize = 16;
/// Objects for each second of a measurement on the dev cluster.
const OBJECTS_PER_SECOND: u64 = 1_500;
/// What an object costs with the rest of the work on the same processors, in plain creations.
const CREATIONS_AN_OBJECT: f64 = 1.5;
const PATIENCE: Duration = Duration::from_mins(2);
/// How soon the objects are counted again, at least and at most.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const SELDOM: Duration = Duration::from_millis(500);

/// The creations of one round, a second.
pub(super) struct Creations {
    /// By the program, one for each push, from the first acknowledgement to the last object.
    pub(super) made: f64,
    /// Plain ones.
    pub(super) plain: f64,
    /// How the plain ones are asked for.
    pub(super) way: &'static str,
    /// Their calls, as a sentence.
    pub(super) calls: String,
}

/// Measures both in turn, with one object of a scene that pushes concern.
pub(super) fn round(bench: &mut Bench<'_>, scene: Scene, pushes: &Pushes) -> anyhow::Result<Creations> {
    let (plain, creation) = creations(bench, scene, pushes)?;
    let count = match bench.settings.api_server {
        ApiServer::Dev => OBJECTS_PER_SECOND * bench.settings.seconds,
        // So many that they take about the time that was asked for.
        ApiServer::Real => (plain / CREATIONS_AN_OBJECT * bench.time().as_secs_f64()) as u64,
    };
    let mut cluster = bench.cluster(scene, 1)?;
    let way = cluster.api.way();
    let journal = bench.journal()?;
    let server = bench.server(&cluster, Some(&journal))?;
    let (first, _) = bench.fresh();
    let before = (server.used()?.time, cluster.time()?);
    let took = until_they_exist(bench, &mut cluster, &server, pushes, first, count)?;
    let micros = |time: Duration| time.div_f64(count as f64).as_micros();
    let cost = (
        micros(server.used()?.time.saturating_sub(before.0)),
        micros(cluster.time()?.saturating_sub(before.1)),
    );
    server.end()?;
    let counts = cluster.counts()?;
    let kind = scene.made().name;
    let calls = format!(
        "{count} {kind}s took {} creations, {} patches of their conditions until then, {} Events and {} reads of the \
         Secret; processor time for one: program {} µs, API server {} µs, which takes {} µs for a plain creation.",
        counts["runs"],
        counts["conditions"],
        counts["events"],
        counts["secrets"],
        cost.0,
        cost.1,
        creation.as_micros()
    );
    cluster.end()?;
    Ok(Creations { made: count as f64 / took.as_secs_f64(), plain, way, calls })
}

/// How many objects a second the API server creates, copies of one that the program has made on it, and what one costs it
/// of processor time.
pub(super) fn creations(
    bench: &mut Bench<'_>,
    scene: Scene,
    pushes: &Pushes,
) -> anyhow::Result<(f64, Duration)> {
    let mut cluster = bench.cluster(scene, 1)?;
    let journal = bench.journal()?;
    let server = bench.server(&cluster, Some(&journal))?;
    let (first, _) = bench.fresh();
    until_they_exist(bench, &mut cluster, &server, pushes, first, 1)?;
    server.end()?;
    let run = cluster.process.ask("a run")?;
    let pace = Pace { connections: CREATORS, ..bench.pace("", 201) };
    let (count, pace) = match bench.settings.api_server {
        // Over before the time is, and nothing has to warm up.
        ApiServer::Dev => {
            let pace = Pace { warm_up: Duration::ZERO, measure: PATIENCE, ..pace };
            (OBJECTS_PER_SECOND * bench.settings.seconds, pace)
        }
        ApiServer::Real => (u64::MAX, pace),
    };
    let measured = cluster.alone(|api| raw::creates(api, &run, count, pace))?;
    cluster.end()?;
    Ok(measured)
}

/// Sends so many pushes that fire, as fast as they are taken in. The time until the last object exists.
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
            ensure!(begin.elapsed() < PATIENCE, "not all objects were created within {PATIENCE:?}");
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
