use trigger_core::{Delivery, Events};
use trigger_images::{IMAGES, read};

use super::{Source, SourceError};

/// Changes of images that this program has observed.
pub(super) struct Images;

impl Source for Images {
    #[cfg(test)]
    fn file(&self) -> &'static str {
        "image"
    }

    fn events(&self, delivery: &Delivery) -> Option<Result<Events, SourceError>> {
        (*delivery.source == *IMAGES).then(|| read(delivery).map(Events::from).ok_or(SourceError::NoImage))
    }
}
