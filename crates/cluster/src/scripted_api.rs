//! An API server for tests: a function answers, and the requests are recorded.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::Value;

/// A request, as far as tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// The method, such as `POST`.
    pub(crate) method: String,
    /// The path, as it was sent.
    pub(crate) path: String,
    /// The JSON that was sent; `null` if there was none.
    pub(crate) body: Value,
    /// The header `impersonate-user`.
    pub(crate) run_as: Option<String>,
}

/// Gives status and body.
type Answer = dyn Fn(&Recorded) -> (u16, Value) + Send + Sync;

/// The function, and the requests that it was asked.
#[derive(Clone)]
pub(crate) struct ScriptedApi {
    answer: Arc<Answer>,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl ScriptedApi {
    /// An API server that answers with status and body.
    pub(crate) fn new(answer: impl Fn(&Recorded) -> (u16, Value) + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), requests: Arc::default() }
    }

    /// A client of it. Watches that it starts receive nothing.
    pub(crate) fn client(&self) -> Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move {
                if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
                    std::future::pending::<()>().await;
                }
                Ok::<_, tower::BoxError>(api.respond(request).await)
            }
        });
        Client::new(service, "default")
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// Their paths.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.path).collect()
    }

    async fn respond(&self, request: Request<Body>) -> Response<Body> {
        let (request, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let run_as = request.headers.get("impersonate-user");
        let recorded = Recorded {
            method: request.method.to_string(),
            path: request.uri.path().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            run_as: run_as.map(|user| user.to_str().unwrap().to_owned()),
        };
        let (status, body) = (self.answer)(&recorded);
        self.requests.lock().unwrap().push(recorded);
        let body = Body::from(serde_json::to_vec(&body).unwrap());
        Response::builder().status(status).body(body).unwrap()
    }
}
