//! Field ownership: `metadata.managedFields`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::apply;
use super::fields::{FieldPath, FieldSet, leaves, readable};
use crate::schema::Schema;
use crate::status::{ApiError, Cause};

/// The operation by which a manager owns its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// The manager of a write, and its endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) manager: String,
    pub(crate) api_version: String,
    /// `status`, or empty for the object itself.
    pub(crate) subresource: &'static str,
    pub(crate) now: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    manager: String,
    operation: Operation,
    api_version: String,
    subresource: String,
    time: String,
    fields: FieldSet,
}

/// A field that another manager owns with another value.
#[derive(Clone, Debug)]
pub(crate) struct Conflict {
    manager: String,
    path: FieldPath,
}

/// The managers of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Managers(Vec<Entry>);

impl Managers {
    /// The managers of an object. Invalid entries are dropped.
    pub(crate) fn of(object: &Value) -> Self {
        let list = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        let text = |entry: &Value, key: &str| {
            entry.get(key).and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
        };
        let entry = |entry: &Value| {
            Some(Entry {
                manager: text(entry, "manager"),
                operation: match entry.get("operation")?.as_str()? {
                    "Apply" => Operation::Apply,
                    "Update" => Operation::Update,
                    _ => return None,
                },
                api_version: text(entry, "apiVersion"),
                subresource: text(entry, "subresource"),
                time: text(entry, "time"),
                fields: FieldSet::parse(entry.get("fieldsV1")?),
            })
        };
        Self(list.into_iter().flatten().filter_map(entry).collect())
    }

    /// Writes the managers into an object.
    pub(crate) fn write(&self, object: &mut Value) {
        let entry = |entry: &Entry| {
            let mut value = json!({
                "manager": entry.manager, "operation": entry.operation.as_str(),
                "apiVersion": entry.api_version, "time": entry.time,
                "fieldsType": "FieldsV1", "fieldsV1": entry.fields.to_value(),
            });
            if !entry.subresource.is_empty() {
                value["subresource"] = entry.subresource.as_str().into();
            }
            value
        };
        if self.0.is_empty() {
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("managedFields");
            }
            return;
        }
        object["metadata"]["managedFields"] = self.0.iter().map(entry).collect();
    }

    /// Records that `writer` changed `before` to `after` without an apply.
    pub(crate) fn record_update(&mut self, before: &Value, after: &Value, schema: &Schema, writer: &Writer) {
        let (old, new) = (leaves(before, schema), leaves(after, schema));
        let removed: Vec<&FieldPath> = old.keys().filter(|path| !new.contains_key(*path)).collect();
        let written: Vec<&FieldPath> =
            new.iter().filter(|(path, value)| old.get(*path) != Some(value)).map(|(path, _)| path).collect();
        if removed.is_empty() && written.is_empty() {
            return;
        }
        let is_own = |entry: &Entry| entry.belongs_to(writer, Operation::Update);
        for entry in &mut self.0 {
            let before = entry.fields.0.len();
            for path in &removed {
                entry.fields.0.remove(*path);
            }
            if !is_own(entry) {
                for path in &written {
                    entry.fields.0.remove(*path);
                }
            } else if before != entry.fields.0.len() {
                entry.time.clone_from(&writer.now);
            }
        }
        if !written.is_empty() {
            let fields = written.into_iter().cloned();
            if let Some(entry) = self.0.iter_mut().find(|entry| is_own(entry)) {
                entry.fields.0.extend(fields);
                entry.time.clone_from(&writer.now);
            } else {
                self.0.push(Entry::new(writer, Operation::Update, FieldSet(fields.collect())));
            }
        }
        self.0.retain(|entry| !entry.fields.is_empty());
    }

    /// Applies `config` to `live` on behalf of `writer`. Returns the result, or the conflicts.
    pub(crate) fn apply(
        &mut self,
        live: &Value,
        config: &Value,
        schema: &Schema,
        writer: &Writer,
        force: bool,
    ) -> Result<Value, Vec<Conflict>> {
        let applied = FieldSet::of_leaves(&leaves(config, schema));
        let mut merged = live.clone();
        apply::merge(&mut merged, config, Some(schema));
        let (old, new) = (leaves(live, schema), leaves(&merged, schema));
        let changed = |path: &FieldPath| new.get(path).is_some_and(|value| old.get(path) != Some(value));
        let is_own = |entry: &Entry| entry.belongs_to(writer, Operation::Apply);
        let mut conflicts = Vec::new();
        for entry in self.0.iter().filter(|entry| !is_own(entry)) {
            let conflicting = entry.fields.0.iter().filter(|path| applied.0.contains(*path) && changed(path));
            conflicts
                .extend(conflicting.map(|path| Conflict { manager: entry.described(), path: path.clone() }));
        }
        if !conflicts.is_empty() && !force {
            return Err(conflicts);
        }
        for entry in &mut self.0 {
            if !is_own(entry) {
                entry.fields.0.retain(|path| {
                    !conflicts.iter().any(|conflict| conflict.path == *path && new.contains_key(path))
                });
            }
        }
        let previous =
            self.0.iter().find(|entry| is_own(entry)).map(|e| e.fields.clone()).unwrap_or_default();
        // In order of paths: a list element is removed before its key fields, which identify it.
        for path in previous.0.difference(&applied.0) {
            let still_owned =
                applied.touches(path) || self.0.iter().any(|e| !is_own(e) && e.fields.touches(path));
            if !still_owned {
                apply::remove(&mut merged, path);
            }
        }
        match self.0.iter_mut().find(|entry| is_own(entry)) {
            Some(entry) if entry.fields == applied => {}
            Some(entry) => {
                entry.fields = applied;
                entry.time.clone_from(&writer.now);
                entry.api_version.clone_from(&writer.api_version);
            }
            None => self.0.push(Entry::new(writer, Operation::Apply, applied)),
        }
        self.0.retain(|entry| !entry.fields.is_empty() || is_own(entry));
        Ok(merged)
    }
}

impl Entry {
    fn new(writer: &Writer, operation: Operation, fields: FieldSet) -> Self {
        Self {
            manager: writer.manager.clone(),
            operation,
            api_version: writer.api_version.clone(),
            subresource: writer.subresource.to_owned(),
            time: writer.now.clone(),
            fields,
        }
    }

    fn belongs_to(&self, writer: &Writer, operation: Operation) -> bool {
        self.manager == writer.manager
            && self.operation == operation
            && self.subresource == writer.subresource
            && (operation == Operation::Apply || self.api_version == writer.api_version)
    }

    fn described(&self) -> String {
        let mut text = format!("\"{}\"", self.manager);
        if !self.subresource.is_empty() {
            let _ = write!(text, " with subresource \"{}\"", self.subresource);
        }
        let _ = write!(text, " using {}", self.api_version);
        if self.operation == Operation::Update {
            let _ = write!(text, " at {}", self.time);
        }
        text
    }
}

impl Conflict {
    /// The error that names every conflict.
    pub(crate) fn error(conflicts: &[Self]) -> ApiError {
        let causes: Vec<Cause> = conflicts
            .iter()
            .map(|c| {
                Cause::new(readable(&c.path), "FieldManagerConflict", format!("conflict with {}", c.manager))
            })
            .collect();
        let message = if let [only] = causes.as_slice() {
            format!("Apply failed with 1 conflict: {}: {}", only.message, only.field)
        } else {
            let mut managers: Vec<&str> = conflicts.iter().map(|c| c.manager.as_str()).collect();
            managers.sort_unstable();
            managers.dedup();
            let mut text = format!("Apply failed with {} conflicts:", causes.len());
            for manager in managers {
                let _ = write!(text, " conflicts with {manager}:");
                for conflict in conflicts.iter().filter(|c| c.manager == manager) {
                    let _ = write!(text, "\n- {}", readable(&conflict.path));
                }
            }
            text
        };
        let mut error = ApiError::new(409, "Conflict", message);
        error.set_causes(&causes);
        error
    }
}
