//! Error responses of the admin API.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::error;
use trigger_journal::JournalError;
use trigger_runtime::AccessError;

use crate::wire::Problem;

/// An error response: an HTTP status and a sentence with the remedy. Written as [`Problem`].
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) detail: String,
}

/// The same for a missing and for an invisible delivery, so that it does not reveal which ids exist.
const UNKNOWN: &str = "there is no delivery with this id, or you may not see it; GET /api/v1/deliveries lists the \
                       visible ones";

impl ApiError {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The response for a delivery that does not exist or that the caller may not see.
    pub(super) fn unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, UNKNOWN)
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::BadCursor => Self::bad_request(
                "`after` is not the `next` of an earlier page; leave it out to start at the newest delivery",
            ),
            JournalError::Corrupt { .. } | JournalError::StaleToken { .. } => {
                error!(error = %error, "the admin API cannot read the journal");
                let detail = "the journal holds a record that cannot be read; see the log of this program";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
            JournalError::TenantFull { .. } => Self::unavailable(error.to_string()),
            _ => Self::unavailable(format!("{error}; try again later")),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        error!(%error, "the admin API cannot authenticate or authorize callers");
        Self::unavailable(format!("your identity and permissions cannot be checked now: {}", error.reason))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        // Serializing strings and a number cannot fail.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

pub(super) async fn no_such_path() -> ApiError {
    let detail = "there is no such path; this port serves /healthz, /readyz, /metrics and the paths that GET \
                  /api/v1/openapi.json lists; webhooks arrive on the other port";
    ApiError::new(StatusCode::NOT_FOUND, detail)
}

pub(super) async fn no_such_method() -> ApiError {
    let detail = "this path does not support this method; GET /api/v1/openapi.json lists the methods";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
