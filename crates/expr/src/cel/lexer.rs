//! The tokens of an expression.

use super::node::Constant;
use super::problem::Problem;

/// A token with its place.
#[derive(Debug)]
pub(super) struct Token<'s> {
    pub(super) kind: TokenKind<'s>,
    /// The byte at which it begins.
    pub(super) start: usize,
    /// The byte behind it.
    pub(super) end: usize,
}

#[derive(Debug, PartialEq)]
pub(super) enum TokenKind<'s> {
    /// An operator, a bracket, or one of `.` `,` `:` `?`.
    Sign(&'static str),
    /// A name, or a keyword: `in`, `true`, `false`, `null`.
    Word(&'s str),
    /// The digits of an integer without sign.
    Integer {
        text: &'s str,
        unsigned: bool,
    },
    Double(&'s str),
    String(String),
    Bytes(Vec<u8>),
    End,
}

/// The operators and brackets, the longer ones first.
const SIGNS: &[&str] = &[
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")",
    "[", "]", "{", "}",
];

/// The tokens of a source, the end included.
pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, Problem> {
    let mut tokens = Vec::new();
    let mut start = 0;
    loop {
        let rest = source.get(start..).unwrap_or_default();
        let spaces = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\u{c}']).len();
        if spaces > 0 {
            start += spaces;
            continue;
        }
        if rest.starts_with("//") {
            start += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (kind, length) = token(rest, start)?;
        let is_end = kind == TokenKind::End;
        tokens.push(Token { kind, start, end: start + length });
        if is_end {
            return Ok(tokens);
        }
        start += length;
    }
}

/// The token at the start of a text, and its length.
fn token(text: &str, start: usize) -> Result<(TokenKind<'_>, usize), Problem> {
    let Some(first) = text.chars().next() else { return Ok((TokenKind::End, 0)) };
    if let Some(string) = quoted(text, start)? {
        return Ok(string);
    }
    let is_number = first.is_ascii_digit()
        || first == '.' && text.get(1..2).is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit()));
    if is_number {
        return Ok(number(text));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        return Ok((TokenKind::Word(text.get(..length).unwrap_or_default()), length));
    }
    let sign = SIGNS.iter().find(|sign| text.starts_with(**sign));
    sign.map(|sign| (TokenKind::Sign(sign), sign.len())).ok_or_else(|| {
        let message = match first {
            '`' => "unsupported syntax: '`'".to_owned(),
            _ => format!("Syntax error: token recognition error at: '{first}'"),
        };
        Problem { offset: start, message }
    })
}

fn number(text: &str) -> (TokenKind<'_>, usize) {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())
    };
    let at = |place: usize| text.as_bytes().get(place).copied();
    if let Some(hexadecimal) = text.strip_prefix("0x") {
        let length = hexadecimal.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hexadecimal.len()) + 2;
        return integer(text, length);
    }
    let whole = digits(0);
    let mut end = whole;
    if at(end) == Some(b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(at(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(at(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    if end == whole {
        return integer(text, whole);
    }
    (TokenKind::Double(text.get(..end).unwrap_or_default()), end)
}

/// An integer of this length, and the `u` behind it.
fn integer(text: &str, length: usize) -> (TokenKind<'_>, usize) {
    let unsigned = matches!(text.as_bytes().get(length), Some(b'u' | b'U'));
    let text = text.get(..length).unwrap_or_default();
    (TokenKind::Integer { text, unsigned }, length + usize::from(unsigned))
}

/// The string or bytes at the start of a text.
fn quoted(text: &str, start: usize) -> Result<Option<(TokenKind<'static>, usize)>, Problem> {
    let open = text.bytes().take(3).position(|byte| matches!(byte, b'"' | b'\''));
    let Some((prefix, rest)) = open.and_then(|open| text.split_at_checked(open)) else { return Ok(None) };
    let (raw, is_bytes) = match prefix.to_ascii_lowercase().as_str() {
        "" => (false, false),
        "r" => (true, false),
        "b" => (false, true),
        "br" => (true, true),
        _ => return Ok(None),
    };
    let triple = ["\"\"\"", "'''"].into_iter().find(|quote| rest.starts_with(quote));
    let quote = triple.or_else(|| rest.get(..1)).unwrap_or_default();
    let inside = rest.get(quote.len()..).unwrap_or_default();
    let problem = |offset: usize, message: String| Problem { offset: start + prefix.len() + offset, message };
    let mut content = Vec::new();
    let mut left = inside;
    while !left.starts_with(quote) {
        let place = quote.len() + inside.len() - left.len();
        let mut letters = left.chars();
        match letters.next() {
            Some('\\') if !raw => {
                left = escape(letters.as_str(), is_bytes, &mut content).ok_or_else(|| {
                    problem(place, "Syntax error: invalid escape sequence in a string".to_owned())
                })?;
            }
            Some('\n' | '\r') if triple.is_none() => {
                return Err(problem(
                    place,
                    "Syntax error: token recognition error at: end of line in a string".to_owned(),
                ));
            }
            Some('\r') => {
                content.push(b'\n');
                left = letters.as_str().strip_prefix('\n').unwrap_or(letters.as_str());
            }
            Some(letter) => {
                push(&mut content, letter);
                left = letters.as_str();
            }
            None => {
                let message = "Syntax error: token recognition error at: a string without end".to_owned();
                return Err(problem(0, message));
            }
        }
    }
    let length = prefix.len() + quote.len() + (inside.len() - left.len()) + quote.len();
    if is_bytes {
        return Ok(Some((TokenKind::Bytes(content), length)));
    }
    let content = String::from_utf8(content);
    content
        .map(|content| Some((TokenKind::String(content), length)))
        .map_err(|_| problem(0, "Syntax error: a string that is not UTF-8".to_owned()))
}

/// Adds the letter that an escape means. Gives the text behind the escape.
fn escape<'s>(text: &'s str, is_bytes: bool, content: &mut Vec<u8>) -> Option<&'s str> {
    let mut letters = text.chars();
    let kind = letters.next()?;
    let rest = letters.as_str();
    let simple = match kind {
        'a' => 0x07,
        'b' => 0x08,
        'f' => 0x0c,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 0x0b,
        '\\' | '\'' | '"' | '`' | '?' => u8::try_from(kind).ok()?,
        'x' | 'X' => return code(rest, 2, 16, is_bytes, content),
        'u' if !is_bytes => return code(rest, 4, 16, false, content),
        'U' if !is_bytes => return code(rest, 8, 16, false, content),
        '0'..='3' => return code(text, 3, 8, is_bytes, content),
        _ => return None,
    };
    content.push(simple);
    Some(rest)
}

/// Adds the letter, or in bytes the byte, with the code in the first digits of a text.
fn code<'s>(
    text: &'s str,
    digits: usize,
    radix: u32,
    is_byte: bool,
    content: &mut Vec<u8>,
) -> Option<&'s str> {
    let (digits, rest) = text.split_at_checked(digits)?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).ok()?;
    if is_byte {
        content.push(u8::try_from(code).ok()?);
    } else {
        push(content, char::from_u32(code)?);
    }
    Some(rest)
}

fn push(content: &mut Vec<u8>, letter: char) {
    content.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

/// The value of an integer, with the sign in front of it; `None` if it does not fit.
pub(super) fn integer_value(text: &str, unsigned: bool, negative: bool) -> Option<Constant> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    if unsigned {
        return u64::from_str_radix(digits, radix).ok().map(Constant::Uint);
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok().map(Constant::Int)
}
