use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use anstream::println;
use jiff::Timestamp;
use reqwest::Response;
use trigger_server::wire::{Delivery, DeliveryQuery, State};

use super::pages::deliveries;
use super::rows;
use crate::admin_client::{Client, Format, Notation, Table};

/// The delay before a reconnect: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A delivery may appear this long after one that was received later.
const MAX_DISORDER: Duration = Duration::from_secs(15);
/// The number of deliveries to fetch after a reconnect.
const CATCH_UP_LIMIT: usize = 500;
/// The number of deliveries whose last printed state is remembered.
const REMEMBERED: usize = 10_000;

/// Prints the list and then each change. Reconnects when the connection breaks.
pub(super) async fn run(
    client: &Client,
    query: DeliveryQuery,
    limit: usize,
    format: &Format,
) -> anyhow::Result<ExitCode> {
    // The stream is opened before the list is read, so that no change between them is lost.
    let mut stream = Stream::open(client).await?;
    let mut first = deliveries(client, query.clone(), limit).await?.items;
    first.reverse();
    let mut printer = Printer::begin(format, &first);
    for item in first {
        printer.show(&item)?;
    }
    let mut wait = FIRST_WAIT;
    loop {
        while let Ok(Some(item)) = stream.next().await {
            wait = FIRST_WAIT;
            if matches(&query, &item) {
                printer.show(&item)?;
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
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
        && event.as_ref().is_none_or(|wanted| item.event == *wanted)
        && state.is_none_or(|wanted| item.state == wanted)
        && since.is_none_or(|since| item.received_at >= since)
        && until.is_none_or(|until| item.received_at < until)
}

/// Prints each state of a delivery once.
struct Printer<'a> {
    format: &'a Format,
    table: Option<Table>,
    shown: HashMap<String, (State, u32)>,
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
        Self { format, table, shown: HashMap::new(), newest: Timestamp::now() }
    }

    fn show(&mut self, item: &Delivery) -> anyhow::Result<()> {
        if self.shown.len() >= REMEMBERED {
            self.shown.clear();
        }
        self.newest = self.newest.max(item.received_at);
        let current = (item.state, item.attempts);
        if self.shown.insert(item.id.clone(), current) == Some(current) {
            return Ok(());
        }
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
