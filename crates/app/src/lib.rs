//! The command line and the wiring of Shipwright Trigger.
//!
//! `commands` has a file per subcommand, `program` puts the parts together, `dev` tells the story of
//! `shipwright-trigger dev`.
#![forbid(unsafe_code)]

mod asking;
mod cli;
mod commands;
mod dev;
mod image_options;
mod logging;
mod manifests;
mod options;
mod program;
mod sender;
mod shutdown;
mod telling;
mod workers;

pub use cli::{Cli, Command, run};
pub use image_options::ImageOptions;
pub use logging::{LogOptions, start_logging};
pub use options::{AdminAuth, AdminOptions, KeepOptions, WorkOptions};
pub use program::{HookPath, Program, ProgramOptions};
