use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tracing::error;
use trigger_core::{Digest, ImageRef, ObjectKey};
use trigger_registries::{Registries, RegistryCredential, ResolveError, ResolveErrorKind, credential_for};
use trigger_runtime::{ExpiringMap, Secrets};

/// A Secret without an entry for an image is not read for it again within this time.
const NO_ENTRY_TTL: Duration = Duration::from_mins(10);
/// Secrets and images are named by many people; the cache does not grow with all of them.
pub(crate) const MAX_NO_ENTRY: usize = 10_000;

/// Resolves images on behalf of namespaces, with the credentials of each.
pub(crate) struct Resolver {
    registries: Registries,
    secrets: Arc<dyn Secrets>,
    /// Secrets without an entry for an image. Nothing else of them is kept.
    no_entry: ExpiringMap<(ObjectKey, Box<str>), ()>,
}

/// A namespace that wants to resolve an image, and the Secrets that may have credentials for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Requester {
    pub(crate) namespace: Arc<str>,
    pub(crate) secrets: Vec<ObjectKey>,
}

/// The answers of the registry.
pub(crate) struct Resolution {
    /// One answer per namespace.
    pub(crate) by_namespace: Vec<(Arc<str>, Result<Digest, ResolveError>)>,
    /// The number of requests to the registry.
    pub(crate) requests: u32,
}

/// The credentials of a requester, and the errors of its Secrets.
#[derive(Default)]
struct FoundCredentials {
    credentials: Vec<RegistryCredential>,
    errors: Vec<String>,
}

/// The answers of the registry so far, by fingerprint of the credential; zeros for none.
type AnswersByCredential = HashMap<[u8; 32], Result<Digest, ResolveError>>;

impl Resolver {
    pub(crate) fn new(registries: Registries, secrets: Arc<dyn Secrets>) -> Self {
        Self { registries, secrets, no_entry: ExpiringMap::new(MAX_NO_ENTRY) }
    }

    /// Resolves an image: one request per credential, however many namespaces share it. Registries and Secrets are
    /// untrusted, so a panic (a bug) counts as a failed request.
    pub(crate) async fn resolve(&self, image: &ImageRef, requesters: &[Requester]) -> Resolution {
        let resolution = AssertUnwindSafe(self.resolve_all(image, requesters)).catch_unwind().await;
        resolution.unwrap_or_else(|_| {
            error!(%image, "resolving an image panicked; this is a bug, please report it");
            let namespaces: BTreeSet<_> = requesters.iter().map(|one| Arc::clone(&one.namespace)).collect();
            let by_namespace = namespaces.into_iter().map(|it| (it, Err(ResolveError::panicked()))).collect();
            Resolution { by_namespace, requests: 1 }
        })
    }

    async fn resolve_all(&self, image: &ImageRef, requesters: &[Requester]) -> Resolution {
        let mut answers = AnswersByCredential::new();
        let mut by_namespace = HashMap::<Arc<str>, Result<Digest, ResolveError>>::new();
        for requester in requesters {
            // One requester per namespace that gets a digest is enough.
            if by_namespace.get(&requester.namespace).is_some_and(Result::is_ok) {
                continue;
            }
            let answer = self.resolve_for(image, requester, &mut answers).await;
            let kept = by_namespace.entry(Arc::clone(&requester.namespace)).or_insert_with(|| answer.clone());
            if answer.is_ok() {
                *kept = answer;
            }
        }
        let requests = u32::try_from(answers.len()).unwrap_or(u32::MAX);
        Resolution { by_namespace: by_namespace.into_iter().collect(), requests }
    }

    async fn resolve_for(
        &self,
        image: &ImageRef,
        requester: &Requester,
        answers: &mut AnswersByCredential,
    ) -> Result<Digest, ResolveError> {
        let found = self.credentials(image, &requester.secrets).await;
        let mut answer = None;
        for credential in &found.credentials {
            let result = self.resolve_with(image, Some(credential), answers).await;
            let denied = matches!(&result, Err(error) if is_denied(error.kind));
            answer = Some(result);
            if !denied {
                break;
            }
        }
        let answer = match answer {
            Some(answer) => answer,
            None => self.resolve_with(image, None, answers).await,
        };
        answer.map_err(|error| {
            if is_denied(error.kind) {
                self.reread_secrets(requester);
            }
            if is_denied(error.kind) && !found.errors.is_empty() {
                error.with_hint(&found.errors.join("; "))
            } else {
                error
            }
        })
    }

    async fn resolve_with(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryCredential>,
        answers: &mut AnswersByCredential,
    ) -> Result<Digest, ResolveError> {
        let key = credential.map_or([0; 32], RegistryCredential::fingerprint);
        if let Some(answer) = answers.get(&key) {
            return answer.clone();
        }
        let answer = self.registries.digest(image, credential).await;
        answers.insert(key, answer.clone());
        answer
    }

    /// Reads the credentials for the image's registry out of Secrets. A Secret that cannot be read does not prevent
    /// the request: most images are public.
    async fn credentials(&self, image: &ImageRef, secrets: &[ObjectKey]) -> FoundCredentials {
        let mut found = FoundCredentials::default();
        for secret in secrets {
            if self.has_no_entry(secret, image) {
                continue;
            }
            let data = match self.secrets.read(secret).await {
                Ok(data) => data,
                Err(error) => {
                    found.errors.push(error.to_string());
                    continue;
                }
            };
            match data.docker_config().map(|config| credential_for(config, image)) {
                Some(Ok(Some(credential))) => found.credentials.push(credential),
                Some(Ok(None)) | None => self.remember_no_entry(secret, image),
                Some(Err(error)) => {
                    found.errors.push(format!("the Secret {secret} cannot be used: {error}"));
                }
            }
        }
        found
    }

    fn has_no_entry(&self, secret: &ObjectKey, image: &ImageRef) -> bool {
        self.no_entry.get(&(secret.clone(), scope(image)), Instant::now()).is_some()
    }

    fn remember_no_entry(&self, secret: &ObjectKey, image: &ImageRef) {
        self.no_entry.insert((secret.clone(), scope(image)), (), NO_ENTRY_TTL, Instant::now());
    }

    /// Forgets which Secrets have no entry: the user may be adding the credential that the registry asks for.
    fn reread_secrets(&self, requester: &Requester) {
        self.no_entry.retain(|(secret, _)| !requester.secrets.contains(secret));
    }
}

/// The scope that an entry of a docker config must cover: a registry, or a path in it.
fn scope(image: &ImageRef) -> Box<str> {
    format!("{}/{}", image.registry(), image.repository()).into()
}

/// Whether other credentials might help. Registries answer "not found" to clients that may not know.
fn is_denied(kind: ResolveErrorKind) -> bool {
    matches!(kind, ResolveErrorKind::Unauthorized | ResolveErrorKind::Forbidden | ResolveErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;
    use trigger_egress::EgressSettings;
    use trigger_runtime::{SecretData, SecretError};

    use super::*;

    struct PanickingSecrets;

    impl Secrets for PanickingSecrets {
        fn read<'a>(&'a self, _: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
            panic!("on purpose")
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_failed_request() {
        let registries = Registries::new(EgressSettings::default()).unwrap();
        let resolver = Resolver::new(registries, Arc::new(PanickingSecrets));
        let secret = ObjectKey { namespace: "team".into(), name: "login".into() };
        let requester = Requester { namespace: "team".into(), secrets: vec![secret] };
        let resolution = resolver.resolve(&"registry.example/app:1".parse().unwrap(), &[requester]).await;
        let [(namespace, Err(error))] = resolution.by_namespace.as_slice() else { panic!("no error") };
        assert_eq!(&**namespace, "team");
        assert!(error.message().contains("which is a bug"), "{error:?}");
    }
}
