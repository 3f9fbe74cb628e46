//! The functions of strings of the standard library, and of cel-go's extension `strings`. Places count characters.

use super::super::context::{Context, Fault, Outcome};
use super::super::pattern::Pattern;
use super::super::value::{List, Text, Value};
use super::format::format;
use super::{Row, global, member};

pub(super) const TABLE: &[Row] = &[
    member("contains", contains, &["(string, string) -> bool"]),
    member("startsWith", starts_with, &["(string, string) -> bool"]),
    member("endsWith", ends_with, &["(string, string) -> bool"]),
    global("matches", matches, &["(string, string) -> bool"]),
    member("matches", matches, &["(string, string) -> bool"]),
    member("charAt", char_at, &["(string, int) -> string"]),
    member("indexOf", index_of, &["(string, string) -> int", "(string, string, int) -> int"]),
    member("lastIndexOf", last_index_of, &["(string, string) -> int", "(string, string, int) -> int"]),
    member("join", join, &["(list(string)) -> string", "(list(string), string) -> string"]),
    member("lowerAscii", lower_ascii, &["(string) -> string"]),
    member("upperAscii", upper_ascii, &["(string) -> string"]),
    member(
        "replace",
        replace,
        &["(string, string, string) -> string", "(string, string, string, int) -> string"],
    ),
    member("split", split, &["(string, string) -> list(string)", "(string, string, int) -> list(string)"]),
    member("substring", substring, &["(string, int) -> string", "(string, int, int) -> string"]),
    member("trim", trim, &["(string) -> string"]),
    global("strings.quote", quote, &["(string) -> string"]),
    member("format", format, &["(string, list(dyn)) -> string"]),
];

fn contains<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::String(part)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.read(text.len() + part.len())?;
    Ok(Value::Bool(text.contains(&**part)))
}

fn starts_with<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::String(part)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.read(part.len())?;
    Ok(Value::Bool(text.starts_with(&**part)))
}

fn ends_with<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::String(part)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.read(part.len())?;
    Ok(Value::Bool(text.ends_with(&**part)))
}

/// `matches` with a pattern that the event or a computation gives.
fn matches<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::String(pattern)] = arguments else { return Err(Fault::NoSuchOverload) };
    Pattern::compile_for(context, pattern)?.matches(context, text)
}

fn char_at<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::Int(index)] = arguments else { return Err(Fault::NoSuchOverload) };
    let start = byte_of(context, text, *index)?;
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.chars().next().map_or(0, char::len_utf8);
    slice(context, text, start, start + length)
}

fn index_of<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (Value::String(text), Value::String(part), from) = (match arguments {
        [text, part] => (text, part, 0),
        [text, part, Value::Int(from)] => (text, part, *from),
        _ => return Err(Fault::NoSuchOverload),
    }) else {
        return Err(Fault::NoSuchOverload);
    };
    if part.is_empty() {
        return Ok(Value::Int(from));
    }
    context.read(text.len() + part.len())?;
    let from = byte_of(context, text, from)?;
    let found = text.get(from..).and_then(|rest| rest.find(&**part)).map(|at| from + at);
    place_of(context, text, found)
}

fn last_index_of<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (Value::String(text), Value::String(part), until) = (match arguments {
        [text, part] => (text, part, None),
        [text, part, Value::Int(until)] => (text, part, Some(*until)),
        _ => return Err(Fault::NoSuchOverload),
    }) else {
        return Err(Fault::NoSuchOverload);
    };
    context.read(2 * text.len() + part.len())?;
    let last_start = until.map(|until| byte_of(context, text, until)).transpose()?;
    let end = last_start.map_or(text.len(), |start| start.saturating_add(part.len()).min(text.len()));
    let end = (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
    let found = text.get(..end).and_then(|searched| searched.rfind(&**part));
    place_of(context, text, found)
}

fn join<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (list, separator) = match arguments {
        [Value::List(list)] => (list, ""),
        [Value::List(list), Value::String(separator)] => (list, &**separator),
        _ => return Err(Fault::NoSuchOverload),
    };
    context.make_elements(list.len())?;
    let texts = strings(list).ok_or(Fault::NoSuchOverload)?;
    let size: usize = texts.iter().map(|text| text.len()).sum();
    context.make(size.saturating_add(separator.len().saturating_mul(texts.len())))?;
    let mut joined = String::with_capacity(size);
    for (place, text) in texts.iter().enumerate() {
        if place > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text);
    }
    Ok(Value::made(joined))
}

fn lower_ascii<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.make(text.len())?;
    Ok(Value::made(text.to_ascii_lowercase()))
}

fn upper_ascii<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.make(text.len())?;
    Ok(Value::made(text.to_ascii_uppercase()))
}

fn replace<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (Value::String(text), Value::String(old), Value::String(new), most) = (match arguments {
        [text, old, new] => (text, old, new, -1),
        [text, old, new, Value::Int(most)] => (text, old, new, *most),
        _ => return Err(Fault::NoSuchOverload),
    }) else {
        return Err(Fault::NoSuchOverload);
    };
    context.read(text.len())?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let payable = context.steps_left().saturating_add(1);
    let count = text.matches(&**old).take(most.min(payable)).count();
    context.step(count)?;
    context.make(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(Value::made(text.replacen(&**old, new, most)))
}

fn split<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (Value::String(text), Value::String(separator), most) = (match arguments {
        [text, separator] => (text, separator, -1),
        [text, separator, Value::Int(most)] => (text, separator, *most),
        _ => return Err(Fault::NoSuchOverload),
    }) else {
        return Err(Fault::NoSuchOverload);
    };
    context.read(text.len())?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(Value::list(Vec::new()));
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for end in separations(text, separator).take(most - 1) {
        context.make_elements(1)?;
        parts.push(slice(context, text, start, end)?);
        start = end + separator.len();
    }
    // Go splits between all characters if there is no separator, so that nothing is left behind the last one.
    if !(separator.is_empty() && start == text.len()) {
        context.make_elements(1)?;
        parts.push(slice(context, text, start, text.len())?);
    }
    Ok(Value::list(parts))
}

/// The bytes at which separators begin.
fn separations<'t>(text: &'t str, separator: &'t str) -> Box<dyn Iterator<Item = usize> + 't> {
    if separator.is_empty() {
        return Box::new(text.char_indices().map(|(at, letter)| at + letter.len_utf8()));
    }
    Box::new(text.match_indices(separator).map(|(at, _)| at))
}

fn substring<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (text, start, end) = match arguments {
        [Value::String(text), Value::Int(start)] => (text, *start, None),
        [Value::String(text), Value::Int(start), Value::Int(end)] => (text, *start, Some(*end)),
        _ => return Err(Fault::NoSuchOverload),
    };
    if let Some(end) = end.filter(|end| start > *end) {
        return Err(Fault::message(format!("invalid substring range. start: {start}, end: {end}")));
    }
    let end = match end {
        Some(end) => byte_of(context, text, end)?,
        None => text.len(),
    };
    let start = byte_of(context, text, start)?;
    slice(context, text, start, end)
}

fn trim<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.read(text.len())?;
    let start = text.len() - text.trim_start().len();
    slice(context, text, start, start + text.trim().len())
}

fn quote<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.make(2 * text.len() + 2)?;
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        let escape = match letter {
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\u{c}' => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            '\u{b}' => 'v',
            '\\' | '"' => letter,
            _ => {
                quoted.push(letter);
                continue;
            }
        };
        quoted.push('\\');
        quoted.push(escape);
    }
    quoted.push('"');
    Ok(Value::made(quoted))
}

/// A part of a text; without a copy where the text is not one of ours. A copy is paid for. Both ends lie between
/// characters.
pub(super) fn slice<'a>(context: &mut Context<'a>, text: &Text<'a>, start: usize, end: usize) -> Outcome<'a> {
    match text {
        Text::Borrowed(text) => Ok(Value::String(Text::Borrowed(text.get(start..end).unwrap_or_default()))),
        Text::Made(text) => {
            let part = text.get(start..end).unwrap_or_default();
            context.make(part.len())?;
            Ok(Value::made(part))
        }
    }
}

/// The byte at which a character begins; the end of the text for the place behind the last one.
fn byte_of(context: &mut Context<'_>, text: &str, place: i64) -> Result<usize, Fault> {
    context.read(text.len())?;
    let out_of_range = || Fault::message(format!("index out of range: {place}"));
    let wanted = usize::try_from(place).map_err(|_| out_of_range())?;
    let ends = std::iter::once(text.len());
    text.char_indices().map(|(at, _)| at).chain(ends).nth(wanted).ok_or_else(out_of_range)
}

/// The number of characters before a byte, or -1.
fn place_of<'a>(context: &mut Context<'a>, text: &str, byte: Option<usize>) -> Outcome<'a> {
    let before = byte.and_then(|byte| text.get(..byte));
    context.read(before.map_or(0, str::len))?;
    let place = before.and_then(|before| i64::try_from(before.chars().count()).ok());
    Ok(Value::Int(place.unwrap_or(-1)))
}

/// The strings of a list; `None` if an item is something else.
fn strings<'a>(list: &List<'a>) -> Option<Vec<Text<'a>>> {
    let text = |item| match item {
        Value::String(text) => Some(text),
        _ => None,
    };
    list.iter().map(text).collect()
}
