//! The page of the admin API, made of its OpenAPI document.

use std::fmt::Write as _;

use anyhow::Context;
use serde_json::{Map, Value};

use super::{MADE, cell};

pub(super) fn page(document: &Value) -> anyhow::Result<String> {
    let mut text = format!(
        "# Admin API\n\nServed on the admin port, and described there by `/api/v1/openapi.json`. Who may do what: \
         [operating](../operating.md#the-admin-api). Errors are `application/problem+json`, see [Problem](#problem). \
         {MADE}\n"
    );
    for (path, methods) in object(&document["paths"])? {
        for (method, operation) in object(methods)? {
            let _ =
                writeln!(text, "\n## `{} {path}`\n\n{}", method.to_uppercase(), said(&operation["summary"]));
            parameters(operation, &mut text);
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !body.is_null() {
                let _ = writeln!(text, "\nBody: {}.", kind(body));
            }
            text.push('\n');
            for (status, answer) in
                object(&operation["responses"])?.iter().filter(|(status, _)| *status != "default")
            {
                for (media, content) in object(&answer["content"])? {
                    let schema = &content["schema"];
                    let shape = if schema.as_object().is_some_and(Map::is_empty) {
                        String::new()
                    } else {
                        format!(", {}", kind(schema))
                    };
                    let _ = writeln!(text, "- {status}, `{media}`{shape}: {}", said(&answer["description"]));
                }
            }
        }
    }
    for (name, schema) in object(&document["components"]["schemas"])? {
        let _ = writeln!(text, "\n### {name}\n\n{}", said(&schema["description"]));
        shape(schema, &mut text);
    }
    Ok(text)
}

fn parameters(operation: &Value, text: &mut String) {
    let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
    if parameters.is_empty() {
        return;
    }
    text.push_str("\n| parameter | in | type | what |\n|---|---|---|---|\n");
    for parameter in parameters {
        let (name, place) = (said(&parameter["name"]), said(&parameter["in"]));
        let (kind, what) = (kind(&parameter["schema"]), said(&parameter["description"]));
        let _ = writeln!(text, "| `{name}` | {place} | {kind} | {what} |");
    }
}

/// The fields of a schema, or the values that there are.
fn shape(schema: &Value, text: &mut String) {
    if let Some(fields) = schema["properties"].as_object() {
        text.push_str("\n| field | type | what |\n|---|---|---|\n");
        for (name, field) in fields {
            let _ = writeln!(text, "| `{name}` | {} | {} |", kind(field), said(&field["description"]));
        }
    }
    for choice in schema["oneOf"].as_array().or(schema["anyOf"].as_array()).into_iter().flatten() {
        let what = said(&choice["description"]);
        let fields = choice["properties"].as_object().map(|fields| {
            let one = |(name, field): (&String, &Value)| match field["const"].as_str() {
                Some(value) => format!("`{name}`: `{value}`"),
                None => format!("`{name}`: {}", kind(field)),
            };
            fields.iter().map(one).collect::<Vec<_>>().join(", ")
        });
        let line = fields.unwrap_or_else(|| kind(choice));
        let colon = if what.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "- {line}{colon}{what}");
    }
}

/// What values of a schema are, in a word.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(value) = schema["const"].as_str() {
        return format!("`{value}`");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("`{}`", said(value))).collect::<Vec<_>>().join(" or ");
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(choices) = schema[key].as_array() {
            return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    let words: Vec<_> = match &schema["type"] {
        Value::String(word) => vec![word.as_str()],
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    let all = words.join(" or ");
    if words.contains(&"array") { format!("{all} of {}", kind(&schema["items"])) } else { all }
}

fn said(value: &Value) -> String {
    cell(value.as_str().unwrap_or_default())
}

fn object(value: &Value) -> anyhow::Result<&Map<String, Value>> {
    value.as_object().context("the OpenAPI document has another shape than this expects")
}
