//! Resolves tags at registries (OCI distribution specification, "Pulling manifests").

mod challenge;
mod challenge_cache;
mod docker_hub;
mod error_response;
mod resolve;
mod resolve_error;
mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trigger_core::{Digest, ImageRef};
use trigger_egress::{Egress, EgressSettings, EgressSettingsError};

use crate::RegistryCredential;

use challenge_cache::Challenges;
use resolve::DigestRequest;
use tokens::Tokens;

pub use resolve_error::{ResolveError, ResolveErrorKind};

/// The longest time to resolve a tag, in timeouts of a request. It takes up to eight requests, with redirects
/// more, of which usually none is slow.
const MAX_TIMEOUTS: u32 = 4;

/// The client of all registries. Clones share its connections and tokens.
#[derive(Clone)]
pub struct Registries(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    egress: Egress,
    tokens: Tokens,
    challenges: Challenges,
    timeout: Duration,
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Registries {
    /// Sets up the client. Sends nothing. The settings may name Docker Hub as image references do.
    pub fn new(settings: EgressSettings) -> Result<Self, EgressSettingsError> {
        let timeout = settings.timeout.saturating_mul(MAX_TIMEOUTS);
        let egress = Egress::new(EgressSettings {
            plain_http: settings.plain_http.into_iter().map(docker_hub::api_host_of).collect(),
            private: settings.private.into_iter().map(docker_hub::private_api_host).collect(),
            ..settings
        })?;
        let (tokens, challenges) = (Tokens::default(), Challenges::default());
        Ok(Self(Arc::new(Shared { egress, tokens, challenges, timeout })))
    }

    /// Resolves `image` to its digest now. Repeats a request only if authentication requires it.
    pub async fn digest(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryCredential>,
    ) -> Result<Digest, ResolveError> {
        let request = Box::pin(DigestRequest::new(&self.0, image, credential)?.digest());
        tokio::time::timeout(self.0.timeout, request).await.unwrap_or_else(|_| {
            let message = format!(
                "`{}` does not answer in time; check that it can be reached from here",
                image.registry()
            );
            Err(ResolveError::new(ResolveErrorKind::Unreachable, message))
        })
    }
}
