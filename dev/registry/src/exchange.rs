//! One request over one connection: all that is needed of a client here.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The whole exchange takes at most this long.
const LONGEST: Duration = Duration::from_secs(10);

/// Longer answers are not read.
const LONGEST_BODY: usize = 16 * 1024 * 1024;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The URL is none, or not of plain HTTP.
    #[error("`{0}` is no URL of plain HTTP")]
    Url(String),
    /// The request cannot be written.
    #[error("the request cannot be written")]
    Request(#[from] http::Error),
    /// There is no connection.
    #[error("there is no connection")]
    Connect(#[from] std::io::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    /// The body could not be read.
    #[error("the answer is broken or too long")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("there was no answer in time")]
    TooSlow,
}

pub(crate) async fn exchange(
    method: Method,
    url: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Answered, ExchangeError> {
    let exchanged = Box::pin(send(method, url, headers, body));
    tokio::time::timeout(LONGEST, exchanged).await.unwrap_or(Err(ExchangeError::TooSlow))
}

async fn send(
    method: Method,
    url: &str,
    headers: &[(String, String)],
    body: Bytes,
) -> Result<Answered, ExchangeError> {
    let bad = || ExchangeError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or_else(bad)?;
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(path).header(HOST, authority.as_str());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(body))?;
    let answered = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, LONGEST_BODY).collect().await.map_err(ExchangeError::Body)?;
        Ok(Answered { status: head.status, headers: head.headers, body: body.to_bytes() })
    };
    let mut connection = std::pin::pin!(connection);
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        // The last of an answer may come with the end of the connection.
        _ = &mut connection => answered.await,
    }
}
