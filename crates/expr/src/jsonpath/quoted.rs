//! String literals as Go writes them.

use std::iter::Peekable;
use std::str::Chars;

/// The content of a string literal without its quotes, which are both `quote`. `None` if Go would not accept it.
///
/// Bytes that are no UTF-8 together become U+FFFD, as they would in JSON.
pub(super) fn unquote(content: &str, quote: char) -> Option<String> {
    if !content.contains(['\\', quote]) {
        return Some(content.to_owned());
    }
    let mut bytes = Vec::with_capacity(content.len());
    let mut letters = content.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => escape(&mut letters, quote, &mut bytes)?,
            letter if letter == quote => return None,
            letter => push(&mut bytes, letter),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn push(bytes: &mut Vec<u8>, letter: char) {
    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Reads what follows a backslash.
fn escape(letters: &mut Peekable<Chars<'_>>, quote: char, bytes: &mut Vec<u8>) -> Option<()> {
    let byte = match letters.next()? {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        letter @ ('\'' | '"') if letter == quote => u8::try_from(quote).ok()?,
        'x' => u8::try_from(number(letters, 2, 16)?).ok()?,
        'u' => {
            push(bytes, char::from_u32(number(letters, 4, 16)?)?);
            return Some(());
        }
        'U' => {
            push(bytes, char::from_u32(number(letters, 8, 16)?)?);
            return Some(());
        }
        first @ '0'..='7' => {
            let rest = number(letters, 2, 8)?;
            u8::try_from(first.to_digit(8)? * 64 + rest).ok()?
        }
        _ => return None,
    };
    bytes.push(byte);
    Some(())
}

fn number(letters: &mut Peekable<Chars<'_>>, digits: usize, base: u32) -> Option<u32> {
    (0..digits).try_fold(0_u32, |number, _| {
        let digit = letters.next()?.to_digit(base)?;
        number.checked_mul(base)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_those_of_go() {
        for (content, expected) in [
            ("plain", Some("plain")),
            ("", Some("")),
            (r"a\tb\\c\n", Some("a\tb\\c\n")),
            (r"it\'s", Some("it's")),
            (r"\x41\u00e9\U0001F600\101", Some("Aé😀A")),
            (r"\xff!", Some("\u{fffd}!")),
            (r"\xc3\xa9", Some("é")),
            (r#"no \" here"#, None),
            ("it's", None),
            (r"\ud800", None),
            (r"\400", None),
            (r"\x4", None),
            (r"\q", None),
            ("\\", None),
        ] {
            assert_eq!(unquote(content, '\'').as_deref(), expected, "{content}");
        }
        assert_eq!(unquote(r#"a \" b"#, '"').as_deref(), Some("a \" b"));
    }
}
