//! The command line and the wiring of Shipwright Trigger.
//!
//! `commands` has a file per subcommand, `options` a file per group of flags. `program` wires the parts together
//! and stops them in order. `dev` is the demo of `shipwright-trigger dev`.
#![forbid(unsafe_code)]

mod admin_client;
mod cli;
mod commands;
#[cfg(feature = "dev")]
mod dev;
mod dispatcher_runtime;
mod leader_tasks;
mod listeners;
mod logging;
mod manifests;
mod metrics;
mod options;
mod panics;
mod program;
mod render_decisions;
mod sanitize;
mod sender;
mod signals;
#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "traces/off.rs"]
mod traces;

pub use cli::{Cli, Command, run};
pub use logging::{LogOptions, start_logging};
pub use options::{
    AdminAuth, AdminOptions, HookPath, ImageOptions, LeaseOptions, ProgramOptions, RegistryHook,
    RegistryHookOptions, RetentionOptions, WorkOptions,
};
pub use program::Program;
