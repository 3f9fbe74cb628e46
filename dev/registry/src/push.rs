//! Pushes small images, as a client would (OCI distribution specification, "Push").

use bytes::Bytes;
use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::json;

use crate::exchange::{Answered, ExchangeError, exchange};
use crate::store::digest_of;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Why something could not be pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// There was no answer.
    #[error("the registry does not answer")]
    Exchange(#[from] ExchangeError),
    /// It was refused.
    #[error("the registry answers {status} to {method} {path}: {body}")]
    Refused {
        /// The status.
        status: u16,
        /// The method.
        method: Method,
        /// What was asked for.
        path: String,
        /// What it said.
        body: String,
    },
}

/// Pushes an image without layers, which has `content` as a label, to a registry that is reached by plain HTTP and
/// lets everybody in. Tells the digest of its manifest.
pub async fn push_image(
    host: &str,
    repository: &str,
    tag: &str,
    content: &[u8],
) -> Result<String, PushError> {
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []},
                        "config": {"Labels": {"content": String::from_utf8_lossy(content)}}});
    let config = Bytes::from(config.to_string());
    let digest = digest_of(&config);
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest, "size": config.len()},
        "layers": [],
    });
    let uploads = format!("/v2/{repository}/blobs/uploads/");
    let begun = send(host, Method::POST, &uploads, &[], Bytes::new()).await?;
    let place = begun.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place = place.strip_prefix(&format!("http://{host}")).unwrap_or(place);
    let joint = if place.contains('?') { '&' } else { '?' };
    let upload = format!("{place}{joint}digest={digest}");
    let headers = [("content-type".to_owned(), "application/octet-stream".to_owned())];
    send(host, Method::PUT, &upload, &headers, config).await?;
    let manifest = Bytes::from(manifest.to_string());
    let headers = [("content-type".to_owned(), MANIFEST.to_owned())];
    let path = format!("/v2/{repository}/manifests/{tag}");
    send(host, Method::PUT, &path, &headers, manifest.clone()).await?;
    Ok(digest_of(&manifest))
}

async fn send(
    host: &str,
    method: Method,
    path: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Answered, PushError> {
    let url = format!("http://{host}{path}");
    let answered = exchange(method.clone(), &url, headers, body).await?;
    if matches!(answered.status, StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED) {
        return Ok(answered);
    }
    let body = String::from_utf8_lossy(&answered.body).into_owned();
    Err(PushError::Refused { status: answered.status.as_u16(), method, path: path.to_owned(), body })
}
