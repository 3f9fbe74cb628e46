use axum::body::{Body, HttpBody};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use trigger_rules::listeners::Answer;

use crate::ingest::response::{HookResponse, MessageKind, close_after};

/// The header with the id under which the request is kept, for people: Tekton's body has no place for it.
const DELIVERY: HeaderName = HeaderName::from_static("trigger-delivery");

/// The end of a request to a listener.
#[derive(Debug)]
pub(super) struct Reply {
    /// As it is counted and recorded.
    pub(super) response: HookResponse,
    /// The answer in the words of Tekton's listener. Without it, the sender gets `response`.
    pub(super) answer: Option<Answer>,
    /// Whether a key verified the sender.
    pub(super) is_verified: bool,
}

impl Reply {
    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        let answered = self.answer.as_ref().and_then(|answer| StatusCode::from_u16(answer.status).ok());
        answered.unwrap_or_else(|| self.response.status())
    }

    /// The response to a request with this method.
    pub(super) fn into_http(self, method: &Method) -> Response {
        let status = self.status();
        let delivery = self.response.delivery().map(ToString::to_string);
        let mut http = match self.answer {
            None => self.response.to(MessageKind::ListenerRequest),
            Some(answer) => {
                let mut http = Response::new(Body::from(answer.body));
                *http.status_mut() = status;
                for (name, value) in answer.headers {
                    // They are of the program, and the path in a location is as the sender wrote it.
                    if let (Ok(name), Ok(value)) =
                        (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()))
                    {
                        http.headers_mut().append(name, value);
                    }
                }
                http
            }
        };
        if let Some(id) = delivery.and_then(|id| HeaderValue::try_from(id).ok()) {
            http.headers_mut().insert(DELIVERY, id);
        }
        if !self.is_verified {
            close_after(&mut http);
        }
        if method == Method::HEAD {
            let length = http.body().size_hint().exact().unwrap_or_default();
            http.headers_mut().insert(header::CONTENT_LENGTH, length.into());
            *http.body_mut() = Body::empty();
        }
        http
    }
}

#[cfg(test)]
mod tests {
    use trigger_core::DeliveryId;

    use super::*;

    #[test]
    fn only_verified_senders_keep_their_connection() {
        let response = HookResponse::Accepted(DeliveryId::derive(&[b"id"]));
        let answer = Answer { status: 202, headers: vec![("Ce-Id", "e-1".to_owned())], body: b"{}".to_vec() };
        for is_verified in [true, false] {
            let reply = Reply { response: response.clone(), answer: Some(answer.clone()), is_verified };
            let http = reply.into_http(&Method::POST);
            assert_eq!(http.status(), StatusCode::ACCEPTED);
            assert_eq!(http.headers()["ce-id"], "e-1");
            assert_eq!(http.headers()[DELIVERY], DeliveryId::derive(&[b"id"]).as_str());
            assert_eq!(http.headers().contains_key(header::CONNECTION), !is_verified);
        }
    }
}
