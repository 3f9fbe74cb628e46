//! CloudEvents for the receivers that listeners name.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use trigger_egress::{Egress, EgressError, EgressErrorKind, HttpRequest, Permission, Url};
use trigger_rules::interceptors::Address;
use trigger_rules::listeners::CloudEvent;

use crate::cluster_names::ClusterNames;
use crate::tries::Tries;

/// The longest time for one try. A receiver has nothing to do but to take a CloudEvent.
pub(crate) const LONGEST_SENDING: Duration = Duration::from_secs(5);
/// How often a CloudEvent is tried again.
pub(crate) const MOST_RETRIES: u8 = 2;

/// Sends CloudEvents.
///
/// Redirects are not followed, and of a response only the head is read.
#[derive(Debug)]
pub(crate) struct CloudEventClient {
    egress: Egress,
    names: ClusterNames,
}

/// The receiver has not taken a CloudEvent.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("the address of the receiver is no URL; correct it")]
    NoUrl,
    #[error("{0}")]
    Request(#[from] EgressError),
    #[error(
        "the receiver at `{host}` redirects, which is not followed; name the address that it redirects to"
    )]
    Redirect { host: String },
    #[error("the receiver at `{host}` answers {status}; see why it does not take CloudEvents")]
    Status { host: String, status: StatusCode, asked: Option<Duration> },
}

impl CloudEventClient {
    pub(crate) fn new(egress: Egress, names: ClusterNames) -> Self {
        Self { egress, names }
    }

    /// Sends a CloudEvent, with all tries.
    pub(crate) async fn send(&self, event: &CloudEvent, to: &Address) -> Result<(), String> {
        let mut tries = Tries::new(MOST_RETRIES);
        loop {
            let Err(error) = self.try_once(event, to).await else { return Ok(()) };
            if !error.may_pass() || !tries.again(error.asked()).await {
                return Err(format!("{error}{}", tries.words()));
            }
        }
    }

    async fn try_once(&self, event: &CloudEvent, to: &Address) -> Result<(), SendError> {
        let url = Url::parse(to.url()).map_err(|_| SendError::NoUrl)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        // The author of the address chose its scheme.
        let permission = Permission { plain_http: true, reach: self.names.reach(&url, &url, to.origin()) };
        let request = HttpRequest {
            headers: headers(event),
            body: Some(event.body.clone()),
            timeout: Some(LONGEST_SENDING),
            permission,
            ..HttpRequest::new(Method::POST, url)
        };
        let response = self.egress.send(request).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => Err(SendError::Redirect { host }),
            status => Err(SendError::Status { host, status, asked: response.retry_after() }),
        }
    }
}

impl SendError {
    /// Whether a further try may succeed.
    fn may_pass(&self) -> bool {
        match self {
            Self::Request(error) => error.kind != EgressErrorKind::Refused,
            Self::Status { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::NoUrl | Self::Redirect { .. } => false,
        }
    }

    /// The pause that the receiver asks for.
    fn asked(&self) -> Option<Duration> {
        match self {
            Self::Status { asked, .. } => *asked,
            _ => None,
        }
    }
}

fn headers(event: &CloudEvent) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &event.headers {
        // Names and values are visible ASCII.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
    headers
}
