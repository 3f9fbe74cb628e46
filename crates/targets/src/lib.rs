//! What a decision makes: the object to create, rendered from a target and an event.
//!
//! Pure: the same request always renders the same [`Plan`], name included. That is what makes a repeated
//! launch harmless. A kind of target is a folder here and a line in [`KINDS`].
#![forbid(unsafe_code)]

mod build_run;
mod plan;
mod run_name;

pub use build_run::BuildRuns;
pub use plan::{Condition, Plan, RenderError, Request, ResourceType, TargetKind};
pub use run_name::run_name;

/// Every kind of target. Adding one is a folder and a line here.
pub static KINDS: &[&dyn TargetKind] = &[&BuildRuns];

/// Renders what a request asks for.
pub fn render(request: &Request<'_>) -> Result<Plan, RenderError> {
    let kind = KINDS.iter().find(|kind| kind.name() == request.target.kind);
    let kind = kind.ok_or_else(|| RenderError::UnknownKind(request.target.kind.to_owned()))?;
    kind.render(request)
}
