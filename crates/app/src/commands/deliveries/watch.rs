use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use jiff::Timestamp;
use reqwest::Response;
use tokio::time::Instant;
use trigger_providers::own_event_names;
use trigger_runtime::{Backoff, ExpiringMap};
use trigger_server::wire::{Delivery, DeliveryQuery, State};

use super::pages::deliveries;
use super::rows;
use crate::admin_client::{Client, Format, Notation, Table};
use crate::sanitize::escape_lines_for_terminal;

/// The delays before reconnects.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(10) };
/// A delivery may appear this long after one that was received later.
const MAX_DISORDER: Duration = Duration::from_secs(15);
/// The number of deliveries to fetch after a reconnect.
const CATCH_UP_LIMIT: usize = 500;
/// The number of deliveries whose last printed state is remembered.
const REMEMBERED: usize = 10_000;
/// How long that is remembered. A delivery settles, or fails, within a day.
const REMEMBERED_FOR: Duration = Duration::from_hours(24);

/// Prints the list and then each change. Reconnects when the connection breaks. Prints `nothing_found` to standard
/// error if the list is empty.
pub(super) async fn run(
    client: &Client,
    query: DeliveryQuery,
    limit: usize,
    format: &Format,
    nothing_found: &str,
) -> anyhow::Result<ExitCode> {
    // The stream is opened before the list is read, so that no change between them is lost.
    let mut stream = Stream::open(client).await?;
    let mut first = deliveries(client, query.clone(), limit).await?.items;
    first.reverse();
    if first.is_empty() {
        anstream::eprintln!("{} Waiting for new ones.", escape_lines_for_terminal(nothing_found));
    }
    let mut printer = Printer::begin(format, &first);
    for item in first {
        printer.show(&item)?;
    }
    let mut failures = 0;
    loop {
        while let Ok(Some(item)) = stream.next().await {
            failures = 0;
            if matches(&query, &item) {
                printer.show(&item)?;
            }
        }
        failures += 1;
        tokio::time::sleep(BACKOFF.pause(failures)).await;
        match reconnect(client, &query, printer.newest).await {
            Ok((open, missed)) => {
                stream = open;
                for item in missed {
                    printer.show(&item)?;
                }
            }
            Err(error) => anstream::eprintln!("{error}; reconnecting"),
        }
    }
}

/// A new stream, and the deliveries that may have changed before it, oldest first.
async fn reconnect(
    client: &Client,
    query: &DeliveryQuery,
    newest: Timestamp,
) -> anyhow::Result<(Stream, Vec<Delivery>)> {
    let stream = Stream::open(client).await?;
    let since = newest.checked_sub(MAX_DISORDER).unwrap_or(newest).max(query.since.unwrap_or(Timestamp::MIN));
    let query = DeliveryQuery { since: Some(since), ..query.clone() };
    let mut missed = deliveries(client, query, CATCH_UP_LIMIT).await?.items;
    missed.reverse();
    Ok((stream, missed))
}

fn matches(query: &DeliveryQuery, item: &Delivery) -> bool {
    let DeliveryQuery { repository, event, state, since, until, limit: _, after: _ } = query;
    repository.as_ref().is_none_or(|wanted| item.repository.as_ref() == Some(wanted))
        && event.as_ref().is_none_or(|wanted| own_event_names(wanted).contains(&item.event))
        && state.is_none_or(|wanted| item.state == wanted)
        && since.is_none_or(|since| item.received_at >= since)
        && until.is_none_or(|until| item.received_at < until)
}

/// Prints each state of a delivery once.
struct Printer<'a> {
    format: &'a Format,
    table: Option<Table>,
    shown: ExpiringMap<String, (State, u32)>,
    newest: Timestamp,
}

impl<'a> Printer<'a> {
    fn begin(format: &'a Format, first: &[Delivery]) -> Self {
        let table = match format {
            Format::Notation(_) => None,
            Format::Table(width) => {
                let rows: Vec<_> = first.iter().map(|item| rows::delivery(item, *width)).collect();
                Some(Table::begin(rows::delivery_columns(*width), &rows))
            }
        };
        Self { format, table, shown: ExpiringMap::new(REMEMBERED), newest: Timestamp::now() }
    }

    fn show(&mut self, item: &Delivery) -> anyhow::Result<()> {
        self.newest = self.newest.max(item.received_at);
        let current = (item.state, item.attempts);
        let now = Instant::now();
        if self.shown.get(&item.id, now) == Some(current) {
            return Ok(());
        }
        self.shown.insert(item.id.clone(), current, REMEMBERED_FOR, now);
        match (self.format, &self.table) {
            (Format::Notation(Notation::Json), _) => println!("{}", serde_json::to_string(item)?),
            (Format::Notation(notation), _) => println!("---\n{}", notation.write(item)?),
            (Format::Table(width), Some(table)) => table.print(rows::delivery(item, *width)),
            (Format::Table(_), None) => {}
        }
        Ok(())
    }
}

/// The deliveries of a stream of Server-Sent Events.
struct Stream {
    response: Response,
    text: Vec<u8>,
}

impl Stream {
    async fn open(client: &Client) -> anyhow::Result<Self> {
        Ok(Self { response: client.stream("/stream").await?, text: Vec::new() })
    }

    /// The next delivery; `None` at the end of the stream.
    async fn next(&mut self) -> anyhow::Result<Option<Delivery>> {
        loop {
            while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.text.drain(..end + 2).collect();
                if let Some(item) = delivery(&event) {
                    return Ok(Some(item));
                }
            }
            match self.response.chunk().await? {
                Some(chunk) => self.text.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// The delivery in an event of type `delivery`.
fn delivery(event: &[u8]) -> Option<Delivery> {
    let text = std::str::from_utf8(event).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    if field("event:") != Some("delivery") {
        return None;
    }
    serde_json::from_str(field("data:")?).ok()
}
