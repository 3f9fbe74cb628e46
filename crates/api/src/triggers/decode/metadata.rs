use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value, json};

use super::{DecodeError, Decoder};
use crate::limits::MOST_METADATA_ENTRIES;

/// The fields of metadata whose values are read as they are.
const PLAIN: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Reads `metadata`. Keys of labels and annotations are left alone; fields that have no meaning here are left out.
pub(in crate::triggers) fn metadata(value: Value, decoder: &mut Decoder) -> Result<ObjectMeta, DecodeError> {
    let mut fields = decoder.fields(value)?;
    let mut canonical = Map::new();
    for name in ["labels", "annotations"] {
        let map = fields.map(decoder, name, MOST_METADATA_ENTRIES)?;
        if !map.is_empty() {
            canonical.insert(name.to_owned(), json!(map));
        }
    }
    for name in PLAIN {
        let value = fields.take(name);
        if !value.is_null() {
            canonical.insert((*name).to_owned(), value);
        }
    }
    for name in ["name", "namespace", "generateName", "uid"] {
        if let Some(value) = canonical.get(name) {
            decoder.at(name, |decoder| decoder.text(value.clone()))?;
        }
    }
    // What else there is, such as the large managed fields, is for the API server to judge.
    serde_json::from_value(Value::Object(canonical)).map_err(|error| decoder.form_error(error))
}
