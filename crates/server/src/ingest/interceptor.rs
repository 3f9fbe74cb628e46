//! The interceptor `git` for listeners that Tekton runs, as a ClusterInterceptor over HTTP.
//!
//! Requests come from listeners in the cluster and are not authenticated, as with Tekton's own interceptors. Each can ask
//! whether a key in a Secret that this program may read verifies a text: failures are paced by namespace.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use tokio::time::Instant;
use tracing::debug;
use trigger_dispatch::{BodyMemory, intercept};
use trigger_rules::interceptors::{ServedRequest, Step, served_answer};

use super::body::NO_MEMORY;
use super::pipeline::Pipeline;
use super::response::{HookResponse, MessageKind};
use super::verification::READ_WITHIN;
use super::{IngestParts, IngestSettings};

/// The interceptor that is served, and its path.
const GIT: &str = "git";
const PATH: &str = "/git";
/// The source of requests, where failures are paced.
const SOURCE: &str = "interceptor";

struct Served {
    pipeline: Arc<Pipeline>,
    parts: Arc<IngestParts>,
    settings: IngestSettings,
}

/// The HTTP service.
pub(super) fn router(pipeline: Arc<Pipeline>, parts: Arc<IngestParts>, settings: IngestSettings) -> Router {
    let served = Served { pipeline, parts, settings };
    Router::new().route(PATH, post(answer)).with_state(Arc::new(served))
}

async fn answer(State(served): State<Arc<Served>>, request: Request) -> Response {
    served.answer(request).await.unwrap_or_else(|refusal| refusal)
}

impl Served {
    async fn answer(&self, request: Request) -> Result<Response, Response> {
        let refused = |response: HookResponse| response.to(MessageKind::ListenerRequest);
        let (head, body) = request.into_parts();
        let body = self.pipeline.bodies.read(self.settings.largest_body, &head.headers, body).await;
        let bytes = body.map_err(refused)?.bytes();
        let trigger = ServedRequest::trigger_of(&bytes).map_err(|error| unreadable(&error))?;
        let namespace = Arc::clone(&trigger.namespace);
        let memory = self.pipeline.decoding.for_body(&namespace, &bytes).await;
        let _memory = memory.ok_or_else(|| refused(NO_MEMORY))?;
        let request = ServedRequest::read(&bytes).map_err(|error| unreadable(&error))?;
        let chain = request.chain(GIT, trigger).map_err(|error| unreadable(&error))?;
        self.pipeline.failures.acquire(SOURCE, &namespace).await.map_err(refused)?;
        let secrets = self.parts.secrets.as_ref();
        let event = request.into_event(Timestamp::now());
        let step = intercept(&chain, event, secrets, Instant::now() + READ_WITHIN).await;
        if !matches!(step, Step::Passed(_)) {
            self.pipeline.failures.failed(SOURCE, &namespace);
        }
        debug!(%namespace, passed = matches!(step, Step::Passed(_)), "an interceptor request is answered");
        Ok(Json(served_answer(&step)).into_response())
    }
}

fn unreadable(error: &dyn std::error::Error) -> Response {
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}
