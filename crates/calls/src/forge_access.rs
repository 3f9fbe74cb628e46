//! Requests to the API of a Git provider, with an access token.

use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderMap, Method};
use trigger_core::KeyRef;
use trigger_egress::{Egress, EgressError, EgressErrorKind, HttpRequest, Url, cleaned};
use trigger_providers::{Forge, ForgeAnswer, ForgeError, ForgeQuery, ForgeRepository, by_name};
use trigger_rules::interceptors::{Answer, ForgeAccess, SecretAnswer};
use trigger_runtime::{SecretData, SecretError, Secrets};

use crate::hop::{MOST_REDIRECTS, RedirectError, target};
use crate::tries::{LONGEST_PAUSE, Tries};

/// The longest time for one request.
pub(crate) const LONGEST_REQUEST: Duration = Duration::from_secs(15);
/// The largest response that is read, in bytes. A page of 100 files comes with their changes.
pub(crate) const LARGEST_RESPONSE: usize = 8 << 20;
/// How often a request is tried again.
const RETRIES: u8 = 2;

/// A repository at a server, and the token for it.
pub(crate) struct ForgeSession<'a> {
    egress: &'a Egress,
    forge: &'static dyn Forge,
    query: ForgeQuery<'a>,
    /// The first request. Others go to the same server.
    first: Url,
    headers: HeaderMap,
    token: Option<Token>,
    /// The beginning of errors.
    words: String,
}

/// A Secret and the entry with the token.
struct Token {
    secret: Arc<SecretData>,
    entry: Arc<str>,
}

/// A request that has no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Request(#[from] EgressError),
    #[error("{0}")]
    Answer(#[from] ForgeError),
    #[error("{0}")]
    Redirect(#[from] RedirectError),
    #[error("it leads to another server, which does not get the access token")]
    Elsewhere,
}

impl<'a> ForgeSession<'a> {
    /// Reads the token. The error is the answer to the question.
    pub(crate) async fn open(
        egress: &'a Egress,
        secrets: &dyn Secrets,
        access: &'a ForgeAccess,
        query: ForgeQuery<'a>,
    ) -> Result<Self, Answer> {
        let ForgeAccess { provider, host, token, owner, repository } = access;
        let refused = |reason: String| Answer::Refused(reason);
        let provider = by_name(provider).and_then(|provider| Some((provider.title(), provider.forge()?)));
        let (title, forge) = provider
            .ok_or_else(|| refused("this program does not know the API of the provider".to_owned()))?;
        let words =
            format!("the API of {title} does not answer for {}", cleaned(&format!("{owner}/{repository}")));
        let name = ForgeRepository { host: host.as_deref(), owner, name: repository };
        let request = forge.request(&name, query).map_err(|error| refused(format!("{words}: {error}")))?;
        let first =
            url(egress, &request.url).ok_or_else(|| refused(format!("{words}: {}", ForgeError::Name)))?;
        let mut headers = request.headers;
        let token = match token {
            Some(key) => Some(Token::read(secrets, key).await?),
            None => None,
        };
        if let Some(token) = &token {
            let value = forge.authorization(token.value()).ok_or_else(|| refused(token.unusable()))?;
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self { egress, forge, query, first, headers, token, words })
    }

    /// The answer to the query, or its first page.
    pub(crate) async fn first(&self) -> Result<ForgeAnswer, Answer> {
        self.get(self.first.clone()).await
    }

    /// A further page.
    pub(crate) async fn page(&self, url: &str) -> Result<ForgeAnswer, Answer> {
        match Url::parse(url) {
            Ok(url) if self.is_here(&url) => self.get(url).await,
            _ => Err(self.refused(&Failure::Elsewhere)),
        }
    }

    /// The answer that there is none, for a reason that stays.
    pub(crate) fn refused(&self, reason: &impl ToString) -> Answer {
        Answer::Refused(format!("{}: {}", self.words, reason.to_string()))
    }

    /// The answer that there is none now.
    pub(crate) fn unknown(&self, reason: &impl ToString) -> Answer {
        Answer::Unknown(format!("{}: {}", self.words, reason.to_string()))
    }

    async fn get(&self, url: Url) -> Result<ForgeAnswer, Answer> {
        let mut tries = Tries::new(RETRIES);
        loop {
            let (failure, asked) = match self.try_once(url.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if !failure.may_pass() {
                return Err(self.refused(&self.without_token(failure)));
            }
            // A provider that is asked before its pause is over makes it longer.
            let waits = match failure {
                Failure::Answer(ForgeError::Paced(_)) => asked.is_none_or(|asked| asked > LONGEST_PAUSE),
                _ => asked.is_some_and(|asked| asked > LONGEST_PAUSE),
            };
            if waits || !tries.again(asked).await {
                return Err(self.unknown(&format!("{failure}{}", tries.words())));
            }
        }
    }

    /// The pause that the server asks for is beside the failure.
    async fn try_once(&self, mut url: Url) -> Result<ForgeAnswer, (Failure, Option<Duration>)> {
        for _ in 0..=MOST_REDIRECTS {
            let request = HttpRequest {
                headers: self.headers.clone(),
                timeout: Some(LONGEST_REQUEST),
                ..HttpRequest::new(Method::GET, url.clone())
            };
            let response = self.egress.send(request).await.map_err(|error| (error.into(), None))?;
            let (status, asked) = (response.status(), response.retry_after());
            let location = response.headers().get(LOCATION).filter(|_| status.is_redirection());
            if let Some(location) = location {
                url = target(&url, location).map_err(|error| (error.into(), None))?;
                if !self.is_here(&url) {
                    return Err((Failure::Elsewhere, None));
                }
                continue;
            }
            let headers = response.headers().clone();
            let body = response.body(LARGEST_RESPONSE).await.map_err(|error| (error.into(), None))?;
            let answer = self.forge.read(self.query, status, &headers, &body);
            return answer.map_err(|error| (error.into(), asked));
        }
        Err((RedirectError::TooMany.into(), None))
    }

    /// Whether a URL leads to the server that the token is for.
    fn is_here(&self, url: &Url) -> bool {
        url.origin() == self.first.origin()
    }

    /// The failure with the server's words made fit for a message.
    fn without_token(&self, failure: Failure) -> Failure {
        let Failure::Answer(ForgeError::Refused { status, message, advice }) = failure else {
            return failure;
        };
        let repeats = |text: &str| {
            let token = self.token.as_ref().and_then(|token| str::from_utf8(token.value()).ok());
            token.is_some_and(|token| text.contains(token))
        };
        let words =
            |text: &str| if repeats(text) { "it repeats the access token".into() } else { cleaned(text) };
        ForgeError::Refused { status, message: words(&message), advice: words(&advice) }.into()
    }
}

impl Token {
    async fn read(secrets: &dyn Secrets, key: &KeyRef) -> Result<Self, Answer> {
        let secret = match secrets.read(&key.secret).await {
            Ok(secret) => secret,
            Err(SecretError::Missing(_) | SecretError::Impossible(_)) => {
                return Err(Answer::Secret(SecretAnswer::NoSecret));
            }
            Err(error) => return Err(Answer::Unknown(error.to_string())),
        };
        if !secret.has_entry(&key.entry) {
            return Err(Answer::Secret(SecretAnswer::NoEntry));
        }
        Ok(Self { secret, entry: Arc::clone(&key.entry) })
    }

    fn value(&self) -> &[u8] {
        self.secret.access_token(&self.entry).unwrap_or_default()
    }

    fn unusable(&self) -> String {
        let entry = cleaned(&self.entry);
        format!(
            "the entry `{entry}` of the Secret holds no access token: it is empty, or has a blank or another such character"
        )
    }
}

impl Failure {
    fn may_pass(&self) -> bool {
        match self {
            Self::Request(error) => {
                !matches!(error.kind, EgressErrorKind::Refused | EgressErrorKind::TooLarge)
            }
            Self::Answer(error) => error.may_pass(),
            Self::Redirect(_) | Self::Elsewhere => false,
        }
    }
}

/// The URL of a request; with plain HTTP where the settings want that.
fn url(egress: &Egress, url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let mut plain = url.clone();
    plain.set_scheme("http").ok()?;
    Some(if egress.allows_plain_http(&plain) { plain } else { url })
}
