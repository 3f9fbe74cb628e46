use anstream::println;
use owo_colors::OwoColorize;

use crate::sanitize::plain;

/// How many columns are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Usual,
    Wide,
}

/// Columns of text, as wide as their widest cell. What comes later is as wide as that.
pub(crate) struct Table {
    widths: Vec<usize>,
}

/// A column: its title, and how wide it is at least. In a list that goes on, what comes later should fit too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    at_least: usize,
}

/// A cell: its text, and how it is coloured.
pub(crate) struct Cell {
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

/// What stands where there is nothing to say.
const NOTHING: &str = "-";

impl Table {
    /// A table for these rows; prints its titles.
    pub(crate) fn begin(columns: &[Column], rows: &[Vec<Cell>]) -> Self {
        let mut widths: Vec<_> =
            columns.iter().map(|column| column.at_least.max(column.title.len())).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let table = Self { widths };
        table.print(columns.iter().map(|column| Cell::plain(column.title)).collect());
        table
    }

    /// Prints a table whose rows are all there.
    pub(crate) fn print_all(columns: &[Column], rows: Vec<Vec<Cell>>) {
        let table = Self::begin(columns, &rows);
        for row in rows {
            table.print(row);
        }
    }

    /// Prints a row. The last cell is as long as it is.
    pub(crate) fn print(&self, row: Vec<Cell>) {
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

impl Column {
    /// A column that is as wide as what is in it.
    pub(crate) const fn of(title: &'static str) -> Self {
        Self { title, at_least: 0 }
    }

    /// A column that is at least so wide.
    pub(crate) const fn at_least(title: &'static str, at_least: usize) -> Self {
        Self { title, at_least }
    }
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: shown(text), colour: Colour::Plain }
    }

    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { text: shown(text), colour: Colour::Good }
    }

    pub(crate) fn waiting(text: impl Into<String>) -> Self {
        Self { text: shown(text), colour: Colour::Waiting }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { text: shown(text), colour: Colour::Bad }
    }

    pub(crate) fn faint(text: impl Into<String>) -> Self {
        Self { text: shown(text), colour: Colour::Faint }
    }

    /// The text, or a dash if there is none.
    pub(crate) fn or_dash(text: Option<impl Into<String>>) -> Self {
        let text = text.map(Into::into).filter(|text: &String| !text.is_empty());
        Self::plain(text.unwrap_or_else(|| NOTHING.to_owned()))
    }

    pub(crate) fn coloured(&self) -> String {
        match self.colour {
            Colour::Plain => self.text.clone(),
            Colour::Good => self.text.green().to_string(),
            Colour::Waiting => self.text.yellow().to_string(),
            Colour::Bad => self.text.red().to_string(),
            Colour::Faint => self.text.dimmed().to_string(),
        }
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A cell is part of one line, whatever is written in it.
fn shown(text: impl Into<String>) -> String {
    plain(&text.into()).into_owned()
}
