use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use trigger_core::DeliveryId;

/// What a sender is told. Nothing here is about the cluster: no names, no namespaces, no counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HookResponse {
    /// 202: the delivery is kept and will be worked on, or is being worked on already.
    Accepted(DeliveryId),
    /// 202: images that a notification is about will be looked at soon.
    Noted,
    /// 200: the same delivery was worked on before.
    Duplicate(DeliveryId),
    /// 200: the hook works.
    Ping,
    /// 200: the event is about no repository, or no tag was pushed that a Build waits for, so no rule could care.
    Ignored,
    /// 400: the request is no delivery of the provider.
    Malformed,
    /// 401: no key of a Build that uses the repository verifies it.
    Unauthorized(AuthFailure),
    /// 404: no Build uses the repository, or there is no such path.
    NotFound,
    /// 405: deliveries are sent by POST.
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    BodyTimeout,
    /// 413: the body is larger than we read.
    TooLarge,
    /// 415: the body is neither JSON nor a form.
    UnsupportedMediaType,
    /// 429: too many forged deliveries for this repository.
    TooMany,
    /// 503: the delivery cannot be taken in now. Nothing is kept.
    Unavailable(UnavailableReason),
}

/// RejectionDetail nothing proves a sender. For the operator: senders are not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    /// There is no signature or key, or it is not written as it should be.
    Unproven,
    /// No key verifies it.
    NotVerified,
    /// There is no key that could.
    NoKey,
}

/// What keeps us from taking something in. For the operator: senders are not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnavailableReason {
    /// Not every Build has been seen yet.
    NotReady,
    /// The bodies that are being taken in use all the memory there is for them.
    NoMemory,
    /// What verifies it cannot be read.
    NoSecret,
    /// The journal cannot keep it.
    Journal,
}

/// What was sent, in the words of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// A Git provider's delivery, about a repository.
    Delivery,
    /// A registry's notification, about images.
    Notification,
}

/// How long a sender should wait before it tries again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<&'a DeliveryId>,
    message: &'static str,
}

impl HookResponse {
    /// The machine name, for metrics and for the answer itself.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) | Self::Noted => "accepted",
            Self::Duplicate(_) => "duplicate",
            Self::Ping => "ping",
            Self::Ignored => "ignored",
            Self::Malformed => "malformed",
            Self::Unauthorized(_) => "unauthorized",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::BodyTimeout => "body-timeout",
            Self::TooLarge => "too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::TooMany => "too-many",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// Every [`HookResponse::name`], that of a delivery that is taken in first.
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
    pub(crate) const REJECTIONS: [&str; 13] = [
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
        "no-memory",
        "secret-unreadable",
        "journal",
    ];

    /// RejectionDetail something is not taken in, for metrics; `None` if it is. Finer than the name, which senders see.
    pub(crate) fn rejection_reason(&self) -> Option<&'static str> {
        Some(match self {
            Self::Accepted(_) | Self::Noted | Self::Duplicate(_) | Self::Ping | Self::Ignored => return None,
            Self::Unauthorized(AuthFailure::Unproven) => "unproven",
            Self::Unauthorized(AuthFailure::NotVerified) => "not-verified",
            Self::Unauthorized(AuthFailure::NoKey) => "no-key",
            Self::Unavailable(UnavailableReason::NotReady) => "not-ready",
            Self::Unavailable(UnavailableReason::NoMemory) => "no-memory",
            Self::Unavailable(UnavailableReason::NoSecret) => "secret-unreadable",
            Self::Unavailable(UnavailableReason::Journal) => "journal",
            other => other.name(),
        })
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Accepted(_) | Self::Noted => StatusCode::ACCEPTED,
            Self::Duplicate(_) | Self::Ping | Self::Ignored => StatusCode::OK,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(&self, sent: MessageKind) -> &'static str {
        let words = |of_delivery, of_notification| match sent {
            MessageKind::Delivery => of_delivery,
            MessageKind::Notification => of_notification,
        };
        match self {
            Self::Accepted(_) => "the delivery is kept",
            Self::Noted => "the image will be looked at",
            Self::Duplicate(_) => "this delivery was already worked on; nothing runs twice",
            Self::Ping => "the hook works",
            Self::Ignored => words(
                "the event is about no repository; nothing to do",
                "no tag was pushed that a build waits for; nothing to do",
            ),
            Self::Malformed => words(
                "the request is not a delivery of this provider",
                "the request is not a notification of this registry",
            ),
            Self::Unauthorized(_) => words(
                "the signature is missing or not accepted",
                "the key or signature is missing or not accepted",
            ),
            Self::NotFound => "no build uses this repository",
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

    /// The answer to what was sent.
    pub(crate) fn to(&self, sent: MessageKind) -> Response {
        let delivery = match self {
            Self::Accepted(id) | Self::Duplicate(id) => Some(id),
            _ => None,
        };
        let body = Json(Body { status: self.name(), delivery, message: self.message(sent) });
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        match self {
            Self::MethodNotAllowed => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
            }
            Self::TooMany | Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            // What is left of the body would be taken for the next request.
            Self::TooLarge | Self::BodyTimeout => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}
