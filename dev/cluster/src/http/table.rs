//! Tables, as `kubectl get` prints them.

use serde_json::{Value, json};

use crate::identity;
use crate::json_path;
use crate::operations::Target;
use crate::resources::Column;

/// The object in each row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Include {
    Nothing,
    Metadata,
    Object,
}

impl Include {
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "None" => Self::Nothing,
            "Object" => Self::Object,
            _ => Self::Metadata,
        }
    }
}

/// A `Table` of `objects`, with the `metadata` of the list or the object.
pub(super) fn table(target: &Target, objects: &[Value], metadata: &Value, include: Include) -> Value {
    let columns = target.resource.version(&target.version).map(|v| v.columns.as_slice()).unwrap_or_default();
    let rows: Vec<Value> = objects.iter().map(|object| row(columns, object, include)).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": definitions(columns), "rows": rows,
    })
}

fn definitions(columns: &[Column]) -> Vec<Value> {
    let name = json!({"name": "Name", "type": "string", "format": "name", "priority": 0,
        "description": "Name must be unique within a namespace."});
    let definition = |column: &Column| {
        let kind = match column.kind.as_str() {
            "count" => "integer",
            "reference" => "string",
            other => other,
        };
        json!({"name": column.name, "type": kind, "format": "", "priority": column.priority,
            "description": column.description})
    };
    std::iter::once(name).chain(columns.iter().map(definition)).collect()
}

fn row(columns: &[Column], object: &Value, include: Include) -> Value {
    let name = object["metadata"]["name"].clone();
    let cells: Vec<Value> = std::iter::once(name).chain(columns.iter().map(|c| cell(c, object))).collect();
    let mut row = json!({"cells": cells});
    match include {
        Include::Nothing => {}
        Include::Metadata => row["object"] = metadata_only(object, "PartialObjectMetadata"),
        Include::Object => row["object"] = object.clone(),
    }
    row
}

fn cell(column: &Column, object: &Value) -> Value {
    // Built-in columns may have alternative paths; the first with a value is shown.
    let found = column
        .path
        .split('|')
        .map(|path| json_path::find(object, path))
        .find(|found| found.iter().any(|value| !value.is_null()));
    let found = found.unwrap_or_default();
    let first = found.first().copied();
    match column.kind.as_str() {
        "count" => first
            .map_or(0, |value| match value {
                Value::Array(list) => list.len(),
                Value::Object(map) => map.len(),
                _ => 0,
            })
            .into(),
        "reference" => {
            let text = |key| first.and_then(|r| r.get(key)).and_then(Value::as_str).unwrap_or_default();
            format!("{}/{}", text("kind").to_lowercase(), text("name")).into()
        }
        "date" => {
            first.map_or(Value::from("<unknown>"), |v| identity::age(v.as_str().unwrap_or_default()).into())
        }
        "integer" | "number" | "boolean" => first.cloned().unwrap_or_default(),
        _ if found.is_empty() => Value::from(""),
        _ => found
            .iter()
            .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(",")
            .into(),
    }
}

/// The object reduced to its metadata.
pub(super) fn metadata_only(object: &Value, kind: &str) -> Value {
    json!({"kind": kind, "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}
