use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tracing::error;
use trigger_core::{Digest, ImageRef, ObjectKey};
use trigger_registries::{Registries, RegistryCredential, ResolveError, ResolveErrorKind, credential_for};
use trigger_runtime::{ExpiringMap, SecretError, Secrets};

/// A Secret without an entry for an image is not read for it again within this time.
const NO_ENTRY_TTL: Duration = Duration::from_mins(10);
/// Secrets and images are named by many people; the cache does not grow with all of them.
pub(crate) const MAX_NO_ENTRY: usize = 10_000;
/// Secrets that are read to resolve one image for one namespace.
pub(crate) const MAX_SECRETS: usize = 16;
/// Credentials that are tried for one image of one namespace. Each costs requests to the registry.
pub(crate) const MAX_CREDENTIALS: usize = 8;
/// Errors of Secrets in the error of an image.
const MAX_HINTS: usize = 3;

/// Resolves images on behalf of namespaces, with the credentials of each.
pub(crate) struct Resolver {
    registries: Registries,
    secrets: Arc<dyn Secrets>,
    /// Secrets without an entry for an image. Nothing else of them is kept.
    no_entry: ExpiringMap<(ObjectKey, Box<str>), ()>,
}

/// The Secrets of a Build that may have credentials for its images.
pub(crate) type SecretNames = Arc<[ObjectKey]>;

/// The answers of a registry about one image, to the polls of several namespaces that run together. One credential
/// makes one request, however many namespaces have it.
#[derive(Default)]
pub(crate) struct SharedAnswers(Mutex<HashMap<Option<[u8; 32]>, Answer>>);

type Answer = Arc<OnceCell<Result<Digest, ResolveError>>>;

/// The Secrets of one namespace, each read once for an image.
#[derive(Default)]
struct ReadSecrets {
    credentials: HashMap<ObjectKey, Option<RegistryCredential>>,
    errors: Vec<String>,
    left_out: bool,
}

impl Resolver {
    pub(crate) fn new(registries: Registries, secrets: Arc<dyn Secrets>) -> Self {
        Self { registries, secrets, no_entry: ExpiringMap::new(MAX_NO_ENTRY) }
    }

    /// Resolves an image for one namespace. `builds` has the Secrets of each of its Builds that watches the image.
    /// Registries and Secrets are untrusted, so a panic (a bug) counts as a failed request.
    pub(crate) async fn resolve(
        &self,
        image: &ImageRef,
        builds: &[SecretNames],
        shared: &SharedAnswers,
    ) -> Result<Digest, ResolveError> {
        let answer = AssertUnwindSafe(self.resolve_for_any(image, builds, shared)).catch_unwind().await;
        answer.unwrap_or_else(|_| {
            error!(%image, "resolving an image panicked; this is a bug, please report it");
            Err(ResolveError::panicked())
        })
    }

    /// The first digest that a Build of the namespace gets, or the first error.
    async fn resolve_for_any(
        &self,
        image: &ImageRef,
        builds: &[SecretNames],
        shared: &SharedAnswers,
    ) -> Result<Digest, ResolveError> {
        let mut secrets = ReadSecrets::default();
        let mut tried = 0;
        let mut first = None;
        for names in builds {
            let answer = self.resolve_for(image, names, shared, &mut secrets, &mut tried).await;
            match answer {
                Some(Ok(digest)) => return Ok(digest),
                Some(Err(error)) => _ = first.get_or_insert(error),
                None => break,
            }
        }
        let Some(error) = first else { return self.resolve_with(image, None, shared).await };
        if !is_denied(error.kind) {
            return Err(error);
        }
        // The user may be adding the credential that the registry asks for.
        self.no_entry.retain(|(secret, _)| !builds.iter().any(|names| names.contains(secret)));
        if secrets.left_out || tried >= MAX_CREDENTIALS {
            secrets.errors.push(format!(
                "only {MAX_SECRETS} Secrets of a namespace are read for an image, and {MAX_CREDENTIALS} credentials \
                 are tried; remove those that do not fit"
            ));
        }
        Err(if secrets.errors.is_empty() { error } else { error.with_hint(&secrets.errors.join("; ")) })
    }

    /// The answer to one Build; `None` if the namespace has tried enough.
    async fn resolve_for(
        &self,
        image: &ImageRef,
        names: &[ObjectKey],
        shared: &SharedAnswers,
        secrets: &mut ReadSecrets,
        tried: &mut usize,
    ) -> Option<Result<Digest, ResolveError>> {
        let mut last = None;
        for name in names {
            let Some(credential) = self.credential(image, name, secrets).await else { continue };
            if *tried >= MAX_CREDENTIALS {
                return last;
            }
            *tried += 1;
            let answer = self.resolve_with(image, Some(&credential), shared).await;
            let is_denied = matches!(&answer, Err(error) if is_denied(error.kind));
            last = Some(answer);
            if !is_denied {
                return last;
            }
        }
        match last {
            Some(_) => last,
            None => Some(self.resolve_with(image, None, shared).await),
        }
    }

    async fn resolve_with(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryCredential>,
        shared: &SharedAnswers,
    ) -> Result<Digest, ResolveError> {
        let answer = shared.of(credential);
        answer.get_or_init(|| self.registries.digest(image, credential)).await.clone()
    }

    /// The credential of a Secret for the image's registry. A Secret that cannot be read does not prevent the request:
    /// most images are public.
    async fn credential(
        &self,
        image: &ImageRef,
        name: &ObjectKey,
        secrets: &mut ReadSecrets,
    ) -> Option<RegistryCredential> {
        if let Some(credential) = secrets.credentials.get(name) {
            return credential.clone();
        }
        if self.has_no_entry(name, image) {
            return None;
        }
        if secrets.credentials.len() >= MAX_SECRETS {
            secrets.left_out = true;
            return None;
        }
        let credential = match self.secrets.read(name).await {
            Ok(data) => match data.docker_config().map(|config| credential_for(config, image)) {
                Some(Ok(Some(credential))) => Some(credential),
                Some(Ok(None)) | None => {
                    self.no_entry.insert((name.clone(), scope(image)), (), NO_ENTRY_TTL, Instant::now());
                    None
                }
                Some(Err(error)) => {
                    secrets.note(format!("the Secret {name} cannot be used: {error}"));
                    None
                }
            },
            Err(error) => {
                // The cause of a failed read can name an address of the API server.
                secrets.note(match error {
                    SecretError::Unavailable { secret, .. } => {
                        format!("the Secret {secret} cannot be read now")
                    }
                    error => error.to_string(),
                });
                None
            }
        };
        secrets.credentials.insert(name.clone(), credential.clone());
        credential
    }

    fn has_no_entry(&self, secret: &ObjectKey, image: &ImageRef) -> bool {
        self.no_entry.get(&(secret.clone(), scope(image)), Instant::now()).is_some()
    }
}

impl SharedAnswers {
    fn of(&self, credential: Option<&RegistryCredential>) -> Answer {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(answers.entry(credential.map(RegistryCredential::fingerprint)).or_default())
    }
}

impl ReadSecrets {
    fn note(&mut self, error: String) {
        if self.errors.len() < MAX_HINTS {
            self.errors.push(error);
        }
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::BoxFuture;
    use trigger_devregistry::DevRegistry;
    use trigger_egress::{EgressSettings, PrivateAllowed};
    use trigger_runtime::SecretData;

    use super::*;

    struct PanickingSecrets;

    impl Secrets for PanickingSecrets {
        fn read<'a>(&'a self, _: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
            panic!("on purpose")
        }
    }

    fn secret(name: &str) -> SecretNames {
        [ObjectKey::new("team", name)].into()
    }

    #[tokio::test]
    async fn a_panic_is_a_failed_request() {
        let registries = Registries::new(EgressSettings::default(), 10.0).unwrap();
        let resolver = Resolver::new(registries, Arc::new(PanickingSecrets));
        let image = "registry.example/app:1".parse().unwrap();
        let answer = resolver.resolve(&image, &[secret("login")], &SharedAnswers::default()).await;
        assert!(answer.unwrap_err().message().contains("which is a bug"));
    }

    /// Every Secret has another password for the registry on the port in its name. Counts reads.
    struct Passwords(AtomicUsize);

    impl Secrets for Passwords {
        fn read<'a>(&'a self, name: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let entry = serde_json::json!({"username": "user", "password": &*name.name});
            let port = name.name.rsplit_once("--").map_or("", |(_, port)| port);
            let config = serde_json::json!({"auths": {format!("127.0.0.1:{port}"): entry}}).to_string();
            let data = SecretData::new([(".dockerconfigjson".to_owned(), config.into_bytes())]);
            Box::pin(async move { Ok(Arc::new(data)) })
        }
    }

    #[tokio::test]
    async fn a_namespace_tries_a_bounded_number_of_credentials() {
        let registry = DevRegistry::builder().basic("user", "never").start().await.unwrap();
        let host = registry.host();
        let settings = EgressSettings {
            plain_http: vec![host.parse().unwrap()],
            private: vec![PrivateAllowed::Host(host.parse().unwrap())],
            ..EgressSettings::default()
        };
        let secrets = Arc::new(Passwords(AtomicUsize::default()));
        let resolver = Resolver::new(Registries::new(settings, 100_000.0).unwrap(), secrets.clone());
        let image = ImageRef::of(&host, "base", "latest").unwrap();
        let builds: Vec<_> = (0..200).map(|n| secret(&format!("s{n}--{}", registry.port()))).collect();
        let error = resolver.resolve(&image, &builds, &SharedAnswers::default()).await.unwrap_err();
        assert_eq!(error.kind, ResolveErrorKind::Unauthorized);
        assert!(error.message().contains("8 credentials are tried"), "{error}");
        assert!(registry.requests().len() <= 2 * MAX_CREDENTIALS, "{}", registry.requests().len());
        assert!(secrets.0.load(Ordering::Relaxed) <= MAX_SECRETS);
    }

    #[tokio::test]
    async fn namespaces_without_credentials_share_one_request() {
        let registry = DevRegistry::builder().start().await.unwrap();
        registry.push("base", "latest", b"one");
        let host = registry.host();
        let settings = EgressSettings {
            plain_http: vec![host.parse().unwrap()],
            private: vec![PrivateAllowed::Host(host.parse().unwrap())],
            ..EgressSettings::default()
        };
        let resolver =
            Resolver::new(Registries::new(settings, 100_000.0).unwrap(), Arc::new(PanickingSecrets));
        let image = ImageRef::of(&host, "base", "latest").unwrap();
        let shared = SharedAnswers::default();
        let polls = (0..20).map(|_| resolver.resolve(&image, &[], &shared));
        let answers = futures::future::join_all(polls).await;
        assert!(answers.iter().all(|answer| *answer == Ok(Digest::of(b"one"))), "{answers:?}");
        assert_eq!(registry.requests().len(), 1);
    }
}
