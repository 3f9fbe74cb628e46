//! Answers that are not what was asked for.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::error;
use trigger_journal::JournalError;
use trigger_runtime::AccessError;

use crate::wire::Problem;

/// Why a request is not answered as wished: a status, and a sentence that says what to do.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) detail: String,
}

/// Says nothing on whether there is such a delivery.
const UNKNOWN: &str = "no delivery is known by this id, or you may not see it; GET /api/v1/deliveries lists \
                       those that you may see";

impl ApiError {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The one answer about a delivery that is not there or not for these eyes.
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
            JournalError::BadCursor => {
                Self::bad_request("`after` is not the `next` of an earlier page; leave it out to begin anew")
            }
            JournalError::Corrupt { .. } | JournalError::StaleTicket { .. } => {
                error!(error = %error, "the admin API cannot answer");
                let detail = "the journal holds something that cannot be read; the program's log tells more";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
            _ => Self::unavailable(format!("{error}; try again later")),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(fault: AccessError) -> Self {
        error!(%fault, "the admin API lets nobody in");
        Self::unavailable(format!("it cannot be told who you are and what you may do now: {}", fault.reason))
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
        // Four texts and a number; there is nothing in it that could fail.
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
    ApiError::new(
        StatusCode::NOT_FOUND,
        "there is no such path; GET /api/v1/openapi.json lists those that are",
    )
}

pub(super) async fn no_such_method() -> ApiError {
    let detail = "this path is not asked this way; GET /api/v1/openapi.json says how";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
