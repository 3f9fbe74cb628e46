//! Asks registries what tags stand for (OCI distribution specification, "Pulling manifests").

mod answer;
mod challenge;
mod challenge_cache;
mod connections;
mod guard;
mod resolve;
mod resolve_error;
mod settings;
mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trigger_core::{Digest, ImageRef};

use crate::RegistryCredential;

use challenge_cache::Challenges;
use connections::Connections;
use resolve::DigestRequest;
use tokens::Tokens;

pub use connections::RegistriesError;
pub use resolve_error::{ResolveError, ResolveErrorKind};
pub use settings::{NotAllowable, PrivateAllowed, RegistrySettings};

/// A look is at most so many times as long as a request: it takes up to eight, with redirects more, of which
/// none is usually slow.
const LONGEST_LOOK: u32 = 4;

/// All registries, over shared connections. Clones share everything.
#[derive(Clone)]
pub struct Registries(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connections: Connections,
    tokens: Tokens,
    challenges: Challenges,
    longest_look: Duration,
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Registries {
    /// Gets ready to ask. Nothing is sent.
    pub fn new(settings: RegistrySettings) -> Result<Self, RegistriesError> {
        let longest_look = settings.timeout.saturating_mul(LONGEST_LOOK);
        let connections = Connections::new(settings)?;
        let (tokens, challenges) = (Tokens::default(), Challenges::default());
        Ok(Self(Arc::new(Shared { connections, tokens, challenges, longest_look })))
    }

    /// What `image` stands for now. Nothing is tried again but what authentication needs.
    pub async fn digest(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryCredential>,
    ) -> Result<Digest, ResolveError> {
        let look = Box::pin(DigestRequest::new(&self.0, image, credential)?.digest());
        tokio::time::timeout(self.0.longest_look, look).await.unwrap_or_else(|_| {
            let message = format!(
                "`{}` does not answer in time; check that it can be reached from here",
                image.registry()
            );
            Err(ResolveError::new(ResolveErrorKind::Unreachable, message))
        })
    }
}
