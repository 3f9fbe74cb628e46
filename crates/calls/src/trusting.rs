use std::time::Duration;

use tokio::time::Instant;
use trigger_core::Digest;
use trigger_egress::{Egress, EgressSettingsError};
use trigger_runtime::ExpiringMap;

/// Clients for servers whose certificates are checked with authorities of their own.
pub(crate) const MOST_CLIENTS: usize = 32;
/// A client that was not used for so long makes room for others.
pub(crate) const CLIENT_IDLE: Duration = Duration::from_mins(10);

/// The client for each set of certificate authorities.
#[derive(Debug)]
pub(crate) struct TrustingClients {
    /// For servers without authorities of their own.
    usual: Egress,
    by_bundle: ExpiringMap<Digest, Egress>,
}

impl TrustingClients {
    pub(crate) fn new(usual: Egress) -> Self {
        Self { usual, by_bundle: ExpiringMap::new(MOST_CLIENTS) }
    }

    /// The client that trusts the authorities in `bundle` alone, which is PEM; without any, those of the system.
    pub(crate) fn client(&self, bundle: Option<&[u8]>) -> Result<Egress, EgressSettingsError> {
        let Some(bundle) = bundle else { return Ok(self.usual.clone()) };
        let (digest, now) = (Digest::of(bundle), Instant::now());
        let client = match self.by_bundle.get(&digest, now) {
            Some(client) => client,
            None => self.usual.trusting(bundle)?,
        };
        self.by_bundle.insert(digest, client.clone(), CLIENT_IDLE, now);
        Ok(client)
    }
}
