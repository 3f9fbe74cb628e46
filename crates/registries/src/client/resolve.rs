use aws_lc_rs::digest::{Context, SHA256, SHA512};
use data_encoding::HEXLOWER;
use http::header::{ACCEPT, AUTHORIZATION, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use trigger_core::{Digest, ImageRef};
use trigger_egress::{HttpRequest, HttpResponse, Url, cleaned};
use zeroize::Zeroizing;

use super::Shared;
use super::budget::Budget;
use super::challenge::{Bearer, Challenge};
use super::docker_hub::api_host;
use super::error_response::resolve_error;
use super::resolve_error::{ResolveError, ResolveErrorKind};
use super::tokens::{TokenKey, secret};
use crate::RegistryCredential;

/// The media types of a tag's manifest: an index of OCI or a list of Docker, for several platforms, or an image of
/// either.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// The header with the digest of the manifest. The specification makes it optional.
const DIGEST: &str = "docker-content-digest";

/// Registries reject larger manifests (the specification has them accept 4 MiB).
pub(crate) const MAX_MANIFEST: usize = 4 * 1024 * 1024;

/// Redirects of one request.
pub(crate) const MAX_REDIRECTS: usize = 3;

/// The first attempt has no token, the second an old one, the third a new one.
const MAX_ATTEMPTS: usize = 3;

/// The resolution of one tag at one registry.
pub(super) struct DigestRequest<'a> {
    shared: &'a Shared,
    image: &'a ImageRef,
    credential: Option<&'a RegistryCredential>,
    url: Url,
    budget: Budget,
}

/// The credentials that a request carries.
enum Shown {
    Nothing,
    Basic(Zeroizing<String>),
    Token(TokenKey, Zeroizing<String>),
}

/// An answer, and whether it is the registry's own and not that of a host that it redirected to.
struct Answer {
    response: HttpResponse,
    own: bool,
}

impl<'a> DigestRequest<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        image: &'a ImageRef,
        credential: Option<&'a RegistryCredential>,
    ) -> Result<Self, ResolveError> {
        let host = api_host(image.registry());
        let url = |scheme: &str| {
            let url = format!("{scheme}://{host}/v2/{}/manifests/{}", image.repository(), image.tag());
            let unusable =
                |_| ResolveError::new(ResolveErrorKind::Refused, format!("`{host}` is not a valid host"));
            Url::parse(&url).map_err(unusable)
        };
        let plain = url("http")?;
        let url = if shared.egress.allows_plain_http(&plain) { plain } else { url("https")? };
        Ok(Self { shared, image, credential, url, budget: Budget::new(shared.timeout) })
    }

    pub(super) async fn digest(mut self) -> Result<Digest, ResolveError> {
        // A HEAD is free where a GET is counted as a pull, as on Docker Hub.
        let head = self.ask(&Method::HEAD).await?;
        match head.status() {
            StatusCode::OK => {
                self.check_content_type(&head, false)?;
                match self.named(head.headers())? {
                    Some(digest) => Ok(digest),
                    None => self.digest_of_body().await,
                }
            }
            status if self.may_refuse_head(status) => self.digest_of_body().await,
            _ => Err(self.refusal(head).await),
        }
    }

    /// Whether a GET may be answered although a HEAD is not. Registries and proxies in front of them refuse HEAD in several
    /// ways, one of which is to know nothing of the tag. Docker Hub counts every GET as a pull and answers HEAD well.
    fn may_refuse_head(&self, status: StatusCode) -> bool {
        let refused = matches!(status.as_u16(), 400 | 403 | 404 | 405 | 501);
        refused && api_host(self.image.registry()) == self.image.registry()
    }

    async fn digest_of_body(&mut self) -> Result<Digest, ResolveError> {
        let get = self.ask(&Method::GET).await?;
        if get.status() != StatusCode::OK {
            return Err(self.refusal(get).await);
        }
        self.check_content_type(&get, true)?;
        let named = self.named(get.headers())?;
        // Hashed as it arrives: many large manifests at once would fill the memory.
        let (mut sha256, mut sha512) = (Context::new(&SHA256), Context::new(&SHA512));
        let needs_sha512 = named.as_ref().is_some_and(|named| named.as_str().starts_with("sha512:"));
        get.for_each_piece(MAX_MANIFEST, |piece| {
            if needs_sha512 { sha512.update(piece) } else { sha256.update(piece) }
        })
        .await?;
        let found = if needs_sha512 { ("sha512", sha512.finish()) } else { ("sha256", sha256.finish()) };
        let found = format!("{}:{}", found.0, HEXLOWER.encode(found.1.as_ref()));
        if named.is_some_and(|named| named.as_str() != found) {
            return Err(self.garbled("sends a manifest that has not the digest it names"));
        }
        Digest::parse(&found).map_err(|_| self.garbled("sends a manifest without a digest"))
    }

    /// The digest in the header of a response.
    fn named(&self, headers: &HeaderMap) -> Result<Option<Digest>, ResolveError> {
        let Some(value) = headers.get(DIGEST) else { return Ok(None) };
        let digest = value.to_str().ok().and_then(|text| Digest::parse(text).ok());
        digest.map(Some).ok_or_else(|| self.garbled("names a digest that is none"))
    }

    /// A login page, for example, is no manifest. Where a digest is named, the media type may be absent.
    fn check_content_type(&self, response: &HttpResponse, needed: bool) -> Result<(), ResolveError> {
        match response.content_type() {
            Some(found) if MANIFESTS.contains(&found.as_str()) => Ok(()),
            Some(found) => {
                Err(self.garbled(&format!("sends `{}`, which is no manifest of an image", cleaned(&found))))
            }
            None if needed => Err(self.garbled("does not say what it sends")),
            None => Ok(()),
        }
    }

    fn garbled(&self, what: &str) -> ResolveError {
        let message = format!("`{}` {what}; check that it is a registry", self.image.registry());
        ResolveError::new(ResolveErrorKind::Garbled, message)
    }

    async fn refusal(&self, response: HttpResponse) -> ResolveError {
        let what = format!("a request for {}:{}", self.image.repository(), self.image.tag());
        resolve_error(response, self.image.registry(), &what).await
    }

    /// Sends the request with the authentication that the registry asks for.
    async fn ask(&mut self, method: &Method) -> Result<HttpResponse, ResolveError> {
        let mut fetched = Vec::new();
        let mut shown = match self.shared.challenges.get(self.image) {
            // The registry may have another token service by now: the next request asks it.
            Some(challenge) => match self.answer_to(challenge, &mut fetched).await {
                Ok(answer) => answer.unwrap_or(Shown::Nothing),
                Err(error) => {
                    self.shared.challenges.forget(self.image);
                    return Err(error);
                }
            },
            None => Shown::Nothing,
        };
        let mut attempt = 1;
        loop {
            let Answer { response, own } = self.follow(method, &shown).await?;
            if let (Shown::Token(key, _), StatusCode::UNAUTHORIZED) = (&shown, response.status()) {
                self.shared.tokens.remove(key);
            }
            // A host that it redirected to gets no answer to a challenge: the credentials are the registry's.
            if response.status() != StatusCode::UNAUTHORIZED || !own || attempt == MAX_ATTEMPTS {
                return Ok(response);
            }
            let Some(challenge) = self.challenge(&response) else { return Ok(response) };
            self.shared.challenges.keep(self.image, challenge.clone());
            let response = response.without_guard();
            match (self.answer_to(challenge, &mut fetched).await?, &shown) {
                (None, _) | (Some(Shown::Basic(_)), Shown::Basic(_)) => return Ok(response),
                (Some(next), _) => shown = next,
            }
            attempt += 1;
        }
    }

    fn challenge(&self, response: &HttpResponse) -> Option<Challenge> {
        let challenge = Challenge::of(response.headers())?;
        Some(match challenge {
            Challenge::Bearer(bearer @ Bearer { scope: None, .. }) => {
                let scope = Some(format!("repository:{}:pull", self.image.repository()));
                Challenge::Bearer(Bearer { scope, ..bearer })
            }
            challenge => challenge,
        })
    }

    /// The answer to a challenge, unless it was fetched for this request and rejected.
    async fn answer_to(
        &mut self,
        challenge: Challenge,
        fetched: &mut Vec<TokenKey>,
    ) -> Result<Option<Shown>, ResolveError> {
        let bearer = match challenge {
            Challenge::Basic => {
                return Ok(self.credential.and_then(RegistryCredential::basic).map(Shown::Basic));
            }
            Challenge::Bearer(bearer) => bearer,
        };
        let key = TokenKey::new(&bearer, self.credential);
        if let Some(token) = self.shared.tokens.get(&key) {
            return Ok(Some(Shown::Token(key, token)));
        }
        if fetched.contains(&key) {
            return Ok(None);
        }
        let registry = self.image.registry();
        let token = self.shared.fetch_token(&mut self.budget, registry, &bearer, self.credential).await?;
        fetched.push(key.clone());
        Ok(Some(Shown::Token(key, token)))
    }

    /// Sends the request and follows redirects. Only the registry itself gets credentials.
    async fn follow(&mut self, method: &Method, shown: &Shown) -> Result<Answer, ResolveError> {
        let mut url = self.url.clone();
        let mut own = true;
        for _ in 0..=MAX_REDIRECTS {
            own = own && url.origin() == self.url.origin();
            let mut headers = HeaderMap::from_iter([(ACCEPT, accepted())]);
            if own {
                headers.extend(header(shown).map(|value| (AUTHORIZATION, value)));
            }
            let asked = HttpRequest { headers, ..HttpRequest::new(method.clone(), url.clone()) };
            let response = self.shared.send(&mut self.budget, self.image.registry(), asked).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(Answer { response, own });
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok()).filter(is_plain_place);
            url = next.ok_or_else(|| self.garbled("redirects to nowhere"))?;
        }
        Err(self.garbled("redirects again and again"))
    }
}

/// Whether a URL has a host and no user: a user name would be sent as a credential.
fn is_plain_place(url: &Url) -> bool {
    url.has_host() && url.username().is_empty() && url.password().is_none()
}

fn accepted() -> HeaderValue {
    HeaderValue::from_str(&MANIFESTS.join(", ")).unwrap_or(HeaderValue::from_static("*/*"))
}

fn header(shown: &Shown) -> Option<HeaderValue> {
    match shown {
        Shown::Nothing => None,
        Shown::Basic(basic) => secret(basic),
        Shown::Token(_, token) => secret(&Zeroizing::new(format!("Bearer {}", token.as_str()))),
    }
}
