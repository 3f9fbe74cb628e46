//! Lines of the demo, for terminals of 80 columns.

use anstream::println;

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

/// Breaks a text between words into lines of so many columns. A longer word has a line of its own.
fn wrap(text: &str, first: usize, others: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let columns = if lines.is_empty() { first } else { others };
        if !line.is_empty() && visible(&line) + 1 + visible(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// The characters of a text that take a column: those outside of colour sequences.
fn visible(text: &str) -> usize {
    let mut rest = text;
    let mut count = 0;
    while let Some((before, colour)) = rest.split_once('\u{1b}') {
        count += before.chars().count();
        rest = colour.split_once('m').map_or("", |(_, after)| after);
    }
    count + rest.chars().count()
}

#[cfg(test)]
mod tests {
    use owo_colors::OwoColorize as _;

    use super::*;

    #[test]
    fn lines_break_between_words_and_colours_take_no_columns() {
        let green = "bb".green().to_string();
        for (text, lines) in [
            ("", vec![""]),
            ("aa bb cc", vec!["aa bb", "cc"]),
            ("aaaaaaaaa b", vec!["aaaaaaaaa", "b"]),
            ("ää öö üü", vec!["ää öö", "üü"]),
            (&*format!("aa {green} cc"), vec![&*format!("aa {green}"), "cc"]),
        ] {
            assert_eq!(wrap(text, 5, 5), lines, "{text}");
        }
        assert_eq!(wrap("aa bb cc dd", 8, 5), ["aa bb cc", "dd"]);
    }
}
