//! Counts every request of the Kubernetes client, and reads the API server's clock from the responses.

use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tower::{Layer, Service};

use trigger_runtime::ClusterClock;

use crate::metrics::{Metrics, ObservedRequest};

/// Puts [`Counting`] around a client's connection.
pub(crate) struct CountingLayer(pub(crate) Metrics, pub(crate) ClusterClock);

/// A connection whose requests are counted.
#[derive(Clone)]
pub(crate) struct Counting<S> {
    inner: S,
    metrics: Metrics,
    clock: ClusterClock,
}

impl<S> Layer<S> for CountingLayer {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Counting { inner, metrics: self.0.clone(), clock: self.1.clone() }
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
        let clock = self.clock.clone();
        let answer = self.inner.call(request);
        answer
            .inspect(move |answer| {
                // Moved as a whole: dropped with the request, it counts it.
                let mut waiting = waiting;
                if let Some(named) = answer.as_ref().ok().and_then(|answer| date(answer.headers())) {
                    clock.observe(named, Timestamp::now());
                }
                waiting.status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
            })
            .boxed()
    }
}

/// The time of a response. HTTP writes it as mail does (RFC 9110, 5.6.7).
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(header::DATE)?.to_str().ok()?;
    rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_response_is_read() {
        let read = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::DATE, http::HeaderValue::from_static(text))]);
            date(&headers).map(|time| time.to_string())
        };
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT").as_deref(), Some("1994-11-06T08:49:37Z"));
        assert_eq!(read("soon"), None);
        assert_eq!(date(&HeaderMap::new()), None);
    }
}
