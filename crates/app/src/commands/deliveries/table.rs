//! Deliveries and refusals, a line each.

use anstream::println;
use owo_colors::OwoColorize;
use trigger_server::wire::{Delivery, Refusal, State};

use super::moment::{age, whole_seconds};

/// How many columns are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Usual,
    Wide,
}

/// Columns of text, as wide as their widest cell. What comes later is as wide as that.
pub(super) struct Table {
    titles: Vec<&'static str>,
    widths: Vec<usize>,
}

/// A cell: its text, and how it is coloured.
pub(super) struct Cell {
    text: String,
    colour: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Plain,
    Good,
    Waiting,
    Bad,
    Faint,
}

impl Table {
    /// A table for these rows; prints its titles.
    pub(super) fn begin(titles: Vec<&'static str>, rows: &[Vec<Cell>]) -> Self {
        let mut widths: Vec<_> = titles.iter().map(|title| usual_width(title)).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let table = Self { titles, widths };
        let titles = table.titles.iter().map(|title| Cell::plain(*title)).collect();
        table.print(titles);
        table
    }

    /// Prints a row. The last cell is as long as it is.
    pub(super) fn print(&self, row: Vec<Cell>) {
        let last = row.len().saturating_sub(1);
        let mut line = String::new();
        for (place, (cell, width)) in row.into_iter().zip(&self.widths).enumerate() {
            let padding = width.saturating_sub(cell.text.chars().count());
            line.push_str(&cell.coloured());
            if place < last {
                line.extend(std::iter::repeat_n(' ', padding + 3));
            }
        }
        println!("{line}");
    }
}

/// How wide a column is at least: in a list that goes on, what comes later should fit too.
fn usual_width(title: &str) -> usize {
    match title {
        "AGE" => 4,
        "STATE" => State::Settled.name().len(),
        "EVENT" => "pull_request".len(),
        _ => title.len(),
    }
}

impl Cell {
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), colour: Colour::Plain }
    }

    fn coloured(&self) -> String {
        match self.colour {
            Colour::Plain => self.text.clone(),
            Colour::Good => self.text.green().to_string(),
            Colour::Waiting => self.text.yellow().to_string(),
            Colour::Bad => self.text.red().to_string(),
            Colour::Faint => self.text.dimmed().to_string(),
        }
    }
}

/// The titles of [`delivery`].
pub(super) fn delivery_titles(width: Width) -> Vec<&'static str> {
    match width {
        Width::Usual => vec!["AGE", "ID", "STATE", "EVENT", "ABOUT", "RESULT"],
        Width::Wide => {
            vec!["RECEIVED", "ID", "STATE", "ATTEMPTS", "SOURCE", "EVENT", "ABOUT", "REPLAY OF", "RESULT"]
        }
    }
}

/// A delivery as a row.
pub(super) fn delivery(item: &Delivery, width: Width) -> Vec<Cell> {
    let id = Cell::plain(&item.id);
    let event = Cell::plain(&item.event);
    let object = item.object.as_ref().map(ToString::to_string);
    let about = Cell::plain(item.repository.as_deref().or(object.as_deref()).unwrap_or("-"));
    match width {
        Width::Usual => {
            vec![Cell::plain(age(item.received_at)), id, state(item.state), event, about, result(item)]
        }
        Width::Wide => vec![
            Cell::plain(whole_seconds(item.received_at)),
            id,
            state(item.state),
            Cell::plain(item.attempts.to_string()),
            Cell::plain(&item.source),
            event,
            about,
            Cell::plain(item.replay_of.as_deref().unwrap_or("-")),
            result(item),
        ],
    }
}

/// The titles of [`refusal`].
pub(super) fn refusal_titles() -> Vec<&'static str> {
    vec!["AGE", "ID", "ANSWER", "TIMES", "EVENT", "REPOSITORY", "REASON"]
}

/// A refused request as a row.
pub(super) fn refusal(item: &Refusal) -> Vec<Cell> {
    let answer = Cell { text: format!("{} {}", item.status, item.answer), colour: Colour::Bad };
    let reason = match &item.reason {
        Some(reason) => Cell::plain(reason),
        None => {
            Cell { text: "partly about what you may not see; see `show`".to_owned(), colour: Colour::Faint }
        }
    };
    let or_dash = |text: &str| Cell::plain(if text.is_empty() { "-" } else { text });
    vec![
        Cell::plain(age(item.at)),
        Cell::plain(&item.id),
        answer,
        Cell::plain(item.times.to_string()),
        or_dash(&item.event),
        or_dash(item.repository.as_deref().unwrap_or_default()),
        reason,
    ]
}

/// Where a delivery stands, coloured.
pub(super) fn coloured(stands: State) -> String {
    state(stands).coloured()
}

fn state(state: State) -> Cell {
    let colour = match state {
        State::Settled => Colour::Good,
        State::Failed => Colour::Bad,
        State::Pending | State::Claimed => Colour::Waiting,
    };
    Cell { text: state.name().to_owned(), colour }
}

/// What became of a delivery, in a line.
fn result(item: &Delivery) -> Cell {
    let summary = &item.summary;
    let mut text = match (item.state, &item.fault) {
        (State::Failed, fault) => fault.clone().unwrap_or_else(|| "why is not for you to see".to_owned()),
        (State::Pending, Some(fault)) => {
            let again = item.due.map(|due| format!("; tried again in {}", age(due)));
            format!("{fault}{}", again.unwrap_or_default())
        }
        (State::Pending, None) => "waits".to_owned(),
        (State::Claimed, _) => "is being worked on".to_owned(),
        (State::Settled, _) if summary.started > 0 => {
            let counts = [
                (summary.started, "started"),
                (summary.also_matched, "matched too"),
                (summary.skipped, "skipped"),
            ];
            let counts = counts.iter().filter(|(count, _)| *count > 0);
            let counts: Vec<_> = counts.map(|(count, what)| format!("{count} {what}")).collect();
            counts.join(", ")
        }
        (State::Settled, _) => match &summary.nearest {
            Some(nearest) => nearest.clone(),
            None if item.event == "ping" => "nothing to do for a ping".to_owned(),
            None if item.hidden => "nothing".to_owned(),
            None => "no rule is for it".to_owned(),
        },
    };
    if item.hidden {
        text.push_str(" (of what you may see)");
    }
    let colour = match item.state {
        State::Settled if summary.started > 0 => Colour::Plain,
        State::Failed => Colour::Bad,
        _ => Colour::Faint,
    };
    Cell { text, colour }
}

#[cfg(test)]
mod tests {
    use trigger_server::wire::Summary;

    use super::*;

    fn item(state: State, fault: Option<&str>, summary: Summary) -> Delivery {
        Delivery {
            id: "a".to_owned(),
            source: "github".to_owned(),
            event: "push".to_owned(),
            repository: None,
            object: None,
            received_at: jiff::Timestamp::now(),
            state,
            attempts: 1,
            settled_at: None,
            due: None,
            fault: fault.map(ToOwned::to_owned),
            summary,
            replay_of: None,
            hidden: false,
        }
    }

    #[test]
    fn the_result_is_one_line() {
        let nothing = Summary::default;
        let some = Summary { started: 2, skipped: 1, ..nothing() };
        let wrong = Summary { skipped: 3, nearest: Some("the branch is dev".to_owned()), ..nothing() };
        for (state, fault, summary, expected) in [
            (State::Settled, None, some.clone(), "2 started, 1 skipped"),
            (State::Settled, None, wrong, "the branch is dev"),
            (State::Settled, None, nothing(), "no rule is for it"),
            (State::Failed, Some("quota"), some, "quota"),
            (State::Pending, Some("away"), nothing(), "away"),
            (State::Pending, None, nothing(), "waits"),
        ] {
            assert_eq!(result(&item(state, fault, summary)).text, expected);
        }
    }
}
