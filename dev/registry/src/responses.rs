use std::io;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::response::Builder;
use http::{Method, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::store::{Manifest, digest_of};

pub(crate) type Body = BoxBody<Bytes, io::Error>;
pub(crate) type Answer = Response<Body>;

/// The digest of a manifest or blob in an answer.
pub(crate) const DIGEST: &str = "docker-content-digest";

const JSON: &str = "application/json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(crate) fn full(builder: Builder, bytes: impl Into<Bytes>) -> Answer {
    with(builder, Full::new(bytes.into()).map_err(|never| match never {}).boxed())
}

/// With a status of 500 if a header cannot be sent.
fn with(builder: Builder, body: Body) -> Answer {
    builder.body(body).unwrap_or_else(|_| {
        let mut answer = Response::new(Full::default().map_err(|never| match never {}).boxed());
        *answer.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        answer
    })
}

pub(crate) fn status(status: u16) -> Builder {
    Response::builder().status(status)
}

pub(crate) fn json(code: u16, body: &Value) -> Answer {
    full(status(code).header(CONTENT_TYPE, JSON), body.to_string())
}

/// A refusal as the specification has it.
pub(crate) fn error(code: u16, name: &str) -> Answer {
    json(code, &json!({"errors": [{"code": name, "message": name.to_lowercase()}]}))
}

pub(crate) fn manifest(manifest: Manifest, method: &Method, with_digest: bool) -> Answer {
    let mut builder =
        status(200).header(CONTENT_TYPE, manifest.media_type).header(CONTENT_LENGTH, manifest.bytes.len());
    if with_digest {
        builder = builder.header(DIGEST, manifest.digest);
    }
    full(builder, if method == Method::HEAD { Bytes::new() } else { manifest.bytes })
}

/// The answer that a fault makes; none for one that only delays.
pub(crate) fn fault(fault: &Fault) -> Option<Answer> {
    let like_a_manifest = || status(200).header(CONTENT_TYPE, MANIFEST);
    Some(match fault {
        Fault::Slow(_) => return None,
        Fault::Status(code, retry_after) => {
            let mut answer = error(*code, "INJECTED");
            if let Some(seconds) = retry_after {
                answer.headers_mut().insert(RETRY_AFTER, (*seconds).into());
            }
            answer
        }
        Fault::Garbage => full(like_a_manifest().header(DIGEST, "sha256:garbage"), &b"\x00\xff{[garbage"[..]),
        Fault::Truncated => {
            let beginning = stream::iter([Ok(Frame::data(Bytes::from_static(b"{\"schemaVersion\":2,")))]);
            // Between the two the beginning is sent; otherwise nothing at all would be.
            let end = stream::once(async {
                tokio::task::yield_now().await;
                Err(io::Error::other("cut off on purpose"))
            });
            let cut = beginning.chain(end);
            with(like_a_manifest().header(CONTENT_LENGTH, 1000), BodyExt::boxed(StreamBody::new(cut)))
        }
        Fault::WrongContentType => {
            let page = &b"<!DOCTYPE html><title>Please log in</title>"[..];
            let builder = status(200).header(CONTENT_TYPE, "text/html; charset=utf-8");
            full(builder.header(DIGEST, digest_of(page)), page)
        }
        Fault::Endless => {
            let chunk = Bytes::from(vec![b' '; 16 * 1024]);
            let endless = stream::repeat(chunk).map(|chunk| Ok(Frame::data(chunk)));
            with(like_a_manifest(), BodyExt::boxed(StreamBody::new(endless)))
        }
        Fault::Redirect(place) => full(status(307).header(LOCATION, place), Bytes::new()),
    })
}
