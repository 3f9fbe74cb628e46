//! The binary of Shipwright Trigger: command line, options, wiring.
//!
//! - `commands`: a file or folder per subcommand. `deliveries` and `images` are clients of the admin API;
//!   `admin_client` is what they have in common.
//! - `options`: a file per group of flags. `program`: the wiring, and the order of shutdown. `listeners` opens all
//!   sockets before anything starts.
//! - `low_priority_runtime`: the threads of the dispatcher, of the admin API and of the watches, with a lower priority than
//!   the intake.
//!   Providers give up on an answer after seconds; a run that starts a moment later harms nothing.
//! - `leader_tasks`: starts and stops the work that one replica does for all.
//! - `render_decisions`: decisions for people. `sanitize`: text of strangers, made safe to print. `wrap`: lines as wide
//!   as the terminal.
//! - `environment`: variables that look like options and are none.
//! - `traces`: spans of deliveries to an OpenTelemetry collector. `panics`: panics are counted and logged with
//!   their place, without their message, which may quote a payload.
//! - `dev`: the demo of `shipwright-trigger dev`. The end-to-end scenarios are `tests/e2e`.
//!
//! # Invariants
//!
//! - No other crate names OpenTelemetry. `anyhow` is used here and in `xtask` only.
//! - `main.rs` calls this library and does nothing else.
//! - Text of strangers passes `sanitize` before it is printed. JSON output is left as it is.
#![forbid(unsafe_code)]

mod admin_client;
mod cli;
mod commands;
#[cfg(feature = "dev")]
mod dev;
mod environment;
mod leader_tasks;
mod limits;
mod logging;
mod low_priority_runtime;
mod manifests;
mod metrics;
mod options;
mod outbound_calls;
mod panics;
mod ports;
mod process_metrics;
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
mod wrap;

pub use cli::{Cli, Command, run};
pub use limits::LIMITS;
pub use logging::{LogOptions, start_logging};
pub use options::{
    AdminAuth, AdminOptions, DecideAgain, HookPath, ImageOptions, LeaseOptions, ListenerMode,
    ListenerOptions, ProgramOptions, PublicUrl, RegistryHook, RegistryHookOptions, RetentionOptions,
    WorkOptions,
};
pub use program::Program;
