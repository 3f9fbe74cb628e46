//! Feeds of the inventory: one watch per kind of owner, in every namespace of the scope.
//!
//! - `build`: Builds. `listeners/`: the seven kinds of Tekton Triggers.
//! - `coverage`: of which namespaces every object is known. One that cannot be watched keeps no other from working.
//! - `listed`: lists for a person, with what cannot be read.
//! - `rule_reports`: broken rules as Events on their objects.

mod build;
mod coverage;
mod listed;
mod listeners;
mod rule_reports;
mod scope;
mod tekton_triggers;

pub use self::build::{BuildWatch, list_builds, watch_builds};
pub(crate) use self::coverage::{SET_ASIDE_AFTER, STALE_AFTER};
pub use self::listed::Listed;
pub use self::listeners::{ListenerWatch, watch_listeners};
pub use self::scope::Scope;
pub use self::tekton_triggers::list_tekton_triggers;
