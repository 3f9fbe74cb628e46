//! A minimal HTTP client: one request per connection, plain HTTP only.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Limit for a request and its response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Limit of a response body, in bytes.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// A response with its body.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A request without a response.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL is invalid or its scheme is not `http`.
    #[error("`{0}` is not an http:// URL")]
    Url(String),
    /// A header is invalid.
    #[error("invalid request")]
    Request(#[from] http::Error),
    /// The connection failed.
    #[error("cannot connect")]
    Connect(#[from] std::io::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    /// The body is incomplete or too long.
    #[error("the response body is incomplete or longer than {MAX_BODY} bytes")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response did not arrive in time.
    #[error("no response within {} s", TIMEOUT.as_secs())]
    Timeout,
}

pub(crate) async fn send_request(
    method: Method,
    url: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<HttpResponse, HttpError> {
    let response = Box::pin(send(method, url, headers, body));
    tokio::time::timeout(TIMEOUT, response).await.unwrap_or(Err(HttpError::Timeout))
}

async fn send(
    method: Method,
    url: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<HttpResponse, HttpError> {
    let invalid = || HttpError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| invalid())?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(invalid)?;
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority.as_str());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body))?;
    let response = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_BODY).collect().await.map_err(HttpError::Body)?;
        Ok(HttpResponse { status: head.status, headers: head.headers, body: body.to_bytes() })
    };
    let mut connection = std::pin::pin!(connection);
    let mut response = std::pin::pin!(response);
    tokio::select! {
        response = &mut response => response,
        // The connection may end before the response future has read the last bytes.
        _ = &mut connection => response.await,
    }
}
