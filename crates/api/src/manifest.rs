//! Kubernetes manifests from files: YAML or JSON, one or several documents, either Build version.

use k8s_openapi::Resource;
use serde::Serialize;
use serde_json::Value;

use crate::shipwright::{Build, v1alpha1};

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The text is no YAML.
    #[error("not valid YAML")]
    Yaml(#[source] Box<serde_saphyr::Error>),
    /// A document is no Kubernetes object.
    #[error("document {number} is no Kubernetes object: `{missing}` is missing")]
    NotAnObject {
        /// The place of the document in the file, from 1.
        number: usize,
        /// The field it lacks.
        missing: &'static str,
    },
    /// A `v1alpha1` Build has another shape than that version allows.
    #[error("document {number} is not a valid Build of {}", v1alpha1::API_VERSION)]
    AlphaBuild {
        /// The place of the document in the file, from 1.
        number: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// The objects of a manifest, in order. Empty documents are passed over; `List`s are unfolded; Builds of
/// `v1alpha1` come out as `v1beta1`.
pub fn parse(text: &str) -> Result<Vec<Value>, ManifestError> {
    parse_each(text)?.into_iter().collect()
}

/// The same, where a document that cannot be used keeps no other from being read.
pub fn parse_each(text: &str) -> Result<Vec<Result<Value, ManifestError>>, ManifestError> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|source| ManifestError::Yaml(Box::new(source)))?;
    let mut objects = Vec::new();
    for (place, document) in documents.into_iter().enumerate() {
        let number = place + 1;
        if document.is_null() {
            continue;
        }
        let items = match document.get("items") {
            Some(Value::Array(items)) if is_kind(&document, "List") => items.clone(),
            _ => vec![document],
        };
        objects.extend(items.into_iter().map(|item| checked(item, number)));
    }
    Ok(objects)
}

fn checked(object: Value, number: usize) -> Result<Value, ManifestError> {
    for (missing, pointer) in
        [("apiVersion", "/apiVersion"), ("kind", "/kind"), ("metadata.name", "/metadata/name")]
    {
        if !object.pointer(pointer).is_some_and(Value::is_string) {
            return Err(ManifestError::NotAnObject { number, missing });
        }
    }
    if object["apiVersion"] == v1alpha1::API_VERSION && is_kind(&object, "Build") {
        let alpha: v1alpha1::AlphaBuild =
            serde_json::from_value(object).map_err(|source| ManifestError::AlphaBuild { number, source })?;
        return to_object(&Build::from(alpha)).map_err(|source| ManifestError::AlphaBuild { number, source });
    }
    Ok(object)
}

/// A resource as it stands in a manifest: with its `apiVersion` and `kind`.
///
/// Fails only for types that JSON cannot hold, which ours are not.
pub fn to_object<R: Resource + Serialize>(resource: &R) -> Result<Value, serde_json::Error> {
    let mut object = serde_json::to_value(resource)?;
    if let Value::Object(fields) = &mut object {
        fields.insert("apiVersion".to_owned(), R::API_VERSION.into());
        fields.insert("kind".to_owned(), R::KIND.into());
    }
    Ok(object)
}

fn is_kind(object: &Value, kind: &str) -> bool {
    object.get("kind").and_then(Value::as_str) == Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_documents_and_both_versions_are_read() {
        let objects = parse(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n---\napiVersion: shipwright.io/v1alpha1\n\
             kind: Build\nmetadata: {name: web, namespace: a}\nspec: {source: {url: 'https://h/o/r'}}\n",
        )
        .unwrap();
        let kinds: Vec<_> = objects.iter().map(|o| (o["kind"].clone(), o["apiVersion"].clone())).collect();
        assert_eq!(
            kinds,
            [("Namespace".into(), "v1".into()), ("Build".into(), "shipwright.io/v1beta1".into())]
        );
        assert_eq!(objects[1]["spec"]["source"]["git"]["url"], "https://h/o/r");
    }

    #[test]
    fn a_document_that_cannot_be_used_keeps_no_other_from_being_read() {
        let text = "kind: Build\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n";
        let objects = parse_each(text).unwrap();
        assert!(matches!(objects[0], Err(ManifestError::NotAnObject { number: 1, .. })));
        assert_eq!(objects[1].as_ref().unwrap()["kind"], "Namespace");
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(matches!(parse("{"), Err(ManifestError::Yaml(_))));
        let error = parse("kind: Build\n").unwrap_err();
        assert_eq!(error.to_string(), "document 1 is no Kubernetes object: `apiVersion` is missing");
    }
}
