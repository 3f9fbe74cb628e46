//! Lines for people, broken between words at the width of the terminal.

use std::io::IsTerminal;
use std::sync::LazyLock;

use anstream::println;

/// The columns of a terminal that does not say how many it has.
const USUAL_COLUMNS: usize = 80;
/// The columns beside the indentation below which lines are not broken.
const NARROWEST: usize = 10;

/// The columns of the terminal on standard output. `None` if it is no terminal: lines that another program reads stay
/// whole, so that `grep` finds them.
static COLUMNS: LazyLock<Option<usize>> = LazyLock::new(|| {
    let output = std::io::stdout();
    if !output.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(output).ok();
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    Some(columns.unwrap_or(USUAL_COLUMNS))
});

/// Prints a text, which may have colours. Its first line is indented by `first` columns; on a terminal, further lines by
/// `others`.
pub(crate) fn print(first: usize, others: usize, text: &str) {
    for line in lines(*COLUMNS, first, others, text) {
        println!("{line}");
    }
}

fn lines(columns: Option<usize>, first: usize, others: usize, text: &str) -> Vec<String> {
    let columns = columns.filter(|columns| *columns >= first.max(others) + NARROWEST);
    let broken = match columns {
        Some(columns) => wrap(text, columns - first, columns - others),
        None => vec![text.to_owned()],
    };
    let indents = std::iter::once(first).chain(std::iter::repeat(others));
    indents.zip(broken).map(|(indent, line)| format!("{:indent$}{line}", "")).collect()
}

/// Breaks a text between words into lines of so many columns. A longer word has a line of its own.
pub(crate) fn wrap(text: &str, first: usize, others: usize) -> Vec<String> {
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
pub(crate) fn visible(text: &str) -> usize {
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

    #[test]
    fn a_line_breaks_at_the_width_of_the_terminal_and_stays_whole_elsewhere() {
        let text = "fires \"push\": every condition of the rule holds";
        assert_eq!(lines(None, 2, 10, text), [format!("  {text}")], "for grep");
        let narrow = lines(Some(24), 2, 10, text);
        assert_eq!(narrow, ["  fires \"push\": every", "          condition of", "          the rule holds"]);
        assert!(narrow.iter().all(|line| line.len() <= 24), "{narrow:?}");
        assert_eq!(lines(Some(1000), 2, 10, text), [format!("  {text}")]);
        // No room beside the indentation: a line of its own for every word would be no help.
        assert_eq!(lines(Some(12), 2, 10, text), [format!("  {text}")]);
    }
}
