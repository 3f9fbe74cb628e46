//! Lines of the demo, for terminals of 80 columns.

use anstream::println;

use crate::wrap::{visible, wrap};

/// The columns of a line. A terminal that is opened has so many, and mails and issues show them.
const COLUMNS: usize = 80;
/// The columns before the text of an entry: two, then its label.
const INDENT: usize = 13;

/// Prints a label and a text beside it, which may have colours.
pub(super) fn entry(label: &str, text: &str) {
    let padding = " ".repeat(INDENT.saturating_sub(2 + visible(label)).max(1));
    let mut lines = wrap(text, COLUMNS - INDENT, COLUMNS - INDENT).into_iter();
    println!("  {label}{padding}{}", lines.next().unwrap_or_default());
    lines.for_each(|line| println!("{:INDENT$}{line}", ""));
}

/// Prints a text whose first line is indented by `first` columns and whose further lines are indented by `others`.
pub(super) fn paragraph(first: usize, others: usize, text: &str) {
    let mut lines = wrap(text, COLUMNS - first, COLUMNS - others).into_iter();
    println!("{:first$}{}", "", lines.next().unwrap_or_default());
    lines.for_each(|line| println!("{:others$}{line}", ""));
}
