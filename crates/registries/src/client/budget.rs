use std::time::Duration;

use http::Method;
use tokio::time::Instant;
use trigger_egress::{HttpRequest, HttpResponse};

use super::Shared;
use super::resolve_error::{ResolveError, ResolveErrorKind};

/// The requests and the time that one resolution has left. Waiting for a turn takes none of the time: a tenant with
/// many images would make those of others time out.
pub(super) struct Budget {
    requests: usize,
    time: Duration,
    /// When the last request was sent; it may still have a body to read.
    sent: Option<Instant>,
}

/// The requests of one resolution: HEAD and GET, each first rejected, then with a token, and their redirects.
pub(crate) const MAX_REQUESTS: usize = 12;
/// The longest time of one resolution, in timeouts of a request, of which usually none is used up.
const MAX_TIMEOUTS: u32 = 4;

impl Budget {
    /// `timeout` is that of one request.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { requests: MAX_REQUESTS, time: timeout.saturating_mul(MAX_TIMEOUTS), sent: None }
    }

    /// The time for the next request.
    fn take(&mut self, registry: &str) -> Result<Duration, ResolveError> {
        let used = self.sent.take().map_or(Duration::ZERO, |sent| sent.elapsed());
        self.time = self.time.saturating_sub(used);
        if self.time.is_zero() {
            let message =
                format!("`{registry}` does not answer in time; check that it can be reached from here");
            return Err(ResolveError::new(ResolveErrorKind::Unreachable, message));
        }
        let Some(left) = self.requests.checked_sub(1) else {
            let message =
                format!("`{registry}` takes too many requests for one image; check that it is a registry");
            return Err(ResolveError::new(ResolveErrorKind::Garbled, message));
        };
        self.requests = left;
        Ok(self.time)
    }
}

impl Shared {
    /// Sends a request of a resolution at `registry` when it is its turn. The turn ends with the body, which HEAD does
    /// not have.
    ///
    /// A caller that sends another request drops the response first, or its guard: requests that hold a turn and wait
    /// for another would wait for each other.
    pub(super) async fn send(
        &self,
        budget: &mut Budget,
        registry: &str,
        request: HttpRequest,
    ) -> Result<HttpResponse, ResolveError> {
        let time = budget.take(registry)?;
        let turn = self.turns.take(&request.url).await;
        budget.sent = Some(Instant::now());
        let has_body = request.method != Method::HEAD;
        let response = self.egress.send(HttpRequest { timeout: Some(time), ..request }).await?;
        Ok(if has_body { response.with_guard(turn) } else { response })
    }
}
