//! Extractors for the query and the JSON body of a request, with error responses in our format.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// In bytes. The largest legitimate request, a hundred ids, has 3 KiB.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// How long a client may take to send the body: 64 KiB need far less on any usable connection.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The query of a request, deserialized.
pub(super) struct ApiQuery<T>(pub(super) T);

/// The JSON body of a request, deserialized.
pub(super) struct ApiJson<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(query)| Self(query)).map_err(|rejection| {
            ApiError::bad_request(format!("the query cannot be parsed: {}", rejection.body_text()))
        })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        // A web page can send forms and plain text to any origin, but JSON only after a CORS preflight.
        if !is_json(request.headers()) {
            let detail = "send JSON, with the header `Content-Type: application/json`";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
        let late =
            || ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time; send it again");
        let body = body.map_err(|_| late())?.map_err(|rejection| {
            let detail = format!("the body cannot be read: {}", rejection.body_text());
            ApiError::new(rejection.status(), detail)
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let detail = format!("the body cannot be parsed: {error}; GET /api/v1/openapi.json describes it");
            ApiError::bad_request(detail)
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::stream::{self, StreamExt};
    use serde_json::Value;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_end_times_out() {
        let begun = stream::once(async { Ok::<_, std::io::Error>("{") }).chain(stream::pending());
        let request = Request::post("/").header("content-type", "application/json");
        let request = request.body(Body::from_stream(begun)).unwrap();
        let Err(error) = ApiJson::<Value>::from_request(request, &()).await else { panic!("no timeout") };
        assert_eq!(error.status, StatusCode::REQUEST_TIMEOUT);
    }
}
