//! Text that others have written, shown to people: names of rules and branches, words of registries and of
//! the API server. None of it may move the cursor, begin a line of its own, or look like what it is not.

use std::borrow::Cow;
use std::io::{self, Write};

/// The text with every character escaped that a terminal would act on, that ends a line, or that is not seen.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_odd(c).then(|| c.escape_default().to_string()))
}

/// The same for a text of several lines.
pub(crate) fn plain_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| (c != '\n' && is_odd(c)).then(|| c.escape_default().to_string()))
}

/// Whether a character is a control, or one of those that only say how others are to be shown: marks of
/// direction (with which a text reads otherwise than it is), separators of lines, and what has no width.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escaped(text: &str, escape: impl Fn(char) -> Option<String>) -> Cow<'_, str> {
    if !text.contains(|c| escape(c).is_some()) {
        return text.into();
    }
    text.chars().map(|c| escape(c).unwrap_or_else(|| c.to_string())).collect::<String>().into()
}

/// How long the colour is that `text` begins with, if it is one of those that log lines are written with: red to
/// magenta, bold, dimmed and italic, and their end.
fn colour(text: &str) -> Option<usize> {
    let (codes, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let known = |code| matches!(code, "0" | "1" | "2" | "3" | "31" | "32" | "33" | "34" | "35");
    codes.split(';').all(known).then(|| codes.len() + "\u{1b}[m".len())
}

/// Writes log lines, one to a call, as those who log do. Whatever is in one stays on its line.
pub(crate) struct LogLines<W> {
    out: W,
    written: Written,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// For people, with colours or without. Those of others look like ours, and do no more.
    Text {
        /// Whether there are colours.
        coloured: bool,
    },
    /// As JSON, where odd characters can only stand in texts.
    Json,
}

impl<W> LogLines<W> {
    pub(crate) fn new(out: W, written: Written) -> Self {
        Self { out, written }
    }

    fn escape(&self, c: char) -> Option<String> {
        is_odd(c).then(|| match self.written {
            Written::Text { .. } => c.escape_default().to_string(),
            Written::Json => {
                let mut units = [0; 2];
                let units: Vec<_> =
                    c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
                units.concat()
            }
        })
    }

    /// A line without its end, fit to be written.
    fn line<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.written != (Written::Text { coloured: true }) {
            return escaped(text, |c| self.escape(c));
        }
        let mut line = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(place) = rest.find('\u{1b}') {
            let (before, from) = rest.split_at(place);
            line.push_str(&escaped(before, |c| self.escape(c)));
            let (kept, after) = from.split_at(colour(from).unwrap_or(1));
            if kept.len() > 1 {
                line.push_str(kept);
            } else {
                line.push_str(&escaped(kept, |c| self.escape(c)));
            }
            rest = after;
        }
        line.push_str(&escaped(rest, |c| self.escape(c)));
        line.into()
    }
}

impl<W: Write> Write for LogLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = text.strip_suffix('\n').map_or((text.as_ref(), ""), |text| (text, "\n"));
        let whole = format!("{}{end}", self.line(text));
        self.out.write_all(whole.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::info;

    use super::*;

    /// What somebody could put into a name.
    const ODD: &str = "main\u{1b}[2J\n2026 ERROR forged \u{9b}31m\r\u{202e}niam\u{200b}";

    #[test]
    fn what_is_odd_is_escaped_and_the_rest_stays() {
        for (text, expected) in [
            ("main", "main"),
            ("größe/中文 \"quoted\" \\n", "größe/中文 \"quoted\" \\n"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{7f}\u{9b}", "\\u{7f}\\u{9b}"),
            ("\u{202e}niam\u{2066}\u{2028}", "\\u{202e}niam\\u{2066}\\u{2028}"),
            ("ma\u{200b}in\u{feff}\u{e0041}", "ma\\u{200b}in\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(plain(text), expected);
        }
        assert_eq!(plain_lines("a\nb\u{1b}"), "a\nb\\u{1b}");
    }

    /// What is logged of [`ODD`], as a field and in the message.
    fn logged(written: Written) -> String {
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let shared = Shared::default();
        let out = shared.clone();
        let lines =
            tracing_subscriber::fmt().with_writer(move || LogLines::new(out.clone(), written)).without_time();
        let speak = || info!(branch = %ODD, rule = ODD, message = ODD, "skipped");
        match written {
            Written::Json => {
                tracing::subscriber::with_default(lines.json().flatten_event(true).finish(), speak);
            }
            Written::Text { coloured } => {
                tracing::subscriber::with_default(lines.with_ansi(coloured).finish(), speak);
            }
        }
        String::from_utf8(shared.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn what_is_logged_stays_on_its_line_and_moves_no_cursor() {
        for written in [Written::Text { coloured: false }, Written::Text { coloured: true }, Written::Json] {
            let line = logged(written);
            let body = line.strip_suffix('\n').unwrap();
            assert!(body.contains("forged"), "{body:?}");
            let ours = |c: char| written == Written::Text { coloured: true } && c == '\u{1b}';
            assert!(!body.contains(|c| is_odd(c) && !ours(c)), "{body:?}");
            assert!(!body.contains("\u{1b}[2J"), "{body:?}");
            if written == Written::Json {
                let value: serde_json::Value = serde_json::from_str(body).unwrap();
                assert_eq!(value["branch"], ODD, "a machine reads what was written");
            }
        }
    }
}
