//! What is told of the program as a whole. What its parts count stands in the `metrics.rs` of each crate.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The prefix of every name.
pub(crate) const PREFIX: &str = "shipwright_trigger";

/// A registry that knows which program it is.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    let info = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "Which program this is", info);
    crate::panics::register(&mut registry);
    registry
}
