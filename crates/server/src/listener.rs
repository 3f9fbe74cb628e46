use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::map_response;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// What one listener allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at the same time. More wait in the kernel's queue until one ends.
    pub connections: usize,
    /// How long a client may take to send the headers of a request, the wait for its first byte included.
    pub headers: Duration,
    /// How long requests that are under way may take to end after a shutdown. Providers wait no longer for an
    /// answer than the default.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, headers: Duration::from_secs(10), drain: Duration::from_secs(10) }
    }
}

/// Who is at the other end of the connection: the client, or a proxy before us. An extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// After this the kernel has usually taken back what was lacking (file descriptors, memory).
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);
/// Providers send a dozen headers.
const MOST_HEADERS: usize = 64;
/// Request line and headers together.
const LARGEST_HEAD: usize = 32 * 1024;

/// Serves `router` on `listener` until `shutdown`, then lets the requests that are under way end.
///
/// From `draining` on every answer is the last on its connection: who keeps connections for later opens the next one
/// elsewhere, and does not send into one that is just being closed.
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
    let room = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let connection = graceful.watch(connection(stream, peer, router.clone(), &limits));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(error = %error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        warn!("requests were still under way when the time to end them was up");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            // Answers are small and should not wait for more to come.
            let _ = stream.set_nodelay(true);
            Some((stream, Peer(address), permit))
        }
        Err(error) => {
            warn!(error = %error, "a connection cannot be accepted");
            tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
            None
        }
    }
}

fn connection(
    stream: TcpStream,
    peer: Peer,
    router: Router,
    limits: &Limits,
) -> http1::Connection<TokioIo<TcpStream>, WithPeer> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), WithPeer { peer, routes: TowerToHyperService::new(router) })
}

/// The routes, told of each request where it comes from.
struct WithPeer {
    peer: Peer,
    routes: TowerToHyperService<Router>,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.routes.call(request)
    }
}
