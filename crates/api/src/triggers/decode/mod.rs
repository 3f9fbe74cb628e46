//! Reading objects as Tekton Triggers reads them: Go's rules for JSON.
//!
//! - Object keys match without regard to case. Keys of the user's own maps, such as labels, are left alone.
//! - `null` is the same as an absent field. A value of another type is an error.
//! - A field that a type does not name is kept.
//!
//! Each object is read by itself, so that one bad object harms no other. What was odd but readable is noted, for
//! validation.

mod decode_error;
mod fields;
mod metadata;

use std::collections::{BTreeMap, BTreeSet};

pub use decode_error::DecodeError;
pub(super) use fields::{Decode, Decoder, Fields};
pub(super) use metadata::metadata;

/// What was odd about an object that could be read. Paths are in canonical spelling.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// Fields that no type names.
    pub(super) unknown: Vec<String>,
    /// Entries of lists that are `null`, where the entry is an object of its own.
    pub(super) nulls: BTreeSet<String>,
    /// Fields that only `v1alpha1` has, by the path of their interceptor.
    pub(super) legacy: BTreeMap<String, Vec<LegacyField>>,
}

/// A field of an interceptor that only `v1alpha1` has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LegacyField {
    /// The name of the field, such as `cel`.
    pub(super) name: &'static str,
    /// Whether it was rewritten to a reference with params. Otherwise it counts for nothing.
    pub(super) is_rewritten: bool,
}
