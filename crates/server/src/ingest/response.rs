use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use trigger_core::DeliveryId;

/// The response to a sender. It reveals nothing about the cluster: no names, no namespaces, no counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookResponse {
    /// 202: the delivery is stored and in the queue, or in progress already.
    Accepted(DeliveryId),
    /// 202: the images of a notification are resolved soon.
    Noted,
    /// 200: the same delivery was settled before.
    Duplicate(DeliveryId),
    /// 200: the same delivery was decided before, and no rule fired.
    StartedNothing(DeliveryId),
    /// 200: the hook works.
    Ping,
    /// 200: no rule can apply: the event has no repository, or no Build has a rule for a pushed tag.
    Ignored,
    /// 200: no rule is for the repository, and the provider would disable a hook that is answered with 404.
    Unused,
    /// 400: the request is not a delivery of the provider.
    Malformed,
    /// 401: no key of the rules for the repository verifies the request.
    Unauthorized(AuthFailure),
    /// 404: no rule is for the repository.
    NotFound,
    /// 404: no route has the path of the request. With the paths that have one, as a sentence.
    UnknownPath(String),
    /// 405: the method is not POST.
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    BodyTimeout,
    /// 413: the body is larger than the limit.
    TooLarge,
    /// 415: the body is neither JSON nor a form.
    UnsupportedMediaType,
    /// 429: too many deliveries for this repository failed verification.
    TooMany,
    /// 503: the delivery cannot be accepted now. Nothing is stored.
    Unavailable(UnavailableReason),
}

/// Why a request is not authenticated. For the operator: the response does not contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    /// The request has no credential.
    Missing,
    /// The request has a malformed credential.
    Unproven,
    /// No key verifies the request.
    NotVerified,
    /// No Secret of the rules holds a key.
    NoKey,
}

/// Why a request cannot be accepted now. For the operator: the response does not contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnavailableReason {
    /// The Builds are not synced yet.
    NotReady,
    /// No known Build can accept it, and not every Build is known.
    BuildsUnknown,
    /// The listener is not known, and not every one of its namespace is.
    ListenersUnknown,
    /// The bodies of other requests use all the memory for bodies.
    NoMemory,
    /// A Secret or key file cannot be read.
    NoSecret,
    /// The journal cannot store the delivery.
    Journal,
    /// The tenant's share of the journal is used up.
    TenantQuota,
    /// No key verifies the sender, and the budget for such requests to listeners is used up.
    OpenBudget,
}

/// The kind of request, which the message of the response names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// A Git provider's delivery, about a repository.
    Delivery,
    /// A registry's notification, about images.
    Notification,
    /// A request to a listener.
    ListenerRequest,
}

/// `Retry-After`, in seconds: most causes of a 503 are over by then.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a DeliveryId>,
    message: Cow<'a, str>,
}

impl HookResponse {
    /// The machine name, for metrics and for the `status` of the body.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) | Self::Noted => "accepted",
            Self::Duplicate(_) | Self::StartedNothing(_) => "duplicate",
            Self::Ping => "ping",
            Self::Ignored | Self::Unused => "ignored",
            Self::Malformed => "malformed",
            Self::Unauthorized(_) => "unauthorized",
            Self::NotFound | Self::UnknownPath(_) => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::BodyTimeout => "body-timeout",
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::TooMany => "too-many",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Every [`HookResponse::name`], starting with that of an accepted delivery.
    pub(crate) const NAMES: [&str; 13] = [
        "accepted",
        "duplicate",
        "ping",
        "ignored",
        "malformed",
        "unauthorized",
        "not-found",
        "method-not-allowed",
        "body-timeout",
        "too-large",
        "unsupported-media-type",
        "too-many",
        "unavailable",
    ];

    /// Every [`HookResponse::rejection_reason`].
    pub(crate) const REJECTIONS: [&str; 17] = [
        "malformed",
        "unproven",
        "not-verified",
        "no-key",
        "not-found",
        "body-timeout",
        "too-large",
        "unsupported-media-type",
        "too-many",
        "not-ready",
        "builds-unknown",
        "listeners-unknown",
        "no-memory",
        "secret-unreadable",
        "journal",
        "tenant-quota",
        "open-budget",
    ];

    /// Why the request was rejected, for metrics; `None` if it was accepted. Finer than the name that senders see.
    pub(crate) fn rejection_reason(&self) -> Option<&'static str> {
        Some(match self {
            Self::Accepted(_)
            | Self::Noted
            | Self::Duplicate(_)
            | Self::StartedNothing(_)
            | Self::Ping
            | Self::Ignored => return None,
            Self::Unauthorized(AuthFailure::Missing | AuthFailure::Unproven) => "unproven",
            Self::Unauthorized(AuthFailure::NotVerified) => "not-verified",
            Self::Unauthorized(AuthFailure::NoKey) => "no-key",
            Self::Unavailable(UnavailableReason::NotReady) => "not-ready",
            Self::Unavailable(UnavailableReason::BuildsUnknown) => "builds-unknown",
            Self::Unavailable(UnavailableReason::ListenersUnknown) => "listeners-unknown",
            Self::Unavailable(UnavailableReason::NoMemory) => "no-memory",
            Self::Unavailable(UnavailableReason::NoSecret) => "secret-unreadable",
            Self::Unavailable(UnavailableReason::Journal) => "journal",
            Self::Unused => Self::NotFound.name(),
            Self::Unavailable(UnavailableReason::TenantQuota) => "tenant-quota",
            Self::Unavailable(UnavailableReason::OpenBudget) => "open-budget",
            other => other.name(),
        })
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Accepted(_) | Self::Noted => StatusCode::ACCEPTED,
            Self::Duplicate(_) | Self::StartedNothing(_) | Self::Ping | Self::Ignored | Self::Unused => {
                StatusCode::OK
            }
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::NotFound | Self::UnknownPath(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(&self, sent: MessageKind) -> &str {
        let words = |of_delivery: &'static str, of_notification: &'static str| match sent {
            MessageKind::Delivery | MessageKind::ListenerRequest => of_delivery,
            MessageKind::Notification => of_notification,
        };
        match self {
            Self::Accepted(_) => "the delivery is kept",
            Self::Noted => "the image will be looked at",
            Self::Duplicate(_) => "this delivery was already worked on; nothing runs twice",
            Self::StartedNothing(_) => "decided before and started nothing: replay it",
            Self::Ping => "the hook works",
            Self::Ignored => words(
                "the event is about no repository; nothing to do",
                "no tag was pushed that a build waits for; nothing to do",
            ),
            Self::Malformed => words(
                "the request is not a delivery of this provider",
                "the request is not a notification of this registry",
            ),
            Self::Unauthorized(AuthFailure::Missing) => words(
                "the request is not signed; set the secret of the webhook at the provider",
                "the request carries no key; set the key of the notification at the registry",
            ),
            Self::Unauthorized(_) => words(
                "the signature is missing or not accepted",
                "the key or signature is missing or not accepted",
            ),
            Self::NotFound if sent == MessageKind::ListenerRequest => "there is no such listener",
            Self::NotFound | Self::Unused => "no build uses this repository",
            Self::UnknownPath(paths) => paths,
            Self::MethodNotAllowed => words("deliveries are sent by POST", "notifications are sent by POST"),
            Self::BodyTimeout => "the body did not arrive in time",
            Self::TooLarge => "the body is too large",
            Self::UnsupportedMediaType => "send application/json or application/x-www-form-urlencoded",
            Self::TooMany => words(
                "too many deliveries whose signature was not accepted; try again later",
                "too many notifications whose key was not accepted; try again later",
            ),
            Self::Unavailable(_) => words(
                "the delivery cannot be kept now; send it again later",
                "the notification cannot be taken in now; send it again later",
            ),
        }
    }

    /// The id under which the request is kept.
    pub(crate) fn delivery(&self) -> Option<&DeliveryId> {
        match self {
            Self::Accepted(id) | Self::Duplicate(id) | Self::StartedNothing(id) => Some(id),
            _ => None,
        }
    }

    /// The HTTP response to a request of this kind.
    pub(crate) fn to(&self, sent: MessageKind) -> Response {
        let delivery = self.delivery();
        let message = match self {
            Self::StartedNothing(id) => {
                format!("{} (`shipwright-trigger deliveries replay {id}`)", self.message(sent)).into()
            }
            _ => Cow::Borrowed(self.message(sent)),
        };
        let body = Json(Body { status: self.name(), delivery, message });
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        match self {
            Self::MethodNotAllowed => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            Self::TooMany | Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            _ => {}
        }
        if !matches!(self, Self::Accepted(_) | Self::Noted | Self::Duplicate(_) | Self::StartedNothing(_)) {
            close_after(&mut response);
        }
        response
    }
}

/// Closes the connection after this response.
///
/// Only a verified sender may send the next request over the same connection. Strangers that pipeline requests would cost
/// more time than they spend. After a body that was not read, the rest of it would be a request.
pub(super) fn close_after(response: &mut Response) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verified_senders_keep_their_connection() {
        let closes = |response: &HookResponse| {
            response.to(MessageKind::Delivery).headers().get(header::CONNECTION).is_some()
        };
        let id = DeliveryId::derive(&[b"id"]);
        for response in [HookResponse::Accepted(id.clone()), HookResponse::Noted, HookResponse::Duplicate(id)]
        {
            assert!(!closes(&response), "{response:?}");
        }
        for response in [
            HookResponse::Ping,
            HookResponse::Ignored,
            HookResponse::NotFound,
            HookResponse::MethodNotAllowed,
            HookResponse::Unauthorized(AuthFailure::NotVerified),
            HookResponse::Unavailable(UnavailableReason::NoMemory),
        ] {
            assert!(closes(&response), "{response:?}");
        }
    }
}
