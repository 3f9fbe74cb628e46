use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::access::Access;
use super::api::Ask;
use super::load::Line;

/// One keep-alive connection of HTTP/1.1 over TLS.
///
/// A connection of its own rather than a client with a pool: such a one opens another connection whenever the
/// last answer has been read and its connection has not come back yet, and handshakes cost an API server more
/// than answers.
pub(super) struct TlsLine {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    authorization: HeaderValue,
    answer: Bytes,
}

impl TlsLine {
    pub(super) async fn connect(access: &Access, tls: Arc<ClientConfig>) -> anyhow::Result<Self> {
        let host = access.host();
        let stream = TcpStream::connect(host).await.with_context(|| format!("no connection to {host}"))?;
        stream.set_nodelay(true)?;
        let (name, _) = host.rsplit_once(':').context("an address without a port")?;
        let name = ServerName::try_from(name.to_owned())?;
        let stream = TlsConnector::from(tls).connect(name, stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // If it breaks, the next request says so.
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host: HeaderValue::from_str(host)?,
            authorization: HeaderValue::from_str(&format!("Bearer {}", access.token))?,
            answer: Bytes::new(),
        })
    }
}

impl Line for TlsLine {
    type Request = Ask;

    async fn exchange(&mut self, ask: &Ask) -> anyhow::Result<u16> {
        let request = Request::builder()
            .method(&ask.method)
            .uri(ask.path.as_str())
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.authorization)
            .header(ACCEPT, "application/json");
        let request =
            if ask.body.is_empty() { request } else { request.header(CONTENT_TYPE, "application/json") };
        self.sender.ready().await?;
        let answer = self.sender.send_request(request.body(Full::new(ask.body.clone()))?).await?;
        let status = answer.status().as_u16();
        self.answer = answer.into_body().collect().await?.to_bytes();
        Ok(status)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer).into_owned()
    }
}
