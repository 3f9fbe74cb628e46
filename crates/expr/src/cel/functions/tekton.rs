//! The functions that Tekton adds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::context::{Context, Fault, Outcome};
use super::super::encode::json_text;
use super::super::pattern::Pattern;
use super::super::url::Url;
use super::super::value::{Key, Map, Text, Value};
use super::strings::slice;
use super::{Row, member};

const TO_OBJECT: &[&str] = &["(string) -> map(string, dyn)"];

pub(super) const TABLE: &[Row] = &[
    member("match", matches_header, &["(map(string, dyn), string, string) -> bool"]),
    member("canonical", canonical, &["(map(string, dyn), string) -> string"]),
    member("truncate", truncate, &["(string, int) -> string"]),
    member(
        "compareSecret",
        compare_secret,
        &["(string, string, string) -> bool", "(string, string, string, string) -> bool"],
    ),
    member("parseJSON", parse_json, TO_OBJECT),
    member("parseYAML", parse_yaml, TO_OBJECT),
    member("parseURL", parse_url, TO_OBJECT),
    member("marshalJSON", marshal_json, &["(map(string, dyn)) -> string", "(list(dyn)) -> string"]),
    member("first", first, &["(list(dyn)) -> dyn"]),
    member("last", last, &["(list(dyn)) -> dyn"]),
    member("translate", translate, &["(string, string, string) -> string"]),
];

/// The first value of a header under any spelling of its name; empty if there is none.
fn header<'a>(map: &Map<'a>, name: &str) -> Result<&'a str, Fault> {
    match map {
        Map::Headers(headers) => Ok(headers.first(name).unwrap_or_default()),
        Map::Json(_) | Map::Made(_) => Err(Fault::message("only `header` has header fields")),
    }
}

fn matches_header<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::Map(map), Value::String(name), Value::String(value)] = arguments else {
        return Err(Fault::NoSuchOverload);
    };
    context.read(name.len() + value.len())?;
    Ok(Value::Bool(header(map, name)? == &**value))
}

fn canonical<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::Map(map), Value::String(name)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.read(name.len())?;
    header(map, name).map(|value| Value::String(Text::Borrowed(value)))
}

/// The first bytes of a text; fewer if a character would be cut.
fn truncate<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::Int(length)] = arguments else { return Err(Fault::NoSuchOverload) };
    let length =
        usize::try_from(*length).map_err(|_| Fault::message("truncate needs a length of at least 0"))?;
    slice(context, text, 0, text.floor_char_boundary(length))
}

/// Compares with a Secret of the trigger's namespace. As in Tekton, a namespace in the expression has no effect.
fn compare_secret<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(presented), Value::String(key), Value::String(name), rest @ ..] = arguments else {
        return Err(Fault::NoSuchOverload);
    };
    if !matches!(rest, [] | [Value::String(_)]) {
        return Err(Fault::NoSuchOverload);
    }
    context.read(presented.len())?;
    context.secrets.compare(presented, name, key).map(Value::Bool).map_err(Fault::Secret)
}

fn parse_json<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text)] = arguments else { return Err(Fault::NoSuchOverload) };
    pay_for_parsing(context, text)?;
    let parsed = serde_json::from_str(text);
    // The error of the parser names a place and no content.
    let json: Json =
        parsed.map_err(|error| Fault::message(format!("failed to parse as JSON in parseJSON: {error}")))?;
    object(context, &json, "parseJSON")
}

fn parse_yaml<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text)] = arguments else { return Err(Fault::NoSuchOverload) };
    context.step(YAML_STEPS.0.saturating_add(text.len().saturating_mul(YAML_STEPS.1)))?;
    pay_for_parsing(context, text)?;
    let json = super::super::yaml::parse(text)
        .map_err(|reason| Fault::message(format!("failed to parse as YAML in parseYAML: {reason}")))?;
    object(context, &json, "parseYAML")
}

/// The steps that YAML costs more than JSON, in any case and per byte.
const YAML_STEPS: (usize, usize) = (200, 6);

/// Parsing takes more than looking, and the result more memory than the text.
fn pay_for_parsing(context: &mut Context<'_>, text: &str) -> Result<(), Fault> {
    context.step(text.len())?;
    context.make(text.len())
}

/// The map that a text describes.
fn object<'a>(context: &mut Context<'a>, json: &Json, function: &str) -> Outcome<'a> {
    let found = match json {
        Json::Object(_) => return made(context, json),
        Json::Null => return Ok(Value::Map(Map::Made(Arc::default()))),
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
    };
    Err(Fault::message(format!("{function} gives a map, and the text is a {found}")))
}

/// A value of JSON that belongs to the evaluation.
fn made<'a>(context: &mut Context<'a>, json: &Json) -> Outcome<'a> {
    context.step(1)?;
    Ok(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => {
            context.make(text.len())?;
            Value::made(text.as_str())
        }
        Json::Array(items) => {
            context.make_elements(items.len())?;
            let items: Result<Vec<_>, _> = items.iter().map(|item| made(context, item)).collect();
            Value::list(items?)
        }
        Json::Object(fields) => {
            context.make_elements(2 * fields.len())?;
            let mut map = BTreeMap::new();
            for (name, value) in fields {
                context.make(name.len())?;
                map.insert(Key::String(Text::Made(name.as_str().into())), made(context, value)?);
            }
            Value::Map(Map::Made(Arc::new(map)))
        }
    })
}

fn marshal_json<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    match arguments {
        [value @ (Value::List(_) | Value::Map(_))] => json_text(context, value).map(Value::made),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn first<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list)] = arguments else { return Err(Fault::NoSuchOverload) };
    Ok(list.get(0).unwrap_or(Value::Null))
}

fn last<'a>(_: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list)] = arguments else { return Err(Fault::NoSuchOverload) };
    Ok(list.iter().next_back().unwrap_or(Value::Null))
}

/// `translate` with a pattern that the event or a computation gives.
fn translate<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::String(pattern), Value::String(replacement)] = arguments else {
        return Err(Fault::NoSuchOverload);
    };
    Pattern::compile_for(context, pattern)?.translate(context, text, replacement)
}

fn parse_url<'a>(context: &mut Context<'a>, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text)] = arguments else { return Err(Fault::NoSuchOverload) };
    pay_for_parsing(context, text)?;
    context.make(4 * text.len())?;
    let url = Url::parse(text).ok_or_else(|| Fault::message("failed to parse the URL in parseURL"))?;
    let mut map = BTreeMap::new();
    let mut insert = |name: &'static str, value: Value<'a>| {
        map.insert(Key::String(Text::Borrowed(name)), value);
    };
    insert("scheme", Value::made(url.scheme));
    insert("host", Value::made(url.host));
    insert("path", Value::made(url.path));
    insert("rawQuery", Value::made(url.raw_query));
    insert("fragment", Value::made(url.fragment));
    let (mut joined, mut lists) = (BTreeMap::new(), BTreeMap::new());
    for (name, values) in url.query {
        context.make_elements(4 + values.len())?;
        let key = Key::String(Text::Made(name.into()));
        joined.insert(key.clone(), Value::made(values.join(",")));
        lists.insert(key, Value::list(values.into_iter().map(Value::made).collect()));
    }
    insert("query", Value::Map(Map::Made(Arc::new(joined))));
    insert("queryStrings", Value::Map(Map::Made(Arc::new(lists))));
    if let Some((username, password)) = url.user {
        let fields = [("username", Some(username)), ("password", password)];
        let present = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let auth = present.map(|(name, value)| (Key::String(Text::Borrowed(name)), Value::made(value)));
        insert("auth", Value::Map(Map::Made(Arc::new(auth.collect()))));
    }
    Ok(Value::Map(Map::Made(Arc::new(map))))
}
