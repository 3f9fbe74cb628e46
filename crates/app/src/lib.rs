//! The command line and the wiring of Shipwright Trigger.
//!
//! `commands` has a file per subcommand, `program` puts the parts together, `dev` tells the story of
//! `shipwright-trigger dev`.
#![forbid(unsafe_code)]

mod asking;
mod cli;
mod commands;
#[cfg(feature = "dev")]
mod dev;
mod duties;
mod logging;
mod manifests;
mod metrics;
mod options;
mod panics;
mod plain;
mod ports;
mod program;
mod sender;
mod shutdown;
mod telling;
#[cfg(feature = "otel")]
mod traces;
#[cfg(not(feature = "otel"))]
#[path = "traces/off.rs"]
mod traces;
mod workers;

pub use cli::{Cli, Command, run};
pub use logging::{LogOptions, start_logging};
pub use options::{
    AdminAuth, AdminOptions, ImageOptions, KeepOptions, LeaseOptions, RegistryHook, RegistryHookOptions,
    WorkOptions,
};
pub use program::{HookPath, Program, ProgramOptions};
