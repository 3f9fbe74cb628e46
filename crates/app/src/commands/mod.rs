//! One file per subcommand.

mod build_source;
pub(crate) mod completions;
pub(crate) mod crds;
pub(crate) mod deliveries;
#[cfg(feature = "dev")]
pub(crate) mod dev;
mod event_args;
pub(crate) mod explain;
pub(crate) mod images;
pub(crate) mod journal;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod status;
mod tekton_objects;
pub(crate) mod validate;
