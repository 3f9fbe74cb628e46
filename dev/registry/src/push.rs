//! Pushing small images (OCI distribution specification, "Push").

use bytes::Bytes;
use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::json;

use crate::http_client::{HttpError, HttpResponse, send_request};
use crate::store::digest_of;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// A push failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// A request got no response.
    #[error("the registry does not respond")]
    Http(#[from] HttpError),
    /// The registry responded with an error.
    #[error("the registry responded {status} to {method} {path}: {body}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// HTTP method.
        method: Method,
        /// Path of the request.
        path: String,
        /// Body of the response.
        body: String,
    },
}

/// Pushes an image without layers and with `content` as a label, to a registry with plain HTTP and without
/// authentication. Returns the digest of its manifest.
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
    let started = send(host, Method::POST, &uploads, &[], Bytes::new()).await?;
    let location = started.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let location = location.strip_prefix(&format!("http://{host}")).unwrap_or(location);
    let separator = if location.contains('?') { '&' } else { '?' };
    let upload = format!("{location}{separator}digest={digest}");
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
) -> Result<HttpResponse, PushError> {
    let url = format!("http://{host}{path}");
    let response = send_request(method.clone(), &url, headers, body).await?;
    if matches!(response.status, StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED) {
        return Ok(response);
    }
    let body = String::from_utf8_lossy(&response.body).into_owned();
    Err(PushError::Rejected { status: response.status.as_u16(), method, path: path.to_owned(), body })
}
