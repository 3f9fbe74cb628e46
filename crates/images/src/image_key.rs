use std::fmt;
use std::sync::Arc;

use trigger_core::ImageRef;

/// An image in a namespace whose Builds watch it. Namespaces are polled for, paused and answered separately, so that
/// none can delay another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ImageKey {
    pub(crate) namespace: Arc<str>,
    pub(crate) image: ImageRef,
}

impl ImageKey {
    pub(crate) fn new(namespace: &Arc<str>, image: &ImageRef) -> Self {
        Self { namespace: Arc::clone(namespace), image: image.clone() }
    }
}

impl fmt::Display for ImageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.image, self.namespace)
    }
}
