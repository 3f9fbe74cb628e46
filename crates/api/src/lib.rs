//! The Kubernetes resource types that we read and write: a folder per API group, a file per kind.
//!
//! Types, parsing and validation. The CRDs that the dev cluster serves are YAML files and not derived from these
//! types: they stand in for the projects' own CRDs, with their pruning, while our types keep every field.
//!
//! # Invariants
//!
//! - No client and no I/O.
//! - A field that a type does not name survives reading and writing (`other`), so that a spec can be embedded
//!   elsewhere.
//! - A cluster is only asked for `shipwright.io/v1beta1`. `v1alpha1` is read from files: upstream's conversion to
//!   it fails for Builds with Image or Pipeline rules.
//! - Tekton's types read leniently. A field that a newer Tekton writes differently is left out; the object stays
//!   readable. Those of Tekton Triggers read as Tekton reads them, which is strict about types.
#![forbid(unsafe_code)]

pub mod annotations;
pub mod crds;
mod limits;
pub mod manifest;
mod resource;
pub mod shipwright;
pub mod tekton;
pub mod triggers;

pub use limits::LIMITS;
