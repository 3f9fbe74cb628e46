//! The accept loop of both ports.
//!
//! - `connections`: the places of a port, and the choice of the connection that makes room for a new one.
//! - `stream`: the bytes of a connection, and the end of one whose client takes in nothing.
//! - `service`: the requests of a connection.

mod connections;
mod service;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::map_response;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use self::connections::{Connections, Place};
pub use self::service::Peer;
use self::service::Requests;
use self::stream::TimedStream;

/// The limits of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Concurrent connections. For a further one, the connection that waits for its client longest is closed.
    pub connections: usize,
    /// Concurrent connections of one peer: an IPv4 address, or an IPv6 network of 64 bits. All clients behind a proxy
    /// are one peer, so it is half of `connections` by default.
    pub connections_per_peer: usize,
    /// How long a client may take to send the headers of a request, including the wait for its first byte.
    pub headers: Duration,
    /// How long a client may take in nothing of a response.
    pub response: Duration,
    /// How long requests in progress may take after a shutdown. The default is the longest time that a provider
    /// waits for a response.
    pub drain: Duration,
}

impl Limits {
    /// The defaults of the options.
    pub const DEFAULT: Self = Self {
        connections: 1024,
        connections_per_peer: 512,
        headers: Duration::from_secs(10),
        response: Duration::from_secs(30),
        drain: Duration::from_secs(10),
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The size of the kernel's send buffer of a connection, in bytes; Linux doubles it. The kernel reports progress of a
/// client when a third of the buffer is free. With a buffer that grows by itself, up to 4 MiB, a slow client would seem to
/// take in nothing.
pub(crate) const SEND_BUFFER: u32 = 64 * 1024;
/// Connections that the kernel holds until they are accepted.
const BACKLOG: u32 = 1024;
/// The pause after a failed accept, so that the kernel can reclaim file descriptors or memory.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
/// Per request. Providers send about a dozen headers.
pub(crate) const MAX_HEADERS: usize = 64;
/// The size of request line and headers together, in bytes.
pub(crate) const MAX_HEAD: usize = 32 * 1024;

/// Listens on `address`, for [`serve`].
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart need not wait until the connections of the process before are forgotten. On Windows the option would
    // let two processes share the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `router` on `listener` until `shutdown`, then waits for the requests in progress.
///
/// Once `draining` is cancelled, every response closes its connection. Clients with keep-alive then open their next
/// connection to another replica, instead of sending a request into a connection that is being closed.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    draining: CancellationToken,
    shutdown: CancellationToken,
) {
    let router = router.layer(map_response(move |mut response: Response| {
        if draining.is_cancelled() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        std::future::ready(response)
    }));
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(&limits);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let connection = graceful.watch(connection(stream, peer, &place, router.clone(), &limits));
        tokio::spawn(async move {
            tokio::select! {
                result = connection => if let Err(error) = result {
                    debug!(error = %error, "a connection ended with an error");
                },
                () = place.closed() => debug!(peer = %peer.0, "a connection is closed to make room"),
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        warn!("shutdown timed out while requests were in progress; providers can redeliver them");
    }
}

/// The next connection with its place. `None` if there is none for it, or it cannot be accepted.
async fn accept(listener: &TcpListener, connections: &Arc<Connections>) -> Option<(TcpStream, Peer, Place)> {
    match listener.accept().await {
        Ok((stream, address)) => {
            let place = connections.admit(address.ip()).await?;
            // Responses are small; Nagle's algorithm would only delay them.
            let _ = stream.set_nodelay(true);
            Some((stream, Peer(address), place))
        }
        Err(error) => {
            warn!(error = %error, "cannot accept a connection; retrying");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            None
        }
    }
}

fn connection(
    stream: TcpStream,
    peer: Peer,
    place: &Place,
    router: Router,
    limits: &Limits,
) -> http1::Connection<TokioIo<TimedStream>, Requests> {
    let stream = TimedStream::new(stream, Arc::clone(place.activity()), limits.response);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), Requests::new(peer, router, Arc::clone(place.activity())))
}
