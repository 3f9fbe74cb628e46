//! The load generator: one thread, however many connections.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::future::try_join_all;
use tokio::sync::{Mutex, mpsc};

use super::wire::Wire;
use crate::process_usage::ProcessUsage;

/// A connection on which requests are answered one after the other.
pub(super) trait Line {
    type Request: Default;

    /// Sends a request and reads its answer to the end. The status of the answer.
    async fn exchange(&mut self, request: &Self::Request) -> anyhow::Result<u16>;

    /// The last answer.
    fn text(&self) -> String;
}

impl Line for Wire {
    type Request = Vec<u8>;

    async fn exchange(&mut self, request: &Vec<u8>) -> anyhow::Result<u16> {
        Wire::exchange(self, request).await
    }

    fn text(&self) -> String {
        Wire::text(self)
    }
}

/// Writes the next request over the last one; false if there is none left.
pub(super) trait Supply<R>: FnMut(&mut R) -> bool {}
impl<R, F: FnMut(&mut R) -> bool> Supply<R> for F {}

/// How to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace<'a> {
    pub(super) address: &'a str,
    pub(super) connections: usize,
    /// Not counted: connections are made, caches fill.
    pub(super) warm_up: Duration,
    pub(super) measure: Duration,
    /// The status of every answer; another one ends the measurement.
    pub(super) expected: u16,
}

/// What came back.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Answers within the measured time.
    pub(super) answers: u64,
    /// All answers.
    pub(super) all: u64,
    /// The measured time.
    pub(super) took: Duration,
    /// Microseconds from the moment a request was to be sent to its answer, sorted.
    pub(super) latencies: Vec<u32>,
    /// Processor time of this process in all of it.
    pub(super) time: Duration,
}

impl Load {
    pub(super) fn rate(&self) -> f64 {
        self.answers as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// The latency that `share` of the answers did not exceed.
    pub(super) fn latency(&self, share: f64) -> Duration {
        let place = (self.latencies.len() as f64 * share) as usize;
        let latency = self.latencies.get(place.min(self.latencies.len().saturating_sub(1)));
        Duration::from_micros(latency.copied().unwrap_or(u32::MAX).into())
    }
}

/// Every connection sends its next request when it has the answer to the last one.
pub(super) fn closed(pace: Pace<'_>, supply: impl Supply<Vec<u8>>) -> anyhow::Result<Load> {
    closed_over(pace, async || Wire::connect(pace.address).await, supply)
}

/// The same over connections of any kind.
pub(super) fn closed_over<L: Line>(
    pace: Pace<'_>,
    connect: impl AsyncFn() -> anyhow::Result<L>,
    supply: impl Supply<L::Request>,
) -> anyhow::Result<Load> {
    let supply = RefCell::new(supply);
    let before = ProcessUsage::of("self")?.time;
    let begin = Instant::now();
    let (count, end) = (begin + pace.warm_up, begin + pace.warm_up + pace.measure);
    let (last, answers, all) = (Cell::new(count), Cell::new(0_u64), Cell::new(0_u64));
    let latencies = RefCell::new(Vec::new());
    let connection = async || -> anyhow::Result<()> {
        let mut line = connect().await?;
        let mut request = L::Request::default();
        let mut now = Instant::now();
        while now < end && (supply.borrow_mut())(&mut request) {
            let sent = now;
            expect(&mut line, &request, pace.expected).await?;
            now = Instant::now();
            all.set(all.get() + 1);
            if sent >= count {
                answers.set(answers.get() + 1);
                latencies.borrow_mut().push(micros(now - sent));
                last.set(last.get().max(now));
            }
        }
        Ok(())
    };
    runtime()?.block_on(try_join_all((0..pace.connections).map(|_| connection())))?;
    let mut latencies = latencies.into_inner();
    latencies.sort_unstable();
    let time = ProcessUsage::of("self")?.time.saturating_sub(before);
    Ok(Load { answers: answers.get(), all: all.get(), took: last.get() - count, latencies, time })
}

/// Requests become due at fixed intervals, whether earlier ones are answered or not. Latency counts from
/// the moment a request was due, so that a server that stalls cannot hide what waits outside.
pub(super) fn open(pace: Pace<'_>, per_second: u32, supply: impl Supply<Vec<u8>>) -> anyhow::Result<Load> {
    let supply = RefCell::new(supply);
    let before = ProcessUsage::of("self")?.time;
    let (due, waiting) = mpsc::unbounded_channel();
    let waiting = Mutex::new(waiting);
    let begin = Instant::now();
    let (count, end) = (begin + pace.warm_up, begin + pace.warm_up + pace.measure);
    // A thread that sleeps is more punctual than the runtime's timer, which counts in milliseconds.
    let clock = std::thread::spawn(move || {
        let interval = Duration::from_secs(1) / per_second;
        let mut next = begin;
        while next < end && due.send(next).is_ok() {
            next += interval;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
    let (all, latencies) = (Cell::new(0_u64), RefCell::new(Vec::new()));
    let connection = async || -> anyhow::Result<()> {
        let mut wire = Wire::connect(pace.address).await?;
        let mut request = Vec::new();
        loop {
            let Some(due) = waiting.lock().await.recv().await else { return Ok(()) };
            if !(supply.borrow_mut())(&mut request) {
                return Ok(());
            }
            expect(&mut wire, &request, pace.expected).await?;
            all.set(all.get() + 1);
            if due >= count {
                latencies.borrow_mut().push(micros(due.elapsed()));
            }
        }
    };
    runtime()?.block_on(try_join_all((0..pace.connections).map(|_| connection())))?;
    let took = count.elapsed();
    if clock.join().is_err() {
        bail!("the clock stopped");
    }
    let mut latencies = latencies.into_inner();
    latencies.sort_unstable();
    let time = ProcessUsage::of("self")?.time.saturating_sub(before);
    Ok(Load { answers: latencies.len() as u64, all: all.get(), took, latencies, time })
}

async fn expect<L: Line>(line: &mut L, request: &L::Request, expected: u16) -> anyhow::Result<()> {
    let status = line.exchange(request).await?;
    if status != expected {
        bail!("answered {status} in place of {expected}: {}", line.text());
    }
    Ok(())
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")
}
