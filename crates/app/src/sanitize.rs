//! Escapes untrusted text before it is shown: names of rules and branches, messages of registries and of the API
//! server. Untrusted text must not move the cursor, begin a new line, or look different from what it is.

use std::borrow::Cow;
use std::io::{self, Write};

/// Escapes control characters, line breaks and invisible characters.
pub(crate) fn escape_for_terminal(text: &str) -> Cow<'_, str> {
    escape_with(text, |c| is_unsafe(c).then(|| c.escape_default().to_string()))
}

/// The same for a text of several lines: line breaks stay.
pub(crate) fn escape_lines_for_terminal(text: &str) -> Cow<'_, str> {
    escape_with(text, |c| (c != '\n' && is_unsafe(c)).then(|| c.escape_default().to_string()))
}

/// Whether a character is a control character or only changes how others are displayed: direction marks (which
/// reorder text), line separators, and characters without a width.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn escape_with(text: &str, escape: impl Fn(char) -> Option<String>) -> Cow<'_, str> {
    if !text.contains(|c| escape(c).is_some()) {
        return text.into();
    }
    text.chars().map(|c| escape(c).unwrap_or_else(|| c.to_string())).collect::<String>().into()
}

/// The length of the colour sequence at the start of `text`, if log lines use it: red to magenta, bold, dimmed,
/// italic, and reset.
fn colour_length(text: &str) -> Option<usize> {
    let (codes, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let known = |code| matches!(code, "0" | "1" | "2" | "3" | "31" | "32" | "33" | "34" | "35");
    codes.split(';').all(known).then(|| codes.len() + "\u{1b}[m".len())
}

/// Writes log lines, one per call, and keeps each of them on one line.
pub(crate) struct LogLines<W> {
    out: W,
    format: LineFormat,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineFormat {
    /// Text for people. Colour sequences in untrusted text can only imitate those of log lines.
    Text {
        /// Whether log lines have colours.
        coloured: bool,
    },
    /// JSON, where unsafe characters occur only inside strings.
    Json,
}

impl<W> LogLines<W> {
    pub(crate) fn new(out: W, format: LineFormat) -> Self {
        Self { out, format }
    }

    fn escape(&self, c: char) -> Option<String> {
        is_unsafe(c).then(|| match self.format {
            LineFormat::Text { .. } => c.escape_default().to_string(),
            LineFormat::Json => {
                let mut units = [0; 2];
                let units: Vec<_> =
                    c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
                units.concat()
            }
        })
    }

    /// A line without its line break, escaped.
    fn line<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.format != (LineFormat::Text { coloured: true }) {
            return escape_with(text, |c| self.escape(c));
        }
        let mut line = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(place) = rest.find('\u{1b}') {
            let (before, from) = rest.split_at(place);
            line.push_str(&escape_with(before, |c| self.escape(c)));
            let (kept, after) = from.split_at(colour_length(from).unwrap_or(1));
            if kept.len() > 1 {
                line.push_str(kept);
            } else {
                line.push_str(&escape_with(kept, |c| self.escape(c)));
            }
            rest = after;
        }
        line.push_str(&escape_with(rest, |c| self.escape(c)));
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

    /// A hostile name.
    const HOSTILE: &str = "main\u{1b}[2J\n2026 ERROR forged \u{9b}31m\r\u{202e}niam\u{200b}";

    #[test]
    fn unsafe_characters_are_escaped_and_the_rest_stays() {
        for (text, expected) in [
            ("main", "main"),
            ("größe/中文 \"quoted\" \\n", "größe/中文 \"quoted\" \\n"),
            ("a\u{1b}[31mb", "a\\u{1b}[31mb"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{7f}\u{9b}", "\\u{7f}\\u{9b}"),
            ("\u{202e}niam\u{2066}\u{2028}", "\\u{202e}niam\\u{2066}\\u{2028}"),
            ("ma\u{200b}in\u{feff}\u{e0041}", "ma\\u{200b}in\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(escape_for_terminal(text), expected);
        }
        assert_eq!(escape_lines_for_terminal("a\nb\u{1b}"), "a\nb\\u{1b}");
    }

    /// The log line with [`HOSTILE`] as a field and in the message.
    fn logged(format: LineFormat) -> String {
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
            tracing_subscriber::fmt().with_writer(move || LogLines::new(out.clone(), format)).without_time();
        let log = || info!(branch = %HOSTILE, rule = HOSTILE, message = HOSTILE, "skipped");
        match format {
            LineFormat::Json => {
                tracing::subscriber::with_default(lines.json().flatten_event(true).finish(), log);
            }
            LineFormat::Text { coloured } => {
                tracing::subscriber::with_default(lines.with_ansi(coloured).finish(), log);
            }
        }
        String::from_utf8(shared.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_log_line_stays_on_one_line_and_moves_no_cursor() {
        for format in
            [LineFormat::Text { coloured: false }, LineFormat::Text { coloured: true }, LineFormat::Json]
        {
            let line = logged(format);
            let body = line.strip_suffix('\n').unwrap();
            assert!(body.contains("forged"), "{body:?}");
            let ours = |c: char| format == LineFormat::Text { coloured: true } && c == '\u{1b}';
            assert!(!body.contains(|c| is_unsafe(c) && !ours(c)), "{body:?}");
            assert!(!body.contains("\u{1b}[2J"), "{body:?}");
            if format == LineFormat::Json {
                let value: serde_json::Value = serde_json::from_str(body).unwrap();
                assert_eq!(value["branch"], HOSTILE, "a JSON parser gets the original text");
            }
        }
    }
}
