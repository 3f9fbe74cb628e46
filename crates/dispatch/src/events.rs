use trigger_core::{Delivery, Event};
use trigger_images::IMAGES;
use trigger_providers::{PayloadError, by_name};

use crate::pipeline_runs::{self, TEKTON};

/// Why a delivery has no meaning.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeaningError {
    /// It came from a source this version does not know.
    #[error("deliveries from `{0}` are not understood by this version")]
    UnknownSource(String),
    /// It is said to be about a PipelineRun, and its body is none.
    #[error("the body is no PipelineRun that has started")]
    NoPipelineRun,
    /// It is said to be about images, and its body names no change.
    #[error("the body names no change of an image")]
    NoImage,
    /// Its payload cannot be understood.
    #[error("the payload cannot be understood")]
    Payload(#[from] PayloadError),
}

/// Reads the event out of a delivery as the journal keeps it.
pub(crate) fn meaning(delivery: &Delivery) -> Result<Event, MeaningError> {
    if *delivery.source == *TEKTON {
        return pipeline_runs::read(delivery).ok_or(MeaningError::NoPipelineRun);
    }
    if *delivery.source == *IMAGES {
        return trigger_images::read(delivery).ok_or(MeaningError::NoImage);
    }
    let provider = by_name(&delivery.source);
    let provider = provider.ok_or_else(|| MeaningError::UnknownSource(delivery.source.to_string()))?;
    Ok(provider.read(delivery)?)
}
