//! The two names of an event, and whether a text means one of them.

/// The longest text that is compared with names of events. Every name is shorter.
const LONGEST_NAME: usize = 64;

/// The two names of a kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventNames {
    /// The provider's own name, as the header of a request carries it.
    pub own: &'static str,
    /// The name as rules spell it: that of [`trigger_core::GitEventKind::name`].
    pub rule: &'static str,
}

impl EventNames {
    /// Whether `text` is one of the names, without regard to case, separators and the word `hook` at the end.
    pub(crate) fn is_meant_by(self, text: &str) -> bool {
        let text = letters(text);
        text == letters(self.rule) || text == letters(self.own)
    }
}

/// The letters of a name in lower case, without the word `hook` at the end.
fn letters(name: &str) -> String {
    let letters: String = name
        .chars()
        .take(LONGEST_NAME)
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    match letters.strip_suffix("hook") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => letters,
    }
}
