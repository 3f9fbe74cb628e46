use std::fmt::Display;

use super::{FieldError, FieldErrors};

/// The mistakes of an object, as they are found. Paths are whole.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<FieldError>);

impl Report {
    /// The mistakes, sorted.
    pub(super) fn into_errors(self) -> FieldErrors {
        FieldErrors::new(self.0)
    }

    /// Adds a mistake that is put into words already.
    pub(super) fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// Adds all of another report.
    pub(super) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    fn add(&mut self, message: impl Into<String>, paths: &[&str]) {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        self.0.push(FieldError { message: message.into(), details: String::new(), paths });
    }

    /// A field is absent.
    pub(super) fn missing(&mut self, path: &str) {
        self.add("missing field(s)", &[path]);
    }

    /// None of several fields is present.
    pub(super) fn missing_one_of(&mut self, paths: &[&str]) {
        self.add("expected exactly one, got neither", paths);
    }

    /// More than one of several fields is present.
    pub(super) fn multiple_of(&mut self, paths: &[&str]) {
        self.add("expected exactly one, got both", paths);
    }

    /// A field may not be set.
    pub(super) fn disallowed(&mut self, path: &str) {
        self.add("must not set the field(s)", &[path]);
    }

    /// A value is wrong.
    pub(super) fn invalid(&mut self, value: impl Display, path: &str) {
        self.add(format!("invalid value: {value}"), &[path]);
    }

    /// A value is wrong, for a reason.
    pub(super) fn invalid_because(&mut self, value: impl Display, path: &str, details: impl Into<String>) {
        let message = format!("invalid value: {value}");
        self.0.push(FieldError { message, details: details.into(), paths: vec![path.to_owned()] });
    }

    /// No type names the field.
    pub(super) fn unknown(&mut self, path: &str) {
        let field = path.rsplit('.').next().unwrap_or(path);
        self.add(format!("unknown field {field:?}"), &[path]);
    }

    /// A mistake in words of its own.
    pub(super) fn plain(&mut self, message: impl Into<String>, path: &str) {
        self.add(message, &[path]);
    }

    /// A mistake of several fields together.
    pub(super) fn without_path(&mut self, message: impl Into<String>) {
        self.add(message, &[]);
    }
}

/// The path of a field of the object at `path`, which is empty for the manifest.
pub(super) fn below(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}
