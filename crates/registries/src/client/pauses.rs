use std::time::Duration;

use tokio::time::Instant;
use trigger_core::ImageRef;
use trigger_runtime::ExpiringMap;

use super::resolve_error::{ResolveError, ResolveErrorKind};
use crate::RegistryCredential;

/// The registries that have answered "too many requests", each for the credential that it concerns: a registry counts
/// the requests of each account, and those without one by address. No tenant can pause a registry for the credential
/// of another.
#[derive(Debug)]
pub(super) struct Pauses(ExpiringMap<PauseKey, Pause>);

type PauseKey = (Box<str>, Option<[u8; 32]>);

#[derive(Debug, Clone)]
struct Pause {
    until: Instant,
    error: ResolveError,
}

/// The pause for a registry that names no time.
const USUAL_PAUSE: Duration = Duration::from_mins(1);
/// Registries that are paused; the pause that was used longest ago is dropped.
pub(crate) const MAX_PAUSES: usize = 4096;

impl Default for Pauses {
    fn default() -> Self {
        Self(ExpiringMap::new(MAX_PAUSES))
    }
}

impl Pauses {
    /// Fails with the answer of the registry during a pause.
    pub(super) fn check(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryCredential>,
    ) -> Result<(), ResolveError> {
        let now = Instant::now();
        let Some(Pause { until, error }) = self.0.get(&key(image, credential), now) else { return Ok(()) };
        Err(error.after(Some(until.saturating_duration_since(now))))
    }

    /// Begins a pause if the error asks for one. Returns the error with the length of the pause.
    pub(super) fn begin(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryCredential>,
        error: ResolveError,
    ) -> ResolveError {
        if error.kind != ResolveErrorKind::TooManyRequests {
            return error;
        }
        let pause = error.retry_after.unwrap_or(USUAL_PAUSE);
        let error = error.after(Some(pause));
        let now = Instant::now();
        let entry = Pause { until: now + pause, error: error.clone() };
        self.0.insert(key(image, credential), entry, pause, now);
        error
    }
}

fn key(image: &ImageRef, credential: Option<&RegistryCredential>) -> PauseKey {
    (image.registry().into(), credential.map(RegistryCredential::fingerprint))
}
