use std::cell::OnceCell;

use super::content::{Grammar, decode, has_bare_quote};
use crate::params::{Part, Resolved};

/// A value on its way into templates.
pub(super) struct Value<'a> {
    resolved: &'a Resolved,
    old_escape: bool,
    /// The content of a JSON string as Tekton puts it into a template: it may be no such content.
    raw: String,
    plain: OnceCell<String>,
}

impl<'a> Value<'a> {
    pub(super) fn new(resolved: &'a Resolved, old_escape: bool) -> Self {
        let text = resolved.text();
        let text = if old_escape { with_quotes_escaped(&text) } else { text };
        Self { resolved, old_escape, raw: neutral(&text), plain: OnceCell::new() }
    }

    /// The content of a JSON string as Tekton puts it into a template.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// The text, for a string that would be no JSON with [`Self::raw`] in it.
    pub(super) fn plain(&self) -> &str {
        self.plain.get_or_init(|| neutral(&self.read()))
    }

    /// Tekton's reading where it has one, first of the annotation and then without it; else that of people.
    fn read(&self) -> String {
        let text = self.resolved.text();
        let old = self.old_escape.then(|| decode(&with_quotes_escaped(&text), Grammar::Strict)).flatten();
        old.or_else(|| decode(&text, Grammar::Strict)).unwrap_or_else(|| plain(self.resolved))
    }
}

/// What people mean by a value that Tekton cannot put into JSON.
///
/// With a quote in the text of the binding it is JSON, or another language with quotes: strings of the event keep the
/// escapes that make them fit between quotes. Else it is plain text, in which backslashes have the meaning that they have
/// in JSON, if they have one.
fn plain(resolved: &Resolved) -> String {
    let is_quoting = |part: &Part| matches!(part, Part::Static(text) if has_bare_quote(text));
    if resolved.parts().iter().any(is_quoting) {
        return resolved.text();
    }
    let texts = resolved.parts().iter().map(|part| match part {
        Part::Static(text) | Part::Content(text) => {
            decode(text, Grammar::WithControls).unwrap_or_else(|| text.clone())
        }
        Part::Json(json) => json.clone(),
    });
    texts.collect()
}

fn with_quotes_escaped(text: &str) -> String {
    text.replace('"', "\\\"")
}

/// The text without the begin of an expression. Tekton Pipelines takes `$$(` for text.
fn neutral(text: &str) -> String {
    text.replace("$(", "$$(")
}
