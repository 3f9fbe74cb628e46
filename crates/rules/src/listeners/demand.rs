//! The demands of a trigger's interceptors on a request: triggers are found by them.

use trigger_api::triggers::{InterceptorParam, InterceptorRef, TriggerInterceptor};
use trigger_expr::Headers;
use trigger_expr::cel::DemandedText;

use super::listener_set::repository_key;
use crate::interceptors::{Authentication, Chain, SecretDemand, event_headers};

/// Triggers with more types of event are looked at for every event: they would fill the index.
const MOST_TYPES: usize = 64;

/// The demands of a trigger on a request. A part that is absent demands nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// Only a request with one of these types of event could pass the first interceptor.
    pub(super) types: Option<DemandedTypes>,
    /// Only a request with this content could pass the chain.
    pub(super) content: Option<ContentDemand>,
}

/// The types of event that the first interceptor lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DemandedTypes {
    /// The header that holds the type.
    pub(super) header: &'static str,
    /// The types. Without any, no request passes.
    pub(super) types: Box<[Box<str>]>,
}

/// The content that an interceptor demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ContentDemand {
    /// The content.
    pub(super) content: Content,
    /// The authentication that every sender meets before the content is looked at.
    pub(super) lock: Lock,
}

/// A part of the content of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// A text in the body, for the filter of the interceptor `cel`.
    Text(DemandedText),
    /// The repository of a webhook, for the interceptor `git`: see [`repository_key`].
    Repository(Box<str>),
}

/// The authentication of senders before an interceptor looks at the content. Triggers with one lock ask alike about an event
/// whose content they do not demand, so one of them can stand for all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lock {
    /// There is none.
    Open,
    /// A key must verify the sender, and is asked about no event that the interceptor stops by its content.
    Closed,
    /// This key must verify the sender.
    Secret(SecretDemand),
}

impl Demand {
    /// The demands of a trigger with these interceptors, compiled to `chain`. `is_core` tells the core interceptors from
    /// others of their names.
    pub(super) fn of(
        interceptors: &[TriggerInterceptor],
        chain: &Chain,
        is_core: impl Fn(&str) -> bool,
    ) -> Self {
        let first = interceptors.first();
        let types = first.and_then(|first| DemandedTypes::of(first, is_core));
        // Types that are not in the index stop some of the requests before a Secret is asked, so no lock describes them.
        let is_exact = types.is_some() || first.is_none_or(|first| type_params(first).next().is_none());
        let text = || chain.demanded_text().filter(|_| is_exact).cloned().map(Content::Text);
        let repository = chain.repository().map(|repository| Content::Repository(repository_key(repository)));
        let content = repository.or_else(text);
        Self { types, content: content.map(|content| ContentDemand { content, lock: Lock::of(chain) }) }
    }

    /// Whether a request could pass the first interceptor by the type of its event.
    pub(super) fn admits_type(&self, headers: &Headers) -> bool {
        self.types.as_ref().is_none_or(|DemandedTypes { header, types }| {
            let found = headers.first(header).unwrap_or_default();
            types.iter().any(|expected| **expected == *found)
        })
    }
}

impl DemandedTypes {
    fn of(first: &TriggerInterceptor, is_core: impl Fn(&str) -> bool) -> Option<Self> {
        let reference = first.reference.as_ref().filter(|_| first.webhook.is_none())?;
        if reference.kind == InterceptorRef::NAMESPACED || !is_core(&reference.name) {
            return None;
        }
        let (_, header) = event_headers().find(|(name, _)| *name == reference.name)?;
        let mut params = type_params(first);
        let (Some(param), None) = (params.next(), params.next()) else { return None };
        let types = param.value.as_array().filter(|types| types.len() <= MOST_TYPES)?;
        let types = types.iter().map(|kind| kind.as_str().map(Box::from));
        Some(Self { header, types: types.collect::<Option<_>>()? })
    }

    /// Each header that holds a type, with its value in a request.
    pub(super) fn in_request(headers: &Headers) -> impl Iterator<Item = (&'static str, &str)> {
        event_headers().map(move |(_, header)| (header, headers.first(header).unwrap_or_default()))
    }
}

fn type_params(interceptor: &TriggerInterceptor) -> impl Iterator<Item = &InterceptorParam> {
    interceptor.params.iter().filter(|param| param.name.eq_ignore_ascii_case("eventTypes"))
}

impl Lock {
    fn of(chain: &Chain) -> Self {
        match (chain.first_authentication(), chain.authentication()) {
            (Authentication::Secret(demand), _) => Self::Secret(demand.clone()),
            (_, Authentication::Open) => Self::Open,
            _ => Self::Closed,
        }
    }
}
