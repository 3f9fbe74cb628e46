//! JSONPath as far as printer columns use it: members, indices, wildcards and equality filters.

use serde_json::Value;

/// All values at `path`, for example `.status.conditions[?(@.type=="Ready")].status`.
pub(crate) fn find<'a>(root: &'a Value, path: &str) -> Vec<&'a Value> {
    let path = path.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
    let mut found = vec![root];
    for step in steps(path) {
        found = found.into_iter().flat_map(|value| step.follow(value)).collect();
    }
    found
}

#[derive(Debug)]
enum Step {
    Member(String),
    Index(i64),
    All,
    Filter { path: String, value: Value },
    Nothing,
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Member(name) => value.get(name).into_iter().collect(),
            Self::Index(index) => {
                let Some(list) = value.as_array() else { return Vec::new() };
                let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
                let position = if *index < 0 { length + index } else { *index };
                usize::try_from(position).ok().and_then(|at| list.get(at)).into_iter().collect()
            }
            Self::All => match value {
                Value::Array(list) => list.iter().collect(),
                Value::Object(map) => map.values().collect(),
                _ => Vec::new(),
            },
            Self::Filter { path, value: expected } => {
                let matches =
                    |element: &&Value| find(element, path).into_iter().any(|found| found == expected);
                value.as_array().into_iter().flatten().filter(matches).collect()
            }
            Self::Nothing => Vec::new(),
        }
    }
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = next_step(rest);
        steps.push(step);
        rest = after;
    }
    steps
}

fn next_step(text: &str) -> (Step, &str) {
    if let Some(inside) = text.strip_prefix('[') {
        let Some(end) = closing(inside) else { return (Step::Nothing, "") };
        let (body, after) = inside.split_at(end);
        return (bracket(body.trim()), after.strip_prefix(']').unwrap_or(after));
    }
    let text = text.strip_prefix('.').unwrap_or(text);
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (member(name), text.get(index..).unwrap_or_default()),
            other => name.push(other),
        }
    }
    (member(name), "")
}

fn member(name: String) -> Step {
    if name == "*" { Step::All } else { Step::Member(name) }
}

/// The position of the closing bracket for one that precedes `text`, outside quotes.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (1_usize, None);
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') => {
                depth -= 1;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

fn bracket(body: &str) -> Step {
    if body == "*" {
        return Step::All;
    }
    if let Some(filter) = body.strip_prefix("?(").and_then(|f| f.strip_suffix(')')) {
        let Some((path, value)) = filter.split_once("==") else { return Step::Nothing };
        let path = path.trim().trim_start_matches('@').to_owned();
        let value = value.trim();
        let text = unquoted(value).map(Value::from);
        let value = text.or_else(|| serde_json::from_str(value).ok()).unwrap_or_default();
        return Step::Filter { path, value };
    }
    match (unquoted(body), body.parse()) {
        (Some(name), _) => Step::Member(name.to_owned()),
        (None, Ok(index)) => Step::Index(index),
        _ => Step::Nothing,
    }
}

fn unquoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text.strip_prefix(quote)?.strip_suffix(quote)
}
