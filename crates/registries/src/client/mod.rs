//! Resolves tags at registries (OCI distribution specification, "Pulling manifests").

pub(crate) mod budget;
pub(crate) mod challenge;
pub(crate) mod challenge_cache;
mod docker_hub;
pub(crate) mod error_response;
pub(crate) mod host_turns;
pub(crate) mod pauses;
pub(crate) mod resolve;
mod resolve_error;
pub(crate) mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trigger_core::{Digest, ImageRef};
use trigger_egress::{Egress, EgressSettings, EgressSettingsError};

use crate::RegistryCredential;

use challenge_cache::Challenges;
use host_turns::HostTurns;
use pauses::Pauses;
use resolve::DigestRequest;
use tokens::Tokens;

pub use resolve_error::{ResolveError, ResolveErrorKind};

/// The client of all registries. Clones share its connections and tokens.
#[derive(Clone)]
pub struct Registries(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    egress: Egress,
    tokens: Tokens,
    challenges: Challenges,
    turns: HostTurns,
    pauses: Pauses,
    /// Of one request.
    timeout: Duration,
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Registries {
    /// Sets up the client, which sends at most `rate` requests a second to one host. Sends nothing. The settings may
    /// name Docker Hub as image references do.
    pub fn new(settings: EgressSettings, rate: f64) -> Result<Self, EgressSettingsError> {
        let timeout = settings.timeout;
        let egress = Egress::new(EgressSettings {
            plain_http: settings.plain_http.into_iter().map(docker_hub::api_host_of).collect(),
            private: settings.private.into_iter().map(docker_hub::private_api_host).collect(),
            ..settings
        })?;
        let (tokens, challenges) = (Tokens::default(), Challenges::default());
        let (turns, pauses) = (HostTurns::new(rate), Pauses::default());
        Ok(Self(Arc::new(Shared { egress, tokens, challenges, turns, pauses, timeout })))
    }

    /// Resolves `image` to its digest now. Repeats a request only if authentication requires it. Sends nothing while
    /// the registry wants a pause for this credential.
    pub async fn digest(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryCredential>,
    ) -> Result<Digest, ResolveError> {
        self.0.pauses.check(image, credential)?;
        let digest = Box::pin(DigestRequest::new(&self.0, image, credential)?.digest()).await;
        digest.map_err(|error| self.0.pauses.begin(image, credential, error))
    }
}
