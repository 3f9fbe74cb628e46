//! `format`, as in cel-go's extension `strings`.

use super::super::context::{Context, Fault, Outcome};
use super::super::limits::LARGEST_PRECISION;
use super::super::number::{exponent_text, seconds_text};
use super::super::value::Value;

/// The precision of `%f` and `%e` that do not say one.
const PRECISION: usize = 6;

/// `'%s-%d'.format([text, number])`
pub(super) fn format<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(format), Value::List(list)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.read(format.len())?;
    let mut output = Output { context, text: String::new() };
    let mut rest: &str = format;
    let mut place = 0;
    while let Some((before, after)) = rest.split_once('%') {
        output.push(before)?;
        if let Some(after) = after.strip_prefix('%') {
            output.push("%")?;
            rest = after;
            continue;
        }
        let argument =
            list.get(place).ok_or_else(|| Fault::message(format!("index {place} out of range")))?;
        place += 1;
        let (precision, clause) = precision(after)?;
        let mut letters = clause.chars();
        output.clause(letters.next(), precision, &argument)?;
        rest = letters.as_str();
    }
    output.push(rest)?;
    Ok(Value::made(output.text))
}

/// The text so far. Each piece is paid for.
struct Output<'c, 'a> {
    context: &'c mut Context<'a>,
    text: String,
}

impl<'a> Output<'_, 'a> {
    fn push(&mut self, piece: &str) -> Result<(), Fault> {
        self.context.make(piece.len())?;
        self.text.push_str(piece);
        Ok(())
    }

    fn clause(&mut self, clause: Option<char>, precision: usize, value: &Value<'a>) -> Result<(), Fault> {
        let name = match clause {
            Some('s') => return self.value(value),
            Some('d') => "decimal",
            Some('f') => "fixed-point",
            Some('e') => "scientific",
            Some('b') => "binary",
            Some('x' | 'X') => "hex",
            Some('o') => "octal",
            Some(other) => {
                return Err(Fault::message(format!(
                    "could not parse formatting clause: unrecognized formatting clause \"{other}\""
                )));
            }
            None => {
                return Err(Fault::message("could not parse formatting clause: unexpected end of string"));
            }
        };
        let text = match (clause, value) {
            (Some('d'), Value::Int(value)) => value.to_string(),
            (Some('d'), Value::Uint(value)) => value.to_string(),
            (Some('d'), Value::Double(value)) => plain(*value),
            (Some('f' | 'e'), Value::Int(_) | Value::Uint(_) | Value::Double(_)) => {
                let value = as_double(value);
                if !value.is_finite() {
                    plain(value)
                } else if clause == Some('f') {
                    format!("{value:.precision$}")
                } else {
                    exponent_text(&format!("{value:.precision$e}"))
                }
            }
            (Some('b'), Value::Bool(value)) => u8::from(*value).to_string(),
            (Some('b'), Value::Int(value)) => format!("{}{:b}", sign(*value), value.unsigned_abs()),
            (Some('b'), Value::Uint(value)) => format!("{value:b}"),
            (Some('o'), Value::Int(value)) => format!("{}{:o}", sign(*value), value.unsigned_abs()),
            (Some('o'), Value::Uint(value)) => format!("{value:o}"),
            (Some('x' | 'X'), _) => {
                let text = self.hex(value)?;
                if clause == Some('X') { text.to_ascii_uppercase() } else { text }
            }
            _ => return Err(unsuited(name, value)),
        };
        self.push(&text)
    }

    fn hex(&mut self, value: &Value<'a>) -> Result<String, Fault> {
        let bytes = match value {
            Value::Int(value) => return Ok(format!("{}{:x}", sign(*value), value.unsigned_abs())),
            Value::Uint(value) => return Ok(format!("{value:x}")),
            Value::String(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            other => return Err(unsuited("hex", other)),
        };
        self.context.make(2 * bytes.len())?;
        Ok(data_encoding::HEXLOWER.encode(bytes))
    }

    /// The text of `%s`.
    fn value(&mut self, value: &Value<'a>) -> Result<(), Fault> {
        self.context.step(1)?;
        match value {
            Value::Null => self.push("null"),
            Value::Bool(value) => self.push(if *value { "true" } else { "false" }),
            Value::Int(value) => self.push(&value.to_string()),
            Value::Uint(value) => self.push(&value.to_string()),
            Value::Double(value) => self.push(&plain(*value)),
            Value::String(text) => self.push(text),
            Value::Bytes(bytes) => {
                self.context.make(bytes.len())?;
                self.push(&String::from_utf8_lossy(bytes))
            }
            Value::Timestamp(time) => self.push(&time.to_string()),
            Value::Duration(duration) => self.push(&seconds_text(*duration)),
            Value::Type(name) => self.push(name),
            Value::List(list) => {
                self.push("[")?;
                for (place, item) in list.iter().enumerate() {
                    if place > 0 {
                        self.push(", ")?;
                    }
                    self.value(&item)?;
                }
                self.push("]")
            }
            Value::Map(map) => {
                self.push("{")?;
                for (place, (key, value)) in map.entries().enumerate() {
                    if place > 0 {
                        self.push(", ")?;
                    }
                    self.value(&key)?;
                    self.push(": ")?;
                    self.value(&value)?;
                }
                self.push("}")
            }
        }
    }
}

/// The precision at the start of a clause, and the rest of it.
fn precision(clause: &str) -> Result<(usize, &str), Fault> {
    let Some(rest) = clause.strip_prefix('.') else { return Ok((PRECISION, clause)) };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match digits.parse() {
        Ok(precision) if precision <= LARGEST_PRECISION => Ok((precision, rest)),
        _ => Err(Fault::message(format!(
            "could not parse formatting clause: precision {digits:?} is not a number up to {LARGEST_PRECISION}"
        ))),
    }
}

/// A double without exponent.
fn plain(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    value.to_string()
}

#[expect(clippy::cast_precision_loss, reason = "digits beyond those of a double are lost in Go as well")]
fn as_double(value: &Value<'_>) -> f64 {
    match value {
        Value::Int(value) => *value as f64,
        Value::Uint(value) => *value as f64,
        Value::Double(value) => *value,
        _ => f64::NAN,
    }
}

fn sign(value: i64) -> &'static str {
    if value < 0 { "-" } else { "" }
}

fn unsuited(clause: &str, value: &Value<'_>) -> Fault {
    let found = value.type_name();
    Fault::message(format!("error during formatting: {clause} clause cannot be used with {found}"))
}
