use anstream::println;
use owo_colors::OwoColorize;

use crate::sanitize::escape_for_terminal;

/// The choice of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Usual,
    Wide,
}

/// Columns of text, as wide as their widest cell. Rows that are printed later keep these widths.
pub(crate) struct Table {
    widths: Vec<usize>,
}

/// A column: its title and its minimum width, so that later rows of a watch fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    at_least: usize,
}

/// A cell: its text and its colour.
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

/// The text of an empty cell.
const EMPTY: &str = "-";

impl Table {
    /// A table with columns that fit `rows`. Prints the titles.
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

    /// Prints a whole table.
    pub(crate) fn print_all(columns: &[Column], rows: Vec<Vec<Cell>>) {
        let table = Self::begin(columns, &rows);
        for row in rows {
            table.print(row);
        }
    }

    /// Prints a row. The last cell is not padded.
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
    /// A column as wide as its cells.
    pub(crate) const fn of(title: &'static str) -> Self {
        Self { title, at_least: 0 }
    }

    /// A column with a minimum width.
    pub(crate) const fn at_least(title: &'static str, at_least: usize) -> Self {
        Self { title, at_least }
    }
}

impl Cell {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: escape(text), colour: Colour::Plain }
    }

    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { text: escape(text), colour: Colour::Good }
    }

    pub(crate) fn waiting(text: impl Into<String>) -> Self {
        Self { text: escape(text), colour: Colour::Waiting }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { text: escape(text), colour: Colour::Bad }
    }

    pub(crate) fn faint(text: impl Into<String>) -> Self {
        Self { text: escape(text), colour: Colour::Faint }
    }

    /// The text, or a dash if there is none.
    pub(crate) fn or_dash(text: Option<impl Into<String>>) -> Self {
        let text = text.map(Into::into).filter(|text: &String| !text.is_empty());
        Self::plain(text.unwrap_or_else(|| EMPTY.to_owned()))
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

/// Escapes the text, so that a cell stays on one line.
fn escape(text: impl Into<String>) -> String {
    escape_for_terminal(&text.into()).into_owned()
}
