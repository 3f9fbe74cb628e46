//! Foreign text in messages and decisions. It is shortened: an object may hold a megabyte of it.

use crate::limits::{LONGEST_CHECK, LONGEST_DETAIL, LONGEST_QUOTE};

/// Stands for the part that was cut off.
const CUT: &str = "…";

/// The text, cut to at most `most` bytes.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most.saturating_sub(CUT.len())));
        text.push_str(CUT);
        text.shrink_to_fit();
    }
    text
}

/// The text in backticks, for a message: cut, and with control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    let short = cut(text[..text.floor_char_boundary(LONGEST_QUOTE + CUT.len())].to_owned(), LONGEST_QUOTE);
    let mut quote = String::with_capacity(short.len() + 2);
    quote.push('`');
    for character in short.chars() {
        if character.is_control() {
            quote.extend(character.escape_default());
        } else {
            quote.push(character);
        }
    }
    quote.push('`');
    quote
}

/// The items of a check's value, comma-separated. Further ones are left out when it becomes too long, each as a whole.
pub(crate) fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    join(items, ", ", LONGEST_CHECK)
}

/// The items of a run's annotation, comma-separated, with the further ones left out.
pub(crate) fn detail<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    join(items, ",", LONGEST_DETAIL)
}

fn join<'a>(items: impl IntoIterator<Item = &'a str>, separator: &str, most: usize) -> String {
    let mut joined = String::new();
    for (place, item) in items.into_iter().enumerate() {
        if place == 0 {
            joined.push_str(&item[..item.floor_char_boundary(most)]);
            continue;
        }
        joined.push_str(separator);
        if joined.len() + item.len() + separator.len() + CUT.len() > most {
            joined.push_str(CUT);
            break;
        }
        joined.push_str(item);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("short".to_owned(), 5), "short");
        assert_eq!(cut("longer".to_owned(), 5), "lo…");
        assert_eq!(cut("ééé".to_owned(), 5), "é…");
        for length in 0..2000 {
            assert!(cut("é".repeat(length), 320).len() <= 320);
        }
    }

    #[test]
    fn a_quote_is_short_and_printable() {
        assert_eq!(quoted("a b"), "`a b`");
        assert_eq!(quoted("hook\n"), "`hook\\n`");
        let quote = quoted(&"x".repeat(70_000));
        assert!(quote.len() <= LONGEST_QUOTE + 2 && quote.ends_with("…`"), "{quote}");
    }

    #[test]
    fn a_list_leaves_out_whole_items() {
        assert_eq!(list(["main", "dev"]), "main, dev");
        assert_eq!(list([]), "");
        let names: Vec<_> = (0..1000).map(|number| format!("team-{number}/hook")).collect();
        let found = list(names.iter().map(String::as_str));
        assert!(found.len() <= LONGEST_CHECK, "{}", found.len());
        let items: Vec<_> = found.split(", ").collect();
        let (last, whole) = items.split_last().unwrap();
        assert_eq!(*last, "…");
        assert!(whole.iter().all(|item| names.iter().any(|name| name == item)), "{found}");
        assert!(detail([&*"x".repeat(5000)]).len() <= LONGEST_DETAIL);
    }
}
