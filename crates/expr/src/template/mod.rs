//! Resource templates, rendered with parameters.
//!
//! - `value.rs`: a value on its way into a template.
//! - `content.rs`: the content of a JSON string.
//!
//! Tekton replaces placeholders in the bytes of a template and parses the result. Where a string is JSON after that, it is
//! the same here. Where it is not, because a value has quotes, line ends or backslashes, Tekton creates nothing; here the
//! string has the value as text. A value never ends the string that it stands in, so it cannot change another field.

mod content;
#[cfg(test)]
mod tests;
mod value;

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use self::content::{Grammar, decode};
use self::value::Value;
use crate::go_json::{DEEPEST, JsonText};
use crate::params::Resolved;

/// The largest object, in bytes of JSON: the store of the API server takes no larger one.
pub const LARGEST_OBJECT: usize = 3 << 19;

const PARAM: &str = "$(tt.params.";
const UID: &str = "$(uid)";

/// Why a template cannot be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The object would have more bytes than [`LARGEST_OBJECT`].
    #[error("the rendered object is larger than {LARGEST_OBJECT} bytes: choose smaller parts of the event")]
    TooLarge,
    /// The template has more levels than can be rendered.
    #[error("the template has more than {DEEPEST} levels")]
    TooDeep,
}

/// Renders the resource templates of a trigger.
pub struct Renderer<'a> {
    values: HashMap<&'a str, Value<'a>>,
    uid: &'a str,
}

impl<'a> Renderer<'a> {
    /// Renders with these values for `$(tt.params.NAME)`, and `uid` for `$(uid)`. `old_escape`: the template has the
    /// annotation `triggers.tekton.dev/old-escape-quotes`.
    pub fn new(params: &'a [Resolved], uid: &'a str, old_escape: bool) -> Self {
        let values = params.iter().map(|param| (param.name(), Value::new(param, old_escape)));
        Self { values: values.collect(), uid }
    }

    /// The object with values in the place of the placeholders in its strings and keys. Placeholders without a value stay.
    pub fn render(&self, resource: &Json) -> Result<Json, RenderError> {
        Rendering { renderer: self, left: LARGEST_OBJECT, levels: 0 }.json(resource)
    }
}

/// One object that is being rendered.
struct Rendering<'a> {
    renderer: &'a Renderer<'a>,
    /// The bytes that it may still have.
    left: usize,
    /// The lists and objects that are open.
    levels: usize,
}

/// A piece of a string in a template.
enum Piece<'a> {
    Literal(&'a str),
    Value(&'a Value<'a>),
}

impl Rendering<'_> {
    fn json(&mut self, json: &Json) -> Result<Json, RenderError> {
        // A sign behind it, or around it.
        self.take(1)?;
        match json {
            Json::String(text) => self.text(text).map(Json::String),
            Json::Array(elements) => self.within(|rendering| {
                elements
                    .iter()
                    .map(|element| rendering.json(element))
                    .collect::<Result<_, _>>()
                    .map(Json::Array)
            }),
            Json::Object(fields) => self.within(|rendering| {
                let mut rendered = Map::new();
                for (key, value) in fields {
                    // Of fields that become one, the last stays, as in a parser.
                    rendered.insert(rendering.text(key)?, rendering.json(value)?);
                }
                Ok(Json::Object(rendered))
            }),
            other => Ok(other.clone()),
        }
    }

    fn within<T>(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<T, RenderError>,
    ) -> Result<T, RenderError> {
        if self.levels == DEEPEST {
            return Err(RenderError::TooDeep);
        }
        self.levels += 1;
        let result = inside(self);
        self.levels -= 1;
        result
    }

    fn take(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.left = self.left.checked_sub(bytes).ok_or(RenderError::TooLarge)?;
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<String, RenderError> {
        let pieces = self.pieces(text);
        let values =
            pieces.iter().map(|piece| if let Piece::Value(value) = piece { value.raw().len() } else { 0 });
        // Before memory is taken for them.
        self.take(text.len() + values.sum::<usize>() + 2)?;
        if let [Piece::Literal(_)] | [] = pieces.as_slice() {
            return self.with_uid(text);
        }
        let mut raw = JsonText::new(LARGEST_OBJECT);
        for piece in &pieces {
            let written = match piece {
                Piece::Literal(text) => raw.content(text),
                Piece::Value(value) => raw.raw(value.raw()),
            };
            written.map_err(|_| RenderError::TooLarge)?;
        }
        let raw = self.with_uid(&raw.finish())?;
        if let Some(text) = decode(&raw, Grammar::Strict) {
            return Ok(text);
        }
        let plain = pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text,
            Piece::Value(value) => value.plain(),
        });
        self.with_uid(&plain.collect::<String>())
    }

    /// The pieces of a string: its placeholders that have a value, and the text between them.
    fn pieces<'t>(&self, text: &'t str) -> Vec<Piece<'t>>
    where
        Self: 't,
    {
        let mut pieces = Vec::new();
        let (mut start, mut from) = (0, 0);
        while let Some(found) = text.get(from..).and_then(|rest| rest.find(PARAM)) {
            let at = from + found;
            from = at + PARAM.len();
            let Some(rest) = text.get(from..) else { break };
            let Some((name, _)) = rest.split_once(')') else { break };
            if let Some(value) = self.renderer.values.get(name) {
                pieces.push(Piece::Literal(text.get(start..at).unwrap_or_default()));
                pieces.push(Piece::Value(value));
                from += name.len() + 1;
                start = from;
            }
        }
        pieces.push(Piece::Literal(text.get(start..).unwrap_or_default()));
        pieces
    }

    fn with_uid(&mut self, text: &str) -> Result<String, RenderError> {
        let uid = self.renderer.uid;
        self.take(text.matches(UID).count().saturating_mul(uid.len()))?;
        Ok(text.replace(UID, uid))
    }
}
