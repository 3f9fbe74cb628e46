//! Feeds of the inventory: one watch per kind of owner, in every namespace of the scope.
//!
//! `coverage`: of which namespaces every Build is known. One that cannot be watched keeps no other from working.

mod build;
mod coverage;
mod scope;
mod tekton_triggers;

pub use self::build::{BuildWatch, list_builds, watch_builds};
pub(crate) use self::coverage::{SET_ASIDE_AFTER, STALE_AFTER};
pub use self::scope::Scope;
pub use self::tekton_triggers::list_tekton_triggers;
