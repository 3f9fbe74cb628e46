//! Responses, with and without faults.

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
pub(crate) type RegistryResponse = Response<Body>;

/// Header with the digest of a manifest or blob.
pub(crate) const DIGEST: &str = "docker-content-digest";

const JSON: &str = "application/json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(crate) fn full(builder: Builder, bytes: impl Into<Bytes>) -> RegistryResponse {
    with(builder, Full::new(bytes.into()).map_err(|never| match never {}).boxed())
}

/// The response, or a 500 if a header is invalid.
fn with(builder: Builder, body: Body) -> RegistryResponse {
    builder.body(body).unwrap_or_else(|_| {
        let mut response = Response::new(Full::default().map_err(|never| match never {}).boxed());
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

pub(crate) fn status(status: u16) -> Builder {
    Response::builder().status(status)
}

pub(crate) fn json(code: u16, body: &Value) -> RegistryResponse {
    full(status(code).header(CONTENT_TYPE, JSON), body.to_string())
}

/// An error response in the format of the specification.
pub(crate) fn error(code: u16, name: &str) -> RegistryResponse {
    json(code, &json!({"errors": [{"code": name, "message": name.to_lowercase()}]}))
}

pub(crate) fn manifest(manifest: Manifest, method: &Method, with_digest: bool) -> RegistryResponse {
    let mut builder =
        status(200).header(CONTENT_TYPE, manifest.media_type).header(CONTENT_LENGTH, manifest.bytes.len());
    if with_digest {
        builder = builder.header(DIGEST, manifest.digest);
    }
    full(builder, if method == Method::HEAD { Bytes::new() } else { manifest.bytes })
}

/// The response of a fault. `None` for one that only delays.
pub(crate) fn fault(fault: &Fault) -> Option<RegistryResponse> {
    let manifest_head = || status(200).header(CONTENT_TYPE, MANIFEST);
    Some(match fault {
        Fault::Slow(_) => return None,
        Fault::Status(code, retry_after) => {
            let mut response = error(*code, "INJECTED");
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(RETRY_AFTER, (*seconds).into());
            }
            response
        }
        Fault::Garbage => full(manifest_head().header(DIGEST, "sha256:garbage"), &b"\x00\xff{[garbage"[..]),
        Fault::Truncated => {
            let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"{\"schemaVersion\":2,")))]);
            // The yield lets hyper send the first frame; without it the error would discard that frame.
            let end = stream::once(async {
                tokio::task::yield_now().await;
                Err(io::Error::other("injected fault"))
            });
            let truncated = first.chain(end);
            with(manifest_head().header(CONTENT_LENGTH, 1000), BodyExt::boxed(StreamBody::new(truncated)))
        }
        Fault::WrongContentType => {
            let page = &b"<!DOCTYPE html><title>Please log in</title>"[..];
            let builder = status(200).header(CONTENT_TYPE, "text/html; charset=utf-8");
            full(builder.header(DIGEST, digest_of(page)), page)
        }
        Fault::Endless => {
            let chunk = Bytes::from(vec![b' '; 16 * 1024]);
            let endless = stream::repeat(chunk).map(|chunk| Ok(Frame::data(chunk)));
            with(manifest_head(), BodyExt::boxed(StreamBody::new(endless)))
        }
        Fault::Redirect(url) => full(status(307).header(LOCATION, url), Bytes::new()),
    })
}
