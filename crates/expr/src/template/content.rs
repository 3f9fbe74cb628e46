//! The content of a JSON string, without the quotes around it.

use std::iter::Peekable;
use std::str::Chars;

/// Which characters may stand in the content as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grammar {
    /// Those of JSON.
    Strict,
    /// Control characters, too: people write line ends into values.
    WithControls,
}

/// The string that the content stands for. `None` if it is not in the grammar.
///
/// A half of a surrogate pair becomes U+FFFD, as in Go.
pub(super) fn decode(content: &str, grammar: Grammar) -> Option<String> {
    let mut text = String::with_capacity(content.len());
    let mut letters = content.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return None,
            '\0'..='\u{1f}' if grammar == Grammar::Strict => return None,
            '\\' => text.push(escape(&mut letters)?),
            letter => text.push(letter),
        }
    }
    Some(text)
}

/// Whether a quote stands in the content that no backslash belongs to.
pub(super) fn has_bare_quote(content: &str) -> bool {
    let mut letters = content.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return true,
            '\\' => {
                letters.next();
            }
            _ => {}
        }
    }
    false
}

/// Reads what follows a backslash.
fn escape(letters: &mut Peekable<Chars<'_>>) -> Option<char> {
    Some(match letters.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        letter @ ('"' | '\\' | '/') => letter,
        'u' => {
            let high = unit(letters)?;
            if !(0xd800..0xdc00).contains(&high) {
                return Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            let mut ahead = letters.clone();
            let low = (ahead.next() == Some('\\') && ahead.next() == Some('u')).then(|| unit(&mut ahead));
            match low.flatten() {
                Some(low @ 0xdc00..0xe000) => {
                    *letters = ahead;
                    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
                }
                _ => char::REPLACEMENT_CHARACTER,
            }
        }
        _ => return None,
    })
}

fn unit(letters: &mut Peekable<Chars<'_>>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit * 16 + letters.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn content_is_decoded_as_in_go() {
        for (content, expected) in [
            ("plain é", Some("plain é")),
            (r#"\"\\\/\b\f\n\r\t"#, Some("\"\\/\u{8}\u{c}\n\r\t")),
            (r"\u0041\u00e9\ud83d\ude00", Some("Aé😀")),
            (r"\ud83d!", Some("\u{fffd}!")),
            (r"\ud83d\u0041", Some("\u{fffd}A")),
            (r"\ude00", Some("\u{fffd}")),
            (r"C:\temp", Some("C:\temp")),
            (r"C:\dir", None),
            ("a\"b", None),
            ("a\nb", None),
            ("a\\", None),
            (r"\u00g0", None),
            (r"\u00", None),
        ] {
            assert_eq!(decode(content, Grammar::Strict).as_deref(), expected, "{content}");
        }
        assert_eq!(decode("a\n\\tb", Grammar::WithControls).as_deref(), Some("a\n\tb"));
        assert_eq!(decode("a\n\"b", Grammar::WithControls), None);
    }

    #[test]
    fn a_bare_quote_has_no_backslash() {
        for (content, expected) in
            [("a\"", true), (r#"\""#, false), (r#"\\""#, true), (r#"\\\""#, false), ("\\", false)]
        {
            assert_eq!(has_bare_quote(content), expected, "{content}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_parser(content in r#"([a-c"/]|\\["\\/bfnrtux]|\\u00[0-9a-f]{2}|[\x00-\x20]|é|\\){0,8}"#) {
            let parsed = serde_json::from_str::<String>(&format!("\"{content}\"")).ok();
            prop_assert_eq!(decode(&content, Grammar::Strict), parsed);
        }
    }
}
