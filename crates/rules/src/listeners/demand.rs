//! The demand of a trigger's first interceptor on the headers of a request: triggers are found by it.

use trigger_api::triggers::{InterceptorRef, TriggerInterceptor};
use trigger_expr::Headers;

use crate::interceptors::event_headers;

/// Triggers with more types of event are looked at for every event: they would fill the index.
const MOST_TYPES: usize = 64;

/// The demand of a trigger on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Demand {
    /// Any request could pass its first interceptor.
    Any,
    /// Only a request with one of these types of event could.
    EventType {
        /// The header that holds the type.
        header: &'static str,
        /// The types. Without any, no request passes.
        types: Box<[Box<str>]>,
    },
}

impl Demand {
    /// The demand of the first interceptor of a chain. `is_core` tells the core interceptors from others of their names.
    pub(super) fn of(interceptors: &[TriggerInterceptor], is_core: impl Fn(&str) -> bool) -> Self {
        interceptors.first().and_then(|first| Self::of_first(first, is_core)).unwrap_or(Self::Any)
    }

    fn of_first(first: &TriggerInterceptor, is_core: impl Fn(&str) -> bool) -> Option<Self> {
        let reference = first.reference.as_ref().filter(|_| first.webhook.is_none())?;
        if reference.kind == InterceptorRef::NAMESPACED || !is_core(&reference.name) {
            return None;
        }
        let (_, header) = event_headers().find(|(name, _)| *name == reference.name)?;
        let mut params = first.params.iter().filter(|param| param.name.eq_ignore_ascii_case("eventTypes"));
        let (Some(param), None) = (params.next(), params.next()) else { return None };
        let types = param.value.as_array().filter(|types| types.len() <= MOST_TYPES)?;
        let types = types.iter().map(|kind| kind.as_str().map(Box::from));
        Some(Self::EventType { header, types: types.collect::<Option<_>>()? })
    }

    /// Whether a request could pass the first interceptor.
    pub(super) fn admits(&self, headers: &Headers) -> bool {
        match self {
            Self::Any => true,
            Self::EventType { header, types } => {
                let found = headers.first(header).unwrap_or_default();
                types.iter().any(|expected| **expected == *found)
            }
        }
    }

    /// The headers that demands are about.
    pub(super) fn headers() -> impl Iterator<Item = &'static str> {
        event_headers().map(|(_, header)| header)
    }
}
