//! Metrics of the program as a whole. Each crate has its own in its `metrics.rs`; those of the process are in
//! `process_metrics.rs`.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The prefix of every metric name.
pub(crate) const PREFIX: &str = "shipwright_trigger";

/// A registry with the build information and the count of panics.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    let info = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The version of the program", info);
    crate::panics::register(&mut registry);
    registry
}
