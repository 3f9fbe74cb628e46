use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, StatusCode, header};
use trigger_egress::{Egress, EgressError, HttpRequest, Url};

/// The URL where Google publishes the keys that sign ID tokens.
pub const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// The longest time for a response. Senders of notifications wait for it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest response, in bytes. Google's has 2 KiB.
pub(crate) const MAX_KEY_SET: usize = 64 * 1024;

/// A source of the published keys.
pub trait KeySource: Send + Sync + 'static {
    /// The keys that are valid now.
    fn fetch(&self) -> BoxFuture<'_, Result<FetchedKeys, KeySourceError>>;
}

/// Keys as they were published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedKeys {
    /// A JSON Web Key Set (RFC 7517).
    pub json: Vec<u8>,
    /// The header `Cache-Control` of the response.
    pub cache_control: Option<String>,
}

/// There are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    /// The URL of the keys is invalid.
    #[error("the URL of the keys for ID tokens is invalid")]
    Url,
    /// The request was refused, or there is no complete response of at most 64 KiB.
    #[error("the keys for ID tokens cannot be fetched")]
    Request(#[from] EgressError),
    /// Another status than 200.
    #[error("the keys for ID tokens cannot be fetched: the answer is {0}")]
    Status(u16),
    /// The response is not a set of keys, or contains none that we can use.
    #[error("the keys for ID tokens cannot be read")]
    Unreadable,
    /// The last attempt failed a moment ago.
    #[error("the keys for ID tokens could not be fetched a moment ago")]
    NotNow,
}

/// Fetches keys by HTTP. Does not follow redirects.
pub struct KeysByHttp {
    url: Url,
    egress: Egress,
}

impl KeysByHttp {
    /// Fetches from `url` over `egress`.
    pub fn new(url: &str, egress: Egress) -> Result<Self, KeySourceError> {
        Ok(Self { url: Url::parse(url).map_err(|_| KeySourceError::Url)?, egress })
    }

    async fn get(&self) -> Result<FetchedKeys, KeySourceError> {
        let request = HttpRequest::new(Method::GET, self.url.clone());
        let response = self.egress.send(HttpRequest { timeout: Some(TIMEOUT), ..request }).await?;
        if response.status() != StatusCode::OK {
            return Err(KeySourceError::Status(response.status().as_u16()));
        }
        let cache_control = response.headers().get(header::CACHE_CONTROL);
        let cache_control = cache_control.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        Ok(FetchedKeys { json: response.body(MAX_KEY_SET).await?, cache_control })
    }
}

impl KeySource for KeysByHttp {
    fn fetch(&self) -> BoxFuture<'_, Result<FetchedKeys, KeySourceError>> {
        self.get().boxed()
    }
}
