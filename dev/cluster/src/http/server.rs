//! The listening socket and its connections.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handler;
use crate::audit::Requests;
use crate::authorizer::Authorizer;
use crate::faults::Faults;
use crate::rbac::Roles;
use crate::store::Store;
use crate::users::Users;

/// Limit for a client to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// State shared by all requests.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<Store>,
    pub(crate) users: Users,
    pub(crate) roles: Roles,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    /// Requests an outage of some milliseconds. The channel holds one request; more are dropped.
    pub(crate) outages: mpsc::Sender<u64>,
}

impl Shared {
    pub(super) fn authorizer(&self) -> Authorizer<'_> {
        Authorizer { users: &self.users, roles: &self.roles, store: &self.store }
    }

    pub(super) fn request_outage(&self, milliseconds: Option<u64>) {
        if let Some(milliseconds) = milliseconds {
            let _ = self.outages.try_send(milliseconds);
        }
    }
}

/// A running server. Dropping it stops it without waiting for requests.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Binds the address and starts to accept connections.
    pub(crate) async fn start(address: SocketAddr, shared: Arc<Shared>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, shared, stop.clone(), tasks.clone()));
        Ok(Self { address, stop, tasks })
    }

    /// Closes the socket and all connections, and waits until they are closed.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = serve(stream, Arc::clone(&shared));
                let stop = stop.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = connection => {}
                    }
                });
            }
            Err(error) => {
                // Probably out of file descriptors: wait for connections to end.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(handler::handle(shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection ended with an error");
    }
}
