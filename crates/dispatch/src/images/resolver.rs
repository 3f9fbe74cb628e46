use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tracing::error;
use trigger_core::{Digest, ImageRef, ObjectKey};
use trigger_registries::{Registries, RegistryCredential, ResolveError, ResolveErrorKind, credential_for};

use trigger_runtime::Secrets;

/// A Secret that held nothing for a registry is not read again for so long.
const NOTHING_THERE: Duration = Duration::from_mins(10);

/// Asks registries on behalf of namespaces, with the credentials of each.
pub(super) struct Resolver {
    registries: Registries,
    secrets: Arc<dyn Secrets>,
    /// Secrets that held nothing for a registry, and until when that is believed. Nothing else of them is kept.
    nothing_for: Mutex<HashMap<(ObjectKey, Box<str>), Instant>>,
}

/// A namespace that wants to know what an image stands for, and the Secrets that may help.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Asker {
    pub(super) namespace: Arc<str>,
    pub(super) secrets: Vec<ObjectKey>,
}

/// What came of it.
pub(super) struct Answers {
    /// For each namespace once.
    pub(super) by_namespace: Vec<(Arc<str>, Result<Digest, ResolveError>)>,
    /// How often the registry was asked.
    pub(super) requests: u32,
}

/// The credentials of an asker, and what was wrong with its Secrets.
#[derive(Default)]
struct Means {
    credentials: Vec<RegistryCredential>,
    troubles: Vec<String>,
}

/// What the registry has answered already, by the credential; without one by zeros.
type KnownDelivery = HashMap<[u8; 32], Result<Digest, ResolveError>>;

impl Resolver {
    pub(super) fn new(registries: Registries, secrets: Arc<dyn Secrets>) -> Self {
        Self { registries, secrets, nothing_for: Mutex::default() }
    }

    /// Asks what an image stands for: once for each credential, however many namespaces have it. What comes back is
    /// anybody's: a panic over it, a bug, is a look that has failed.
    pub(super) async fn ask(&self, image: &ImageRef, askers: &[Asker]) -> Answers {
        let answers = AssertUnwindSafe(self.ask_all(image, askers)).catch_unwind().await;
        answers.unwrap_or_else(|_| {
            error!(%image, "the program panicked while it asked a registry, which is a bug: please report it");
            let namespaces: BTreeSet<_> = askers.iter().map(|asker| Arc::clone(&asker.namespace)).collect();
            let by_namespace = namespaces.into_iter().map(|it| (it, Err(ResolveError::panicked()))).collect();
            Answers { by_namespace, requests: 1 }
        })
    }

    async fn ask_all(&self, image: &ImageRef, askers: &[Asker]) -> Answers {
        let mut known = KnownDelivery::new();
        let mut by_namespace = HashMap::<Arc<str>, Result<Digest, ResolveError>>::new();
        for asker in askers {
            // One asker of the namespace who learns it is enough.
            if by_namespace.get(&asker.namespace).is_some_and(Result::is_ok) {
                continue;
            }
            let answer = self.ask_for(image, asker, &mut known).await;
            let place = by_namespace.entry(Arc::clone(&asker.namespace)).or_insert_with(|| answer.clone());
            if answer.is_ok() {
                *place = answer;
            }
        }
        let requests = u32::try_from(known.len()).unwrap_or(u32::MAX);
        Answers { by_namespace: by_namespace.into_iter().collect(), requests }
    }

    async fn ask_for(
        &self,
        image: &ImageRef,
        asker: &Asker,
        known: &mut KnownDelivery,
    ) -> Result<Digest, ResolveError> {
        let means = self.means(image, &asker.secrets).await;
        let mut answer = None;
        for credential in &means.credentials {
            let found = self.ask_with(image, Some(credential), known).await;
            let refused = matches!(&found, Err(fault) if is_refused(fault.kind));
            answer = Some(found);
            if !refused {
                break;
            }
        }
        let answer = match answer {
            Some(answer) => answer,
            None => self.ask_with(image, None, known).await,
        };
        answer.map_err(|fault| {
            if is_refused(fault.kind) {
                self.look_at_secrets_again(asker);
            }
            if is_refused(fault.kind) && !means.troubles.is_empty() {
                fault.with_hint(&means.troubles.join("; "))
            } else {
                fault
            }
        })
    }

    async fn ask_with(
        &self,
        image: &ImageRef,
        credential: Option<&RegistryCredential>,
        known: &mut KnownDelivery,
    ) -> Result<Digest, ResolveError> {
        let key = credential.map_or([0; 32], RegistryCredential::fingerprint);
        if let Some(answer) = known.get(&key) {
            return answer.clone();
        }
        let answer = self.registries.digest(image, credential).await;
        known.insert(key, answer.clone());
        answer
    }

    /// Reads the Secrets for what they hold for the image's registry. One that cannot be read is no reason not to
    /// ask: most images are public.
    async fn means(&self, image: &ImageRef, secrets: &[ObjectKey]) -> Means {
        let mut means = Means::default();
        for secret in secrets {
            if self.holds_nothing(secret, image) {
                continue;
            }
            let data = match self.secrets.read(secret).await {
                Ok(data) => data,
                Err(fault) => {
                    means.troubles.push(fault.to_string());
                    continue;
                }
            };
            match data.docker_config().map(|config| credential_for(config, image)) {
                Some(Ok(Some(credential))) => means.credentials.push(credential),
                Some(Ok(None)) | None => self.note_nothing(secret, image),
                Some(Err(error)) => {
                    means.troubles.push(format!("the Secret {secret} cannot be used: {error}"));
                }
            }
        }
        means
    }

    fn holds_nothing(&self, secret: &ObjectKey, image: &ImageRef) -> bool {
        let known = self.nothing_for.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(secret.clone(), place(image))).is_some_and(|until| *until > Instant::now())
    }

    fn note_nothing(&self, secret: &ObjectKey, image: &ImageRef) {
        let now = Instant::now();
        let mut known = self.nothing_for.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| *until > now);
        known.insert((secret.clone(), place(image)), now + NOTHING_THERE);
    }

    /// Somebody may just be mending what was refused.
    fn look_at_secrets_again(&self, asker: &Asker) {
        let mut known = self.nothing_for.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(secret, _), _| !asker.secrets.contains(secret));
    }
}

/// What the entries of a Secret can be for: a registry, or a path in it.
fn place(image: &ImageRef) -> Box<str> {
    format!("{}/{}", image.registry(), image.repository()).into()
}

/// Whether other credentials might help. Registries say "not found" to those who may not know.
fn is_refused(kind: ResolveErrorKind) -> bool {
    matches!(kind, ResolveErrorKind::Unauthorized | ResolveErrorKind::Forbidden | ResolveErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use futures::future::BoxFuture;
    use trigger_registries::RegistrySettings;
    use trigger_runtime::{SecretData, SecretError};

    use super::*;

    struct Broken;

    impl Secrets for Broken {
        fn read<'a>(&'a self, _: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
            panic!("on purpose")
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_look_that_has_failed() {
        let registries = Registries::new(RegistrySettings::default()).unwrap();
        let asking = Resolver::new(registries, Arc::new(Broken));
        let secret = ObjectKey { namespace: "team".into(), name: "login".into() };
        let asker = Asker { namespace: "team".into(), secrets: vec![secret] };
        let answers = asking.ask(&"registry.example/app:1".parse().unwrap(), &[asker]).await;
        let [(namespace, Err(fault))] = answers.by_namespace.as_slice() else { panic!("no fault") };
        assert_eq!(&**namespace, "team");
        assert!(fault.message().contains("which is a bug"), "{fault:?}");
    }
}
