//! One file per subcommand.

pub(crate) mod completions;
pub(crate) mod crds;
pub(crate) mod dev;
pub(crate) mod send;
pub(crate) mod serve;
