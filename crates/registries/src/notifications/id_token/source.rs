use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::header;

/// Where Google publishes the keys it signs ID tokens with.
pub const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer, in bytes. Google's has 2 KiB.
const LARGEST: usize = 64 * 1024;

/// Where the keys come from.
pub trait KeySource: Send + Sync + 'static {
    /// The keys that are valid now.
    fn fetch(&self) -> BoxFuture<'_, Result<FetchedKeys, KeySourceError>>;
}

/// Keys as they were published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedKeys {
    /// A JSON Web Key Set (RFC 7517).
    pub json: Vec<u8>,
    /// The header `Cache-Control` that came with it.
    pub cache_control: Option<String>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    /// No request can be made.
    #[error("the keys for ID tokens cannot be fetched")]
    Request(#[from] reqwest::Error),
    /// Another status than 200.
    #[error("the keys for ID tokens cannot be fetched: the answer is {0}")]
    Status(u16),
    /// More than any set of keys.
    #[error("the keys for ID tokens cannot be fetched: the answer has more than 64 KiB")]
    TooLarge,
    /// The answer is no set of keys, or there is none in it that we can use.
    #[error("the keys for ID tokens cannot be read")]
    Unreadable,
    /// The last attempt failed a moment ago.
    #[error("the keys for ID tokens could not be fetched a moment ago")]
    NotNow,
}

/// Fetches keys by HTTP.
pub struct KeysByHttp {
    url: String,
    client: reqwest::Client,
}

impl KeysByHttp {
    /// Fetches from `url`, which the operator has chosen. Redirections are not followed.
    pub fn new(url: impl Into<String>) -> Result<Self, KeySourceError> {
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        Ok(Self { url: url.into(), client: client.build()? })
    }

    async fn get(&self) -> Result<FetchedKeys, KeySourceError> {
        let mut answer = self.client.get(&self.url).send().await?;
        if answer.status() != http::StatusCode::OK {
            return Err(KeySourceError::Status(answer.status().as_u16()));
        }
        let cache_control = answer.headers().get(header::CACHE_CONTROL);
        let cache_control = cache_control.and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let mut json = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if json.len() + chunk.len() > LARGEST {
                return Err(KeySourceError::TooLarge);
            }
            json.extend_from_slice(&chunk);
        }
        Ok(FetchedKeys { json, cache_control })
    }
}

impl KeySource for KeysByHttp {
    fn fetch(&self) -> BoxFuture<'_, Result<FetchedKeys, KeySourceError>> {
        self.get().boxed()
    }
}
