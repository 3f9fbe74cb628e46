//! References in texts, `$(…)`, and their substitution (Tekton docs, variables.md).

use serde_json::Value;

/// A reference, the content of `$(…)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference<'a> {
    /// `params.x`, also `params["x"]`.
    Param { name: &'a str, part: Part },
    /// `tasks.t.results.r`; in the results of a Pipeline also `finally.t.results.r`.
    Result { task: &'a str, name: &'a str, part: Part },
    /// `tasks.t.status`.
    TaskStatus { task: &'a str },
    /// `tasks.status`.
    TasksStatus,
    /// `context.…`, with the path after the dot.
    Context { path: &'a str },
}

/// The referenced part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The whole value; also `[*]`.
    Whole,
    /// One element of an array, `[n]`.
    Element(usize),
}

impl Part {
    /// This part of `value`, or `None` if it has no such part.
    pub(super) fn of(self, value: &Value) -> Option<Value> {
        match self {
            Self::Whole => Some(value.clone()),
            Self::Element(index) => value.get(index).cloned(),
        }
    }
}

impl<'a> Reference<'a> {
    /// Parses the text between the parentheses.
    fn parse(inner: &'a str) -> Option<Self> {
        let bracket = inner.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
        let (path, part) = match bracket {
            Some((path, "*")) => (path, Part::Whole),
            Some((path, index)) => {
                index.parse().map_or((inner, Part::Whole), |index| (path, Part::Element(index)))
            }
            None => (inner, Part::Whole),
        };
        if let Some(name) = member(path, "params") {
            return Some(Self::Param { name, part });
        }
        if let Some(path) = path.strip_prefix("context.") {
            return Some(Self::Context { path });
        }
        let rest = path.strip_prefix("tasks.").or_else(|| path.strip_prefix("finally."))?;
        match rest.split_once('.') {
            None if path == "tasks.status" => Some(Self::TasksStatus),
            None => None,
            Some((task, "status")) => Some(Self::TaskStatus { task }),
            Some((task, rest)) => Some(Self::Result { task, name: member(rest, "results")?, part }),
        }
    }
}

/// `x` of `of.x`, `of["x"]` and `of['x']`.
fn member<'a>(path: &'a str, of: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(of)?;
    let between = |open, close| rest.strip_prefix(open)?.strip_suffix(close);
    rest.strip_prefix('.').or_else(|| between("[\"", "\"]")).or_else(|| between("['", "']"))
}

/// A segment of a text.
#[derive(Debug, PartialEq, Eq)]
enum Segment<'a> {
    Literal(&'a str),
    Reference { written: &'a str, reference: Reference<'a> },
}

fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(begin) = text[at..].find("$(").map(|offset| at + offset) {
        let Some(end) = text[begin..].find(')').map(|offset| begin + offset) else { break };
        at = begin + 2;
        let Some(reference) = Reference::parse(&text[at..end]) else { continue };
        if plain < begin {
            segments.push(Segment::Literal(&text[plain..begin]));
        }
        at = end + 1;
        plain = at;
        segments.push(Segment::Reference { written: &text[begin..at], reference });
    }
    if plain < text.len() {
        segments.push(Segment::Literal(&text[plain..]));
    }
    segments
}

/// Calls `visit` for every reference in the texts of `value`.
pub(super) fn each<'a>(value: &'a Value, visit: &mut impl FnMut(Reference<'a>)) {
    match value {
        Value::String(text) => {
            for segment in segments(text) {
                if let Segment::Reference { reference, .. } = segment {
                    visit(reference);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| each(field, visit)),
        _ => {}
    }
}

/// `value` with references replaced by their values from `look_up`. References without a value stay.
///
/// A text that consists of one reference becomes the referenced text, array or object. An array in place of an array
/// element is inserted element by element.
pub(super) fn substitute(value: &Value, look_up: &impl Fn(Reference<'_>) -> Option<Value>) -> Value {
    match value {
        Value::String(text) => in_text(text, look_up),
        Value::Array(items) => {
            let mut next = Vec::with_capacity(items.len());
            for item in items {
                match substitute(item, look_up) {
                    Value::Array(elements) if item.is_string() => next.extend(elements),
                    other => next.push(other),
                }
            }
            Value::Array(next)
        }
        Value::Object(fields) => {
            fields.iter().map(|(key, field)| (key.clone(), substitute(field, look_up))).collect()
        }
        other => other.clone(),
    }
}

fn in_text(text: &str, look_up: &impl Fn(Reference<'_>) -> Option<Value>) -> Value {
    let segments = segments(text);
    if let [Segment::Reference { reference, .. }] = segments.as_slice() {
        return look_up(*reference).unwrap_or_else(|| text.into());
    }
    let mut next = String::with_capacity(text.len());
    for segment in segments {
        match segment {
            Segment::Literal(plain) => next.push_str(plain),
            Segment::Reference { written, reference } => match look_up(reference) {
                Some(Value::String(found)) => next.push_str(&found),
                // Tekton does not substitute arrays and objects within a longer text.
                _ => next.push_str(written),
            },
        }
    }
    next.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn param(name: &str, part: Part) -> Reference<'_> {
        Reference::Param { name, part }
    }

    #[test]
    fn references_are_parsed() {
        let result = |part| Some(Reference::Result { task: "t", name: "r", part });
        let cases = [
            ("params.x", Some(param("x", Part::Whole))),
            ("params.x[*]", Some(param("x", Part::Whole))),
            ("params.x[2]", Some(param("x", Part::Element(2)))),
            ("params[\"a.b\"]", Some(param("a.b", Part::Whole))),
            ("params['a.b'][0]", Some(param("a.b", Part::Element(0)))),
            ("tasks.t.results.r", result(Part::Whole)),
            ("tasks.t.results['r'][1]", result(Part::Element(1))),
            ("finally.t.results.r", result(Part::Whole)),
            ("tasks.t.status", Some(Reference::TaskStatus { task: "t" })),
            ("tasks.status", Some(Reference::TasksStatus)),
            ("context.pipelineRun.name", Some(Reference::Context { path: "pipelineRun.name" })),
            ("finally.status", None),
            ("tasks.t.outputs.r", None),
            ("paramsx", None),
            ("date", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Reference::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn references_are_substituted() {
        let look_up = |reference: Reference<'_>| match reference {
            Reference::Param { name: "a", part } => part.of(&json!(["1", "2"])),
            Reference::Param { name: "s", .. } => Some("text".into()),
            _ => None,
        };
        let cases = [
            (json!("$(params.s)"), json!("text")),
            (json!("<$(params.s)$(params.s)>"), json!("<texttext>")),
            (json!("$(params.a[*])"), json!(["1", "2"])),
            (json!("$(params.a[1])!"), json!("2!")),
            (json!("$(params.a[7])"), json!("$(params.a[7])")),
            (json!("all: $(params.a[*])"), json!("all: $(params.a[*])")),
            (json!(["0", "$(params.a[*])", "$(params.s)"]), json!(["0", "1", "2", "text"])),
            (json!({"k": "$(params.s)"}), json!({"k": "text"})),
            (json!("$(params.unknown)"), json!("$(params.unknown)")),
            (json!("$(date) $(echo $(params.s)) $("), json!("$(date) $(echo text) $(")),
        ];
        for (before, after) in cases {
            assert_eq!(substitute(&before, &look_up), after, "{before}");
        }
    }
}
