use std::fmt::Write as _;
use std::time::Duration;

use crate::memory::Measured;

/// What was measured, and what it is to be compared with.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) number: String,
    /// As a share of what, if of anything.
    pub(super) share: Option<f64>,
    pub(super) goal: Option<Goal>,
}

/// What a number is to be, and whether it is.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) text: String,
    pub(super) reached: bool,
}

impl Goal {
    pub(super) fn at_least(number: f64, goal: f64, text: String) -> Goal {
        Goal { text, reached: number >= goal }
    }

    pub(super) fn at_most(number: f64, goal: f64, text: String) -> Goal {
        Goal { text, reached: number <= goal }
    }
}

impl Report {
    /// Adds a line, and shows it at once: the whole takes minutes.
    pub(super) fn row(&mut self, row: Row) {
        anstream::eprintln!("  {}", row.cells().join("  "));
        self.rows.push(row);
    }

    /// A number that others are compared with.
    pub(super) fn reference(&mut self, what: impl Into<String>, number: String) {
        self.row(Row { what: what.into(), number, share: None, goal: None });
    }

    /// Adds a sentence below the table.
    pub(super) fn note(&mut self, note: String) {
        anstream::eprintln!("  {note}");
        self.notes.push(note);
    }

    pub(super) fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.goal.as_ref().is_some_and(|goal| !goal.reached)).count()
    }

    /// The table for people, or as Markdown.
    pub(super) fn text(&self, markdown: bool) -> String {
        let head = ["what", "number", "share", "goal", "reached"].map(ToOwned::to_owned);
        let lines: Vec<_> = std::iter::once(head).chain(self.rows.iter().map(Row::cells)).collect();
        let mut text = String::new();
        for (number, cells) in lines.iter().enumerate() {
            if markdown {
                let _ = writeln!(text, "| {} |", cells.join(" | "));
                if number == 0 {
                    text.push_str("|---|---|---|---|---|\n");
                }
                continue;
            }
            for (place, cell) in cells.iter().enumerate() {
                let width = lines.iter().map(|cells| cells[place].chars().count()).max().unwrap_or(0);
                let _ = write!(text, "{cell:<width$}  ");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        for note in &self.notes {
            let _ = write!(text, "\n{}{note}\n", if markdown { "- " } else { "" });
        }
        text
    }
}

impl Row {
    /// A number of bytes with its budget.
    pub(super) fn of(measured: Measured) -> Self {
        let Measured { what, bytes, budget } = measured;
        let text = |bytes: u64| if bytes < 10_240 { format!("{bytes} bytes") } else { mebibytes(bytes) };
        let goal = Goal::at_most(bytes as f64, budget as f64, text(budget));
        Self { what, number: text(bytes), share: None, goal: Some(goal) }
    }

    fn cells(&self) -> [String; 5] {
        let (goal, reached) = match &self.goal {
            Some(goal) => (goal.text.clone(), if goal.reached { "yes" } else { "NO" }),
            None => (String::new(), ""),
        };
        let share = self.share.map(percent).unwrap_or_default();
        [self.what.clone(), self.number.clone(), share, goal, reached.to_owned()]
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

pub(super) fn per_second(rate: f64) -> String {
    format!("{rate:.0}/s")
}

pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The one in the middle.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}
