//! Validation against a schema, with the messages of the real server.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};

use super::{Kind, Schema};
use crate::status::Cause;

impl Schema {
    /// Errors in `value`.
    pub(crate) fn validate(&self, value: &Value) -> Vec<Cause> {
        let mut causes = Vec::new();
        self.check(value, "", &mut causes);
        causes
    }

    fn check(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        if value.is_null() && (self.nullable || self.kind == Kind::Any) {
            return;
        }
        if let Some(expected) = self.kind.mismatch(value) {
            let found = type_name(value);
            let detail = format!("{} in body must be of type {expected}: \"{found}\"", shown(path));
            causes.push(Cause::wrong_type(shown(path), value, &detail));
            return;
        }
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            let supported: Vec<String> = self.allowed.iter().map(Value::to_string).collect();
            let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
            causes.push(Cause::new(shown(path), "FieldValueNotSupported", message));
        }
        match value {
            Value::String(text) => self.check_text(text, value, path, causes),
            Value::Number(number) => {
                self.check_number(number.as_f64().unwrap_or_default(), value, path, causes);
            }
            Value::Array(list) => self.check_list(list, value, path, causes),
            Value::Object(map) => self.check_map(map, value, path, causes),
            _ => {}
        }
        self.check_combinations(value, path, causes);
    }

    fn check_text(&self, text: &str, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        let at = shown(path);
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        if let (Some(least), _) = self.length
            && length < least
        {
            let detail = format!("{at} in body should be at least {least} chars long");
            causes.push(Cause::invalid(at, value, &detail));
        }
        if let (_, Some(most)) = self.length
            && length > most
        {
            causes.push(Cause::too_long(at, usize::try_from(most).unwrap_or(usize::MAX)));
        }
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(text)
        {
            let detail = format!("{at} in body should match '{pattern}'");
            causes.push(Cause::invalid(at, value, &detail));
        }
        let well_formed = match self.format.as_str() {
            "date-time" => text.parse::<Timestamp>().is_ok(),
            "date" => text.parse::<jiff::civil::Date>().is_ok(),
            "byte" => data_encoding::BASE64.decode(text.as_bytes()).is_ok(),
            "micro-time" => is_micro_time(text),
            "duration" => is_duration(text),
            "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
            "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
            _ => true,
        };
        if !well_formed {
            let detail = format!("{at} in body must be of type {}: {value}", self.format);
            causes.push(Cause::wrong_type(at, value, &detail));
        }
    }

    fn check_number(&self, number: f64, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        let at = shown(path);
        let (least, most) = self.range;
        let (above, below) = self.exclusive;
        if let Some(bound) = least.filter(|bound| number < *bound || (above && number <= *bound)) {
            let relation = if above { "greater than" } else { "greater than or equal to" };
            causes.push(Cause::invalid(at, value, &format!("{at} in body should be {relation} {bound}")));
        }
        if let Some(bound) = most.filter(|bound| number > *bound || (below && number >= *bound)) {
            let relation = if below { "less than" } else { "less than or equal to" };
            causes.push(Cause::invalid(at, value, &format!("{at} in body should be {relation} {bound}")));
        }
        if let Some(divisor) =
            self.multiple_of.filter(|divisor| (number / divisor).fract().abs() > f64::EPSILON)
        {
            causes.push(Cause::invalid(
                at,
                value,
                &format!("{at} in body should be a multiple of {divisor}"),
            ));
        }
    }

    fn check_list(&self, list: &[Value], value: &Value, path: &str, causes: &mut Vec<Cause>) {
        let at = shown(path);
        let count = u64::try_from(list.len()).unwrap_or(u64::MAX);
        let (least, most) = self.items_count;
        if let Some(least) = least.filter(|least| count < *least) {
            causes.push(Cause::invalid(
                at,
                value,
                &format!("{at} in body should have at least {least} items"),
            ));
        }
        if let Some(most) = most.filter(|most| count > *most) {
            let message = format!("Too many: {count}: must have at most {most} items");
            causes.push(Cause::new(at, "FieldValueTooMany", message));
        }
        if self.unique_items {
            self.check_duplicates(list, path, causes, Clone::clone);
        }
        match &self.list {
            super::ListKind::Set => self.check_duplicates(list, path, causes, Clone::clone),
            super::ListKind::Map(keys) => self.check_duplicates(list, path, causes, |element| {
                keys.iter().filter_map(|k| Some((k.clone(), element.get(k)?.clone()))).collect()
            }),
            super::ListKind::Atomic => {}
        }
        if let Some(items) = &self.items {
            for (index, element) in list.iter().enumerate() {
                items.check(element, &format!("{path}[{index}]"), causes);
            }
        }
    }

    #[expect(clippy::unused_self, reason = "a check of one node, as the others are")]
    fn check_duplicates(
        &self,
        list: &[Value],
        path: &str,
        causes: &mut Vec<Cause>,
        key: impl Fn(&Value) -> Value,
    ) {
        let keys: Vec<Value> = list.iter().map(key).collect();
        for (index, this) in keys.iter().enumerate() {
            if keys.iter().take(index).any(|earlier| earlier == this) {
                let message = format!("Duplicate value: {this}");
                causes.push(Cause::new(format!("{path}[{index}]"), "FieldValueDuplicate", message));
            }
        }
    }

    fn check_map(&self, map: &Map<String, Value>, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        let at = shown(path);
        for name in self.required.iter().filter(|name| !map.contains_key(*name)) {
            causes.push(Cause::required(below(path, name), ""));
        }
        let count = u64::try_from(map.len()).unwrap_or(u64::MAX);
        let (least, most) = self.properties_count;
        if let Some(least) = least.filter(|least| count < *least) {
            causes.push(Cause::invalid(
                at,
                value,
                &format!("{at} in body should have at least {least} properties"),
            ));
        }
        if let Some(most) = most.filter(|most| count > *most) {
            let message = format!("Too many: {count}: must have at most {most} properties");
            causes.push(Cause::new(at, "FieldValueTooMany", message));
        }
        if self.embedded {
            for name in ["apiVersion", "kind"].into_iter().filter(|name| map.get(*name).is_none()) {
                causes.push(Cause::required(below(path, name), "must not be empty"));
            }
        }
        for (name, member) in map {
            if let Some(schema) = self.member(name) {
                schema.check(member, &below(path, name), causes);
            }
        }
    }

    fn check_combinations(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) {
        let passes = |schema: &Self| schema.validate(value).is_empty();
        for schema in &self.all_of {
            schema.check(value, path, causes);
        }
        let at = shown(path);
        if !self.any_of.is_empty() && !self.any_of.iter().any(passes) {
            let detail = format!("{at} in body must validate at least one schema (anyOf)");
            causes.push(Cause::invalid(at, value, &detail));
        }
        if !self.one_of.is_empty() && self.one_of.iter().filter(|schema| passes(schema)).count() != 1 {
            let detail = format!("{at} in body must validate one and only one schema (oneOf)");
            causes.push(Cause::invalid(at, value, &detail));
        }
        if self.not.as_deref().is_some_and(passes) {
            causes.push(Cause::invalid(
                at,
                value,
                &format!("{at} in body must not validate the schema (not)"),
            ));
        }
    }
}

impl Kind {
    /// The expected type, if `value` has another type.
    fn mismatch(self, value: &Value) -> Option<&'static str> {
        let integer = |value: &Value| {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        };
        match self {
            Self::Any => None,
            Self::Object => (!value.is_object()).then_some("object"),
            Self::Array => (!value.is_array()).then_some("array"),
            Self::String => (!value.is_string()).then_some("string"),
            Self::Integer => (!integer(value)).then_some("integer"),
            Self::Number => (!value.is_number()).then_some("number"),
            Self::Boolean => (!value.is_boolean()).then_some("boolean"),
            Self::IntOrString => (!value.is_string() && !integer(value)).then_some("integer,string"),
        }
    }
}

/// Whether the real server accepts `text` as a duration: Go's format, or any number with a unit up to weeks.
fn is_duration(text: &str) -> bool {
    static AMOUNT: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)\d\s*(ns|nano|us|µs|s|m|h|d|w)").ok());
    matches!(text, "0" | "+0" | "-0") || AMOUNT.as_ref().is_some_and(|amount| amount.is_match(text))
}

/// Whether `text` is a time with exactly six fractional digits.
fn is_micro_time(text: &str) -> bool {
    let digits =
        text.split_once('.').map(|(_, fraction)| fraction.bytes().take_while(u8::is_ascii_digit).count());
    digits == Some(6) && text.parse::<Timestamp>().is_ok()
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The path in messages. The real server calls the root `<nil>`.
fn shown(path: &str) -> &str {
    if path.is_empty() { "<nil>" } else { path }
}
