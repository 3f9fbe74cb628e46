use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::traffic::{Kind, Traffic};
use crate::bench::wire::Wire;

/// Enough for those that wait together for the next verification of a repository under attack.
const CONNECTIONS: usize = 128;

/// Sends requests at fixed intervals, whether earlier ones are answered or not.
pub(super) struct Senders;

/// What was sent, and what came back.
#[derive(Debug, Default)]
pub(super) struct Sent {
    answers: BTreeMap<Kind, Answers>,
    /// Acknowledged deliveries, and whether they start a run.
    pub(super) acknowledged: Vec<(String, bool)>,
    /// The first answer that was not to be expected.
    unexpected: Option<String>,
}

/// The answers to requests of one kind.
#[derive(Debug, Default)]
struct Answers {
    right: u64,
    /// Asked to come again: 429 or 503 with `Retry-After`.
    later: u64,
    /// The connection ended before the answer.
    cut: u64,
    other: u64,
    /// In milliseconds from when a request was due.
    latencies: Vec<u32>,
}

impl Senders {
    pub(super) async fn run(
        address: &str,
        per_second: u32,
        time: Duration,
        traffic: Arc<Traffic>,
    ) -> anyhow::Result<Sent> {
        let (due, waiting) = mpsc::unbounded_channel();
        // A thread that sleeps is more punctual than the runtime's timer.
        let clock = std::thread::spawn(move || {
            let begin = Instant::now();
            let interval = Duration::from_secs(1) / per_second;
            let mut next = begin;
            let mut number = 0_u64;
            while next < begin + time && due.send((next, number)).is_ok() {
                next += interval;
                number += 1;
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        let sent = Arc::new(Mutex::new(Sent::default()));
        let mut senders = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (waiting, sent, traffic) = (Arc::clone(&waiting), Arc::clone(&sent), Arc::clone(&traffic));
            let address = address.to_owned();
            senders.spawn(async move {
                let mut wire = None;
                let mut request = Vec::new();
                loop {
                    let Some((due, number)) = waiting.lock().await.recv().await else { break };
                    let kind = traffic.write(number, &mut request);
                    let answer = exchange(&mut wire, &address, &request).await;
                    let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                    sent.note(kind, answer, due.elapsed());
                }
            });
        }
        senders.join_all().await;
        let _ = clock.join();
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *sent))
    }
}

/// The status and the text of the answer.
async fn exchange(wire: &mut Option<Wire>, address: &str, request: &[u8]) -> anyhow::Result<(u16, String)> {
    let mut open = match wire.take() {
        Some(open) => open,
        None => Wire::connect(address).await?,
    };
    let status = open.exchange(request).await?;
    let text = open.text();
    // The server ends a connection whose request it did not read to the end.
    if !text.to_ascii_lowercase().contains("connection: close") {
        *wire = Some(open);
    }
    Ok((status, text))
}

impl Sent {
    fn note(&mut self, kind: Kind, answer: anyhow::Result<(u16, String)>, took: Duration) {
        let answers = self.answers.entry(kind).or_default();
        answers.latencies.push(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
        match answer {
            Ok((status, text)) if status == kind.expected() => {
                answers.right += 1;
                if status == 202
                    && let Some(id) = delivery(&text)
                {
                    self.acknowledged.push((id, kind == Kind::Fires));
                }
            }
            Ok((429 | 503, text)) if text.to_ascii_lowercase().contains("retry-after:") => answers.later += 1,
            // Who is told that a body is too long may still be sending it.
            Err(_) if kind == Kind::Oversized => answers.cut += 1,
            Ok((status, text)) => {
                answers.other += 1;
                self.unexpected.get_or_insert_with(|| format!("{}: {status}: {text}", kind.name()));
            }
            Err(error) => {
                answers.other += 1;
                self.unexpected.get_or_insert_with(|| format!("{}: {error:#}", kind.name()));
            }
        }
    }

    pub(super) fn unexpected(&self) -> Option<&str> {
        self.unexpected.as_deref()
    }
}

/// The id in the body of an answer.
fn delivery(text: &str) -> Option<String> {
    let (_, body) = text.split_once("\r\n\r\n")?;
    let body: Value = serde_json::from_str(body).ok()?;
    body["delivery"].as_str().map(ToOwned::to_owned)
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28} {:>9} {:>6} {:>6} {:>6} {:>9} {:>9}",
            "sent", "answered", "later", "cut", "other", "p50", "p99"
        )?;
        for kind in Kind::ALL {
            let Some(answers) = self.answers.get(&kind) else { continue };
            let mut latencies = answers.latencies.clone();
            latencies.sort_unstable();
            let at =
                |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
            let what = format!("{} ({})", kind.name(), kind.expected());
            let Answers { right, later, cut, other, .. } = answers;
            writeln!(
                f,
                "{what:<32} {right:>5} {later:>6} {cut:>6} {other:>6} {:>6} ms {:>6} ms",
                at(50),
                at(99)
            )?;
        }
        if let Some(unexpected) = &self.unexpected {
            writeln!(f, "the first that was not to be expected: {unexpected}")?;
        }
        Ok(())
    }
}
