//! Listeners of Tekton Triggers: requests in, objects out.

mod chains;
mod configuration;
mod creating;
mod door;
pub(crate) mod scene;
mod status;
