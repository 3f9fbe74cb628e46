//! Listeners of Tekton Triggers: requests in, objects out.

mod accounts;
mod chains;
mod cloud_events;
mod configuration;
mod creating;
mod door;
mod git;
mod hostile_server;
mod interceptors;
mod open;
pub(crate) mod scene;
mod secrets;
mod status;
