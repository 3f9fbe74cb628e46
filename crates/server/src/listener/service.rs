use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONNECTION, HOST};
use axum::http::{HeaderValue, Request, Response, StatusCode, Version};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::connections::{Activity, Step};

/// The remote address of the connection: the client, or a proxy in front of us. An extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Answers the requests of one connection.
pub(super) struct Requests {
    peer: Peer,
    routes: TowerToHyperService<Router>,
    activity: Arc<Activity>,
    /// Whether the connection has had a request.
    used: AtomicBool,
}

/// The body of a request. At its end the request is worked on.
struct RequestBody {
    body: Incoming,
    activity: Arc<Activity>,
}

/// The body of a response. At its end the connection waits for the next request.
pub(super) struct ResponseBody {
    body: Body,
    activity: Arc<Activity>,
}

impl Requests {
    pub(super) fn new(peer: Peer, router: Router, activity: Arc<Activity>) -> Self {
        Self { peer, routes: TowerToHyperService::new(router), activity, used: AtomicBool::new(false) }
    }
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<ResponseBody>;
    type Error = <TowerToHyperService<Router> as Service<Request<Body>>>::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let activity = Arc::clone(&self.activity);
        let respond = |response: Response<Body>, activity: Arc<Activity>| {
            activity.reach(Step::Response);
            response.map(|body| ResponseBody { body, activity })
        };
        if names_no_host(&request) {
            return std::future::ready(Ok(respond(bad_request(), activity))).boxed();
        }
        activity.reach(if request.body().is_end_stream() { Step::Work } else { Step::Body });
        let mut request =
            request.map(|body| Body::new(RequestBody { body, activity: Arc::clone(&activity) }));
        request.extensions_mut().insert(self.peer);
        let response = self.routes.call(request);
        let used = self.used.swap(true, Ordering::Relaxed);
        async move {
            // Requests that were sent without waiting for responses would otherwise be answered in one go, while other
            // connections wait.
            if used {
                tokio::task::yield_now().await;
            }
            Ok(respond(response.await?, activity))
        }
        .boxed()
    }
}

/// Whether a request breaks the rule of RFC 9112, section 3.2: HTTP/1.1 has the header `Host` exactly once. Another
/// reader on the way could have taken another host from it.
fn names_no_host<B>(request: &Request<B>) -> bool {
    let hosts = request.headers().get_all(HOST).iter().count();
    hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11)
}

/// 400 without a body, as for everything else that is no request.
fn bad_request() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

impl hyper::body::Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.activity.reach(Step::Work);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.activity.reach(Step::Head);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::AtomicUsize;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::listener::{Limits, listen, serve};

    const PIPELINED: usize = 100;

    #[tokio::test]
    async fn pipelined_requests_take_turns_with_those_of_other_connections() {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let answered = Arc::new(AtomicUsize::new(0));
        let (counted, seen) = (Arc::clone(&answered), answered);
        let many = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            std::future::ready("")
        };
        let before = move || std::future::ready(seen.load(Ordering::Relaxed).to_string());
        let router = Router::new().route("/many", get(many)).route("/before", get(before));
        // Everything is sent before anything is served: the kernel holds it.
        let mut flood = TcpStream::connect(address).await.unwrap();
        let requests = "GET /many HTTP/1.1\r\nhost: x\r\n\r\n".repeat(PIPELINED);
        flood.write_all(requests.as_bytes()).await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        let request = "GET /before HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        other.write_all(request.as_bytes()).await.unwrap();
        let never = CancellationToken::new();
        tokio::spawn(serve(listener, router, Limits::default(), never.clone(), never));
        let mut response = String::new();
        other.read_to_string(&mut response).await.unwrap();
        let before: usize = response.lines().last().unwrap().parse().unwrap();
        assert!(before <= 5, "{before} of {PIPELINED} went first");
    }
}
