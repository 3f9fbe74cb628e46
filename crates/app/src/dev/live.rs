//! A line for each delivery and each rejected request, while the demo stays up.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use owo_colors::OwoColorize;
use trigger_core::DeliveryId;
use trigger_journal::{
    DecisionRecord, Journal, JournalError, OutcomeRecord, Query, Record, Rejection, State,
};
use trigger_providers::rule_event_name;

use super::wrap::paragraph;
use crate::sanitize::escape_for_terminal;

/// People notice no delay below this, and the journal is read twice each time.
const PAUSE: Duration = Duration::from_millis(250);
/// The deliveries to remember. More than a person makes in one sitting.
const MAX_KNOWN: usize = 10_000;
/// The columns of the time, below which further lines begin.
const INDENT: usize = 10;
/// The characters of an id that `deliveries show` needs.
const ID: usize = 6;

/// The deliveries and rejections that are printed already.
#[derive(Default)]
pub(super) struct Live {
    settled: HashMap<DeliveryId, State>,
    /// With the number of times.
    rejected: HashMap<(DeliveryId, String), u64>,
}

impl Live {
    /// Follows what arrives from now on.
    pub(super) async fn start(journal: &dyn Journal) -> Result<Self, JournalError> {
        let mut live = Self::default();
        for record in journal.history(Query { limit: usize::MAX, ..Query::default() }).await?.records {
            live.settled.insert(record.delivery.id.clone(), record.state);
        }
        for rejection in journal.rejections().await? {
            live.rejected.insert((rejection.delivery.clone(), rejection.reason.clone()), rejection.times);
        }
        Ok(live)
    }

    /// Prints a line for each delivery that is decided and for each request that is rejected. Does not return.
    pub(super) async fn print(mut self, journal: &dyn Journal) {
        loop {
            // The journal closes last, and a line that is missing harms nothing.
            for line in self.news(journal).await.unwrap_or_default() {
                paragraph(0, INDENT, &line);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The lines for what is new, in the order of its arrival.
    async fn news(&mut self, journal: &dyn Journal) -> Result<Vec<String>, JournalError> {
        let mut lines = Vec::new();
        for record in journal.history(Query { limit: usize::MAX, ..Query::default() }).await?.records {
            let is_decided = matches!(record.state, State::Settled | State::Failed) || record.error.is_some();
            if is_decided && self.settled.get(&record.delivery.id) != Some(&record.state) {
                lines.push((record.delivery.received_at, delivery_line(&record)));
                self.settled.insert(record.delivery.id.clone(), record.state);
            }
        }
        for rejection in journal.rejections().await? {
            let key = (rejection.delivery.clone(), rejection.reason.clone());
            if self.rejected.get(&key).is_none_or(|times| *times < rejection.times) {
                lines.push((rejection.at, rejection_line(&rejection)));
                self.rejected.insert(key, rejection.times);
            }
        }
        if self.settled.len() + self.rejected.len() > MAX_KNOWN {
            *self = Self::start(journal).await?;
        }
        lines.sort_by_key(|(at, _)| *at);
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }
}

fn delivery_line(record: &Record) -> String {
    let delivery = &record.delivery;
    let about = delivery.repository.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    let event = escape_for_terminal(rule_event_name(&delivery.event)).into_owned();
    let result = match (record.state, &record.error) {
        (State::Settled, _) => decided(record),
        (State::Failed, error) => format!("{}: {}", "failed".red(), error.as_deref().unwrap_or_default()),
        (_, error) => format!("waits: {}", error.as_deref().unwrap_or_default()),
    };
    line(delivery.received_at, &delivery.id, &format!("{event}{about}"), &result)
}

/// The runs that were started, else the reason of the rule that came nearest.
fn decided(record: &Record) -> String {
    let decisions = &record.decisions;
    let created = record.launches.iter().filter(|launch| launch.error.is_none());
    let runs: Vec<_> = created.map(|launch| launch.run.key.to_string()).collect();
    if !runs.is_empty() {
        return format!("{} {}", "started".green(), runs.join(", "));
    }
    let passed = |decision: &&DecisionRecord| decision.checks.iter().filter(|check| check.passed).count();
    // The first of equals, as the list of deliveries has it.
    let nearest = decisions.iter().rev().max_by_key(passed);
    match nearest.map(|decision| &decision.outcome) {
        Some(OutcomeRecord::Skipped { message, .. }) => {
            format!("{}: {}", "started nothing".yellow(), escape_for_terminal(message))
        }
        _ => format!("{}: no rule applies", "started nothing".yellow()),
    }
}

fn rejection_line(rejection: &Rejection) -> String {
    let event = match rejection.event.as_str() {
        "" => "request",
        event => rule_event_name(event),
    };
    let about = rejection.repository.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
    let what = format!("{}{}", escape_for_terminal(event), escape_for_terminal(&about));
    let reason = escape_for_terminal(&rejection.reason);
    let result = format!("{} with {}: {reason}", "rejected".red(), rejection.status);
    line(rejection.at, &rejection.delivery, &what, &result)
}

fn line(at: Timestamp, id: &DeliveryId, what: &str, result: &str) -> String {
    let time = at.to_zoned(TimeZone::system()).strftime("%H:%M:%S");
    let id = id.as_str().get(..ID).unwrap_or_default();
    format!("{time}  {what} ({id}) {result}")
}
