//! Feeds of the inventory: one watch per kind of owner, in every namespace of the scope.

mod build;
mod scope;

pub use self::build::{BuildWatch, list_builds, watch_builds};
pub use self::scope::Scope;
