//! An API server, asked as plainly as it can be: what its answers cost by themselves.

use bytes::Bytes;
use http::Method;

use super::access::Access;
use super::load::{self, Load, Pace, Supply};
use super::tls::TlsLine;

/// How an API server is reached.
pub(super) enum Api {
    /// The dev cluster: HTTP/1.1, and everybody may do everything.
    Plain {
        /// Host and port.
        host: String,
    },
    /// A real one: TLS and a token. HTTP/1.1 as well, with a connection for each caller.
    Tls(Access),
}

/// A request.
#[derive(Debug, Default, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    /// JSON, if there is any.
    pub(super) body: Bytes,
}

impl Api {
    /// How it is asked, for people.
    pub(super) fn way(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "plain HTTP",
            Self::Tls(_) => "plain HTTPS",
        }
    }

    /// As [`load::closed`].
    pub(super) fn load(&self, pace: Pace<'_>, mut supply: impl Supply<Ask>) -> anyhow::Result<Load> {
        match self {
            Self::Plain { host } => {
                let mut ask = Ask::default();
                let pace = Pace { address: host, ..pace };
                load::closed(pace, |request| {
                    let is_one = supply(&mut ask);
                    ask.write(host, request);
                    is_one
                })
            }
            Self::Tls(access) => {
                let tls = access.tls()?;
                load::closed_over(pace, async || TlsLine::connect(access, tls.clone()).await, supply)
            }
        }
    }
}

impl Ask {
    pub(super) fn get(path: String) -> Self {
        Self { method: Method::GET, path, body: Bytes::new() }
    }

    pub(super) fn post(path: String, body: String) -> Self {
        Self { method: Method::POST, path, body: body.into() }
    }

    fn write(&self, host: &str, request: &mut Vec<u8>) {
        let head =
            format!("{} {} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n", self.method, self.path);
        request.clear();
        request.extend_from_slice(head.as_bytes());
        if !self.body.is_empty() {
            let about = format!("content-type: application/json\r\ncontent-length: {}\r\n", self.body.len());
            request.extend_from_slice(about.as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(&self.body);
    }
}
