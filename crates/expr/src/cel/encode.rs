//! The JSON of a value, as overlays are written and as `marshalJSON` writes it.

use data_encoding::BASE64;
use serde_json::{Map as JsonMap, Number, Value as Json};

use super::context::{Context, Fault};
use super::number::seconds_text;
use super::value::{Key, Map, Value};
use crate::go_json::{JsonText, JsonTextError};

/// The largest integer that every reader of JSON keeps.
const LARGEST_SAFE: u64 = (1 << 53) - 1;

/// The JSON of a result. Integers beyond 2^53 are strings. `null`, unsigned integers, times and types have none at the
/// top, as in Tekton's interceptor.
pub(super) fn encode<'a>(context: &mut Context<'a>, value: &Value<'a>) -> Result<Json, Fault> {
    match value {
        Value::Null | Value::Uint(_) | Value::Timestamp(_) | Value::Duration(_) | Value::Type(_) => {
            Err(unsupported(value))
        }
        other => nested(context, other),
    }
}

fn nested<'a>(context: &mut Context<'a>, value: &Value<'a>) -> Result<Json, Fault> {
    context.step(1)?;
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) if value.unsigned_abs() <= LARGEST_SAFE => Json::from(*value),
        Value::Int(value) => Json::String(value.to_string()),
        Value::Uint(value) if *value <= LARGEST_SAFE => Json::from(*value),
        Value::Uint(value) => Json::String(value.to_string()),
        Value::Double(number) => Json::Number(double(*number).ok_or_else(|| unsupported(value))?),
        Value::String(text) => {
            context.make(text.len())?;
            Json::String(text.to_string())
        }
        Value::Bytes(bytes) => {
            context.make(2 * bytes.len())?;
            Json::String(BASE64.encode(bytes))
        }
        Value::Timestamp(time) => Json::String(time.to_string()),
        Value::Duration(duration) => Json::String(seconds_text(*duration)),
        Value::Type(_) => return Err(unsupported(value)),
        Value::List(list) => {
            context.make_elements(list.len())?;
            let items: Result<Vec<_>, _> = list.iter().map(|item| nested(context, &item)).collect();
            Json::Array(items?)
        }
        Value::Map(map) => Json::Object(object(context, map)?),
    })
}

fn object<'a>(context: &mut Context<'a>, map: &Map<'a>) -> Result<JsonMap<String, Json>, Fault> {
    context.make_elements(2 * map.len())?;
    let mut object = JsonMap::new();
    for (key, value) in map.entries() {
        let Some(Key::String(name)) = Key::of(&key) else {
            return Err(Fault::message(format!("unsupported key type: {}", key.type_name())));
        };
        context.make(name.len())?;
        let value = nested(context, &value)?;
        object.insert(name.to_string(), value);
    }
    Ok(object)
}

/// The number of JSON for a double; an integer where it is one, so that it reads as `2` and not as `2.0`.
#[expect(clippy::cast_possible_truncation, reason = "the value is integral and below 2^53")]
fn double(value: f64) -> Option<Number> {
    let integral = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    if integral && !(value == 0.0 && value.is_sign_negative()) {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

fn unsupported(value: &Value<'_>) -> Fault {
    Fault::message(format!("a value of type '{}' cannot be an extension", value.type_name()))
}

/// The text of a list or map, as Go's library writes it.
pub(super) fn json_text<'a>(context: &mut Context<'a>, value: &Value<'a>) -> Result<String, Fault> {
    let json = nested(context, value)?;
    let mut text = JsonText::new(context.made_left());
    let written = text.value(&json);
    written.map_err(|error| match error {
        JsonTextError::TooLong => Fault::too_much_made(),
        JsonTextError::TooDeep => Fault::message("the value has too many levels of lists and maps"),
    })?;
    let text = text.finish();
    context.make(text.len())?;
    Ok(text)
}
