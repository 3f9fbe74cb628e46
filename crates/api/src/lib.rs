//! The Kubernetes resource types we read and write, one file per kind, a folder per API group.
//!
//! Types, validation and the CRDs of the dev cluster. No client, no I/O.
//! A field that a type does not name is kept as it is (`other`), so that a spec can be read, embedded
//! elsewhere and written without losing anything.
#![forbid(unsafe_code)]

pub mod annotations;
pub mod crds;
pub mod manifest;
mod resource;
pub mod shipwright;
pub mod tekton;
