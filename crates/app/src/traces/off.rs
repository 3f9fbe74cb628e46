//! Replaces traces in a program that is built without them.

use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::Layer;

pub(crate) const TARGET: &str = "trigger_trace";

pub(crate) enum Traces {}

pub(crate) enum SpanLayer {}

impl Traces {
    #[allow(clippy::unnecessary_wraps, reason = "the signature of the real one")]
    pub(crate) fn start() -> anyhow::Result<Option<(Self, SpanLayer)>> {
        Ok(None)
    }

    #[allow(clippy::unused_async, reason = "the signature of the real one")]
    pub(crate) async fn stop(self) {
        match self {}
    }
}

impl SpanLayer {
    pub(crate) fn wants(_: &Metadata<'_>) -> bool {
        false
    }
}

impl<S: Subscriber> Layer<S> for SpanLayer {}
