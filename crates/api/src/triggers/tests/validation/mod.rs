//! A row is a part of an object, and what admission says about it: nothing if it is fine.

mod bindings;
mod grammar;
mod interceptor_uses;
mod interceptors;
mod listeners;
mod resources;
mod templates;
mod triggers;

use serde_json::Value;

use crate::triggers::validate;

const BETA: &str = "v1beta1";
const ALPHA: &str = "v1alpha1";

/// What admission says about a manifest in YAML.
fn said(manifest: &str) -> String {
    let object: Value = serde_saphyr::from_str(manifest).unwrap();
    validate(object).unwrap().to_string()
}

/// What admission says about an object with this spec, in YAML's flow style.
fn said_of(version: &str, kind: &str, spec: &str) -> String {
    said(&format!(
        "{{apiVersion: triggers.tekton.dev/{version}, kind: {kind}, metadata: {{name: x, namespace: a}}, spec: {spec}}}"
    ))
}

/// Checks rows of a spec with its version, and what is said about it.
fn check(kind: &str, wrap: impl Fn(&str) -> String, rows: &[(&str, &str, &str)]) {
    for (version, part, expected) in rows {
        assert_eq!(said_of(version, kind, &wrap(part)), *expected, "{version} {kind}: {part}");
    }
}
