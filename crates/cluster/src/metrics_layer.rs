//! Counts every request of the Kubernetes client.

use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use tower::{Layer, Service};

use crate::metrics::{Metrics, ObservedRequest};

/// Puts [`Counting`] around a client's connection.
pub(crate) struct CountingLayer(pub(crate) Metrics);

/// A connection whose requests are counted.
#[derive(Clone)]
pub(crate) struct Counting<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Layer<S> for CountingLayer {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Counting { inner, metrics: self.0.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: 'static,
    S::Error: 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let asked = ObservedRequest::of(request.method().as_str(), request.uri().path());
        let waiting = Waiting { asked, metrics: self.metrics.clone(), status: None };
        let answer = self.inner.call(request);
        answer
            .inspect(move |answer| {
                // Moved as a whole: dropped with the request, it counts it.
                let mut waiting = waiting;
                waiting.status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            })
            .boxed()
    }
}

/// A request in flight. It is counted when it is dropped, also after a timeout without a response.
struct Waiting {
    asked: ObservedRequest,
    metrics: Metrics,
    status: Option<u16>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.metrics.requested(self.asked, self.status);
    }
}
