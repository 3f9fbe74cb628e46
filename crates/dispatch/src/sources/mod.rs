//! The sources of deliveries, and the events that their deliveries hold. A source is a file here and a line in [`SOURCES`]; a test
//! compares the two.

mod image;
mod listener;
mod pipeline_run;
mod provider;

use trigger_core::{Delivery, Events};
use trigger_providers::PayloadError;
use trigger_rules::LazyPayload;

pub use self::pipeline_run::PipelineRunChange;
pub use self::provider::webhook_payload;

/// Every source of deliveries. Adding one is a file and a line here.
static SOURCES: &[&dyn Source] =
    &[&provider::Providers, &pipeline_run::PipelineRuns, &image::Images, &listener::Listeners];

/// A source of deliveries.
trait Source: Send + Sync {
    /// The file of the source here.
    #[cfg(test)]
    fn file(&self) -> &'static str;

    /// The events of a delivery as the journal keeps it; `None` for a delivery from another source.
    fn events(&self, delivery: &Delivery) -> Option<Result<Events, SourceError>>;

    /// The payload of a delivery of this source, for filters; `None` if it has none that they can read.
    fn payload<'a>(&self, _delivery: &'a Delivery) -> Option<LazyPayload<'a>> {
        None
    }
}

/// Why the events of a delivery cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// It came from a source that this version does not know.
    #[error("deliveries from `{0}` are not understood by this version")]
    UnknownSource(String),
    /// It should be about a PipelineRun, and its body is none.
    #[error("the body is no PipelineRun that has started")]
    NoPipelineRun,
    /// It should be about images, and its body names no change.
    #[error("the body names no change of an image")]
    NoImage,
    /// It should be for a listener, and its path names none.
    #[error("the path names no listener")]
    NoListener,
    /// Its payload cannot be read.
    #[error("the payload cannot be read")]
    Payload(#[from] PayloadError),
}

/// Reads the events out of a delivery as the journal keeps it.
pub(crate) fn events_of(delivery: &Delivery) -> Result<Events, SourceError> {
    let unknown = || Err(SourceError::UnknownSource(delivery.source.to_string()));
    SOURCES.iter().find_map(|source| source.events(delivery)).unwrap_or_else(unknown)
}

/// The payload of a delivery as the journal keeps it, for filters.
pub(crate) fn payload_of(delivery: &Delivery) -> LazyPayload<'_> {
    SOURCES.iter().find_map(|source| source.payload(delivery)).unwrap_or_else(LazyPayload::none)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_a_line_in_the_table() {
        let files: BTreeSet<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sources"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".rs").map(ToOwned::to_owned))
            .filter(|name| name != "mod")
            .collect();
        let lines: BTreeSet<_> = SOURCES.iter().map(|source| source.file().to_owned()).collect();
        assert_eq!(lines, files);
    }
}
