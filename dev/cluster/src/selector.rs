//! Label and field selectors of lists and watches.

use serde_json::Value;

use crate::status::ApiError;

/// Both selectors of a request. The empty selection matches every object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    labels: Vec<Requirement>,
    fields: Vec<(Vec<String>, bool, String)>,
}

#[derive(Clone, Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl Selection {
    /// Parses the query parameters `labelSelector` and `fieldSelector`. `selectable` is true for field paths that the
    /// resource supports besides `metadata.name` and `metadata.namespace`.
    pub(crate) fn parse(
        labels: &str,
        fields: &str,
        selectable: impl Fn(&str) -> bool,
    ) -> Result<Self, ApiError> {
        let invalid = |part: &str| ApiError::bad_request(format!("unable to parse requirement: {part}"));
        let labels = split_outside_parentheses(labels)
            .into_iter()
            .map(|part| Requirement::parse(part).ok_or_else(|| invalid(part)))
            .collect::<Result<_, _>>()?;
        let mut parsed = Vec::new();
        for part in fields.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (path, equal, value) = split_comparison(part).ok_or_else(|| {
                ApiError::bad_request(format!("invalid selector: '{part}'; can't understand '{part}'"))
            })?;
            if !matches!(path, "metadata.name" | "metadata.namespace") && !selectable(path) {
                return Err(ApiError::bad_request(format!("field label not supported: {path}")));
            }
            parsed.push((path.split('.').map(str::to_owned).collect(), equal, value.to_owned()));
        }
        Ok(Self { labels, fields: parsed })
    }

    /// Whether `object` matches.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.labels.iter().all(|requirement| {
            requirement.matches(|key| object.get("metadata")?.get("labels")?.get(key)?.as_str())
        }) && self.fields.iter().all(|(path, equal, value)| {
            let found = path.iter().try_fold(object, |at, segment| at.get(segment));
            let text = match found {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            (text == *value) == *equal
        })
    }

    /// The name required by `metadata.name=`, if any: a list of one object needs no scan.
    pub(crate) fn only_name(&self) -> Option<&str> {
        self.fields.iter().find_map(|(path, equal, value)| {
            let is_name = matches!(path.as_slice(), [a, b] if a == "metadata" && b == "name");
            (*equal && is_name).then_some(value.as_str())
        })
    }

    /// Whether every object matches.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }
}

impl Requirement {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(key) = text.strip_prefix('!') {
            return valid_key(key.trim()).map(Self::Absent);
        }
        if let Some(open) = text.find('(') {
            let values: Vec<String> =
                text.get(open + 1..)?.strip_suffix(')')?.split(',').map(|v| v.trim().to_owned()).collect();
            let mut head = text.get(..open)?.split_whitespace();
            let (key, operator) = (valid_key(head.next()?)?, head.next()?);
            return match (operator, head.next()) {
                ("in", None) => Some(Self::In(key, values)),
                ("notin", None) => Some(Self::NotIn(key, values)),
                _ => None,
            };
        }
        match split_comparison(text) {
            Some((key, true, value)) => Some(Self::In(valid_key(key)?, vec![value.to_owned()])),
            Some((key, false, value)) => Some(Self::NotIn(valid_key(key)?, vec![value.to_owned()])),
            None => valid_key(text).map(Self::Exists),
        }
    }

    fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        match self {
            Self::In(key, values) => label(key).is_some_and(|found| values.iter().any(|v| v == found)),
            Self::NotIn(key, values) => !label(key).is_some_and(|found| values.iter().any(|v| v == found)),
            Self::Exists(key) => label(key).is_some(),
            Self::Absent(key) => label(key).is_none(),
        }
    }
}

fn valid_key(key: &str) -> Option<String> {
    crate::names::key_error(key).is_none().then(|| key.to_owned())
}

/// Splits `a=b`, `a==b` and `a!=b`.
fn split_comparison(text: &str) -> Option<(&str, bool, &str)> {
    if let Some((key, value)) = text.split_once("!=") {
        return Some((key.trim(), false, value.trim()));
    }
    let (key, value) = text.split_once('=')?;
    Some((key.trim(), true, value.strip_prefix('=').unwrap_or(value).trim()))
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.extend(text.get(start..index));
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}
