//! Plans: the objects that a decision creates, rendered from a target, an event and a cause.
//!
//! A target kind is a folder here and a line in `KINDS`: `build_run/` renders a Build's BuildRun and reads its
//! state. The custom tasks of `trigger-tasks` use the same renderer. [`template`] renders what a trigger of a listener
//! creates. It has an input of its own, because the values of a template differ with each event.
//!
//! A Build is named by its run if the event's ref is what the Build would check out anyway. Otherwise the run
//! embeds the Build's spec with the full commit id as revision, because Shipwright has no field that overrides a
//! Git revision.
//!
//! # Invariants
//!
//! - Pure: equal requests render equal plans, names included. A repeated launch is therefore harmless.
//! - [`run_name`] is a function of the delivery's id, the target's UID and the event's ordinal. Ordinal 0 adds
//!   nothing to the hash. The formula never changes: an upgrade would run stored deliveries twice.
//! - Names of objects of templates and `$(uid)` are functions of the delivery's id, the trigger and the event's
//!   ordinal. Their formulas never change either.
//! - A plan names its type by group and kind. The cluster finds the plural by discovery.
#![forbid(unsafe_code)]

pub mod build_run;
mod limits;
mod plan;
mod resource_template_error;
mod run_name;
mod run_status;
pub mod template;

pub use limits::{LIMITS, MOST_RESOURCES};
pub use plan::{
    Condition, Existing, FollowUp, LimitKey, Manifest, MergeRecords, Plan, RenderError, Request,
    ResourceType, Subject, TargetKey,
};
pub use resource_template_error::ResourceTemplateError;
pub use run_name::run_name;
pub use run_status::RunStatus;
use serde_json::Value;
use trigger_core::ResourceRef;

use self::plan::TargetKind;

/// Every kind of target. Adding one is a folder and a line here.
static KINDS: &[&dyn TargetKind] = &[&build_run::Builds];

/// The objects to create for a request, in the order in which they are to be created.
pub fn render(request: &Request<'_>) -> Result<Vec<Plan>, RenderError> {
    let resource = &request.target.resource;
    let kind = KINDS.iter().find(|kind| kind.is_of(resource));
    kind.ok_or_else(|| RenderError::UnknownKind(resource.kind.to_string()))?.render(request)
}

/// The version under which a run is read. `None` for an object that no kind of target creates.
pub fn version_of(run: &ResourceRef) -> Option<&'static str> {
    KINDS.iter().find_map(|kind| kind.version_of(run))
}

/// The state of a run, as its controller writes it. `None` for an object that no kind of target creates.
pub fn status_of(run: &ResourceRef, object: &Value) -> Option<RunStatus> {
    KINDS.iter().find_map(|kind| kind.status_of(run, object))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_folder_is_a_line_in_the_table() {
        let folders: BTreeSet<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        // Its input is no request.
        let template = std::iter::once("template".to_owned());
        let lines: BTreeSet<_> = KINDS.iter().map(|kind| kind.folder().to_owned()).chain(template).collect();
        assert_eq!(lines, folders);
    }
}
