use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use trigger_core::{Arrival, Credentials, Delivery, ObjectKey, Unsigned, Verifier, WaitingSecret};
use trigger_rules::{KeyBinding, SecretOrigin, WebhookCandidates};
use trigger_runtime::{SecretError, Secrets, VERIFIED_GRACE, read_in_turns};

use super::rejections::KeyCheck;

/// How long all Secrets of a delivery may take: a sender waits 10 s for its answer, and storing the delivery may take half
/// of that.
pub(crate) const READ_WITHIN: Duration = Duration::from_secs(4);

/// For how many namespaces one delivery is stored to wait. Each costs a copy of the body.
pub(crate) const MOST_WAITING: usize = 32;

/// Why no key verifies a delivery.
pub(crate) enum Unverified {
    /// Every Secret that exists was read.
    NotVerified {
        /// The delivery.
        delivery: Box<Delivery>,
        /// The Secrets, each with the result.
        tried: Vec<(ObjectKey, KeyCheck)>,
    },
    /// A Secret could not be read now, of those that were tried.
    Unavailable(Vec<(ObjectKey, KeyCheck)>),
}

/// Where the keys that could verify a delivery are.
#[derive(Clone, Copy)]
pub(crate) struct KeyScope<'a> {
    /// The rules that could accept it.
    pub(crate) candidates: &'a WebhookCandidates,
    /// The namespaces whose rules are not known.
    pub(crate) unseen: &'a BTreeSet<Arc<str>>,
}

/// Tries the keys of every candidate rule, which are read now. `entries` are those that the provider reads.
///
/// The Secrets of all namespaces are read side by side, and the keys of one namespace suffice for an answer: a Secret that
/// is not read soon after is left for later.
pub(crate) async fn verify(
    delivery: Delivery,
    credentials: Credentials,
    KeyScope { candidates, unseen }: KeyScope<'_>,
    entries: &[String],
    allow_unsigned: bool,
    secrets: &dyn Secrets,
) -> Result<Arrival, Unverified> {
    let id = delivery.id.clone();
    let mut verifier = Verifier::new(delivery, credentials);
    verifier.unseen(unseen);
    let mut without_key = candidates.without_secret;
    let mut tried = Vec::with_capacity(candidates.keys.len());
    let mut unanswered: Vec<_> = candidates.keys.iter().map(Some).collect();
    let mut is_unavailable = false;
    let mut until = Instant::now() + READ_WITHIN;
    let mut turns = read_in_turns(candidates.keys.iter().map(|binding| &binding.secret), secrets);
    while let Ok(Some((place, read))) = timeout_at(until, turns.next()).await {
        let Some(binding) = unanswered.get_mut(place).and_then(Option::take) else { continue };
        let data = match read {
            Ok(data) => data,
            Err(error) => {
                warn!(error = %error, delivery = %id, "deliveries for a rule cannot be verified");
                // One that does not exist, or cannot, is not waited for: a Build may name it for ever.
                if matches!(error, SecretError::Unavailable { .. } | SecretError::Forbidden(_)) {
                    is_unavailable = true;
                    verifier.unread(unread(binding));
                }
                tried.push((binding.secret.clone(), KeyCheck::Error(error)));
                continue;
            }
        };
        let keys = match &binding.entry {
            None => data.webhook_keys(entries),
            Some(entry) => data.webhook_keys(&[entry.to_string()]),
        };
        for (entry, key) in &keys {
            if verifier.try_key(&binding.secret, entry, key) {
                until = until.min(Instant::now() + VERIFIED_GRACE);
            }
        }
        let check = if keys.is_empty() { KeyCheck::NoKey } else { KeyCheck::Differs(keys.len()) };
        tried.push((binding.secret.clone(), check));
        if keys.is_empty() && binding.origin == SecretOrigin::CloneSecret {
            verifier.without_entry(&binding.secret);
            without_key = true;
        }
    }
    drop(turns);
    let mut late = BTreeMap::<_, usize>::new();
    for binding in unanswered.into_iter().flatten() {
        is_unavailable = true;
        *late.entry(&binding.secret.namespace).or_default() += 1;
        verifier.unread(unread(binding));
    }
    for (namespace, secrets) in late {
        warn!(%namespace, secrets, delivery = %id, "deliveries for rules cannot be verified in time");
    }
    let unsigned = if allow_unsigned && without_key { Unsigned::Operator } else { Unsigned::No };
    match verifier.finish_with_waiting(unsigned) {
        Ok(mut arrival) => {
            let namespaces = arrival.waiting.len();
            if namespaces > MOST_WAITING {
                warn!(delivery = %id, namespaces, most = MOST_WAITING, "too many namespaces wait for Secrets");
                arrival.waiting.truncate(MOST_WAITING);
            }
            Ok(arrival)
        }
        Err(_) if is_unavailable => Err(Unverified::Unavailable(tried)),
        Err(delivery) => Err(Unverified::NotVerified { delivery, tried }),
    }
}

fn unread(binding: &KeyBinding) -> WaitingSecret {
    match binding.origin {
        SecretOrigin::TriggerSecret => WaitingSecret::new(binding.secret.clone(), binding.entry.clone()),
        SecretOrigin::CloneSecret => WaitingSecret::of_clone(binding.secret.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use jiff::Timestamp;
    use trigger_core::{Credential, DeliveryId};
    use trigger_runtime::SecretData;

    use super::*;

    /// Secrets that hold this key, that cannot be read, or that hang.
    #[derive(Clone, Copy)]
    enum Secret {
        Key(&'static [u8]),
        Unavailable,
        Forbidden,
        Missing,
        Hangs,
    }

    struct Cluster(HashMap<ObjectKey, Secret>);

    impl Secrets for Cluster {
        fn read<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
            let unavailable =
                || SecretError::Unavailable { secret: key.clone(), reason: "it answered 500".to_owned() };
            let answer = match self.0[key] {
                Secret::Key(value) => Ok(Arc::new(SecretData::new([("token".to_owned(), value.to_vec())]))),
                Secret::Unavailable => Err(unavailable()),
                Secret::Forbidden => Err(SecretError::Forbidden(key.clone())),
                Secret::Missing => Err(SecretError::Missing(key.clone())),
                Secret::Hangs => return std::future::pending().boxed(),
            };
            std::future::ready(answer).boxed()
        }
    }

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::derive(&[b"delivery"]),
            source: "forge".into(),
            path: "/hooks/forge".into(),
            provider_id: None,
            event: "push".to_owned(),
            repository: None,
            received_at: Timestamp::UNIX_EPOCH,
            headers: Vec::new(),
            body: "{}".into(),
            replay: None,
        }
    }

    /// The result for a sender with the key `ours`, and the time that it took.
    async fn verified(secrets: &[(&str, &str, Secret)]) -> (Result<Arrival, Unverified>, Duration) {
        let named = |&(namespace, name, _): &(&str, &str, _)| ObjectKey::new(namespace, name);
        let origin = SecretOrigin::TriggerSecret;
        let binding = |secret| Arc::new(KeyBinding { secret, entry: None, origin });
        let candidates = WebhookCandidates {
            keys: secrets.iter().map(named).map(binding).collect(),
            owners: secrets.len(),
            without_secret: false,
        };
        let cluster = Cluster(secrets.iter().map(|secret| (named(secret), secret.2)).collect());
        let credentials = Credential::token(b"ours").into();
        let began = Instant::now();
        let entries = ["token".to_owned()];
        let scope = KeyScope { candidates: &candidates, unseen: &BTreeSet::new() };
        let result = verify(delivery(), credentials, scope, &entries, false, &cluster).await;
        (result, began.elapsed())
    }

    /// The namespaces for which a delivery waits.
    fn waiting(result: Result<Arrival, Unverified>) -> Vec<String> {
        let Ok(Arrival { waiting, .. }) = result else { panic!("not verified") };
        let waiting = waiting.iter().filter_map(|one| one.verification().waiting.as_ref());
        waiting.filter_map(|waiting| waiting.namespace().map(ToString::to_string)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_cannot_be_read_silences_its_own_tenant_only() {
        for (theirs, waits) in [
            (Secret::Unavailable, true),
            (Secret::Forbidden, true),
            (Secret::Hangs, true),
            (Secret::Missing, false),
            (Secret::Key(b"theirs"), false),
        ] {
            let (result, took) =
                verified(&[("b", "hook", theirs), ("a", "hook", Secret::Key(b"ours"))]).await;
            assert_eq!(waiting(result), if waits { vec!["b"] } else { Vec::new() });
            assert!(took <= VERIFIED_GRACE + Duration::from_millis(10), "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_whose_own_secret_cannot_be_read_is_asked_to_come_again() {
        for theirs in [Secret::Unavailable, Secret::Forbidden, Secret::Hangs] {
            let (result, took) =
                verified(&[("b", "hook", theirs), ("a", "hook", Secret::Key(b"another"))]).await;
            assert!(matches!(result, Err(Unverified::Unavailable(_))));
            assert!(took <= READ_WITHIN + Duration::from_millis(10), "{took:?}");
        }
        let (result, _) = verified(&[("b", "hook", Secret::Missing)]).await;
        assert!(matches!(result, Err(Unverified::NotVerified { tried, .. }) if tried.len() == 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_with_many_secrets_that_hang_delays_no_other() {
        let names: Vec<_> = (0..4000).map(|number| number.to_string()).collect();
        let mut secrets: Vec<_> = names.iter().map(|name| ("b", name.as_str(), Secret::Hangs)).collect();
        secrets.push(("c", "hook", Secret::Key(b"ours")));
        let (result, took) = verified(&secrets).await;
        assert_eq!(waiting(result), ["b"]);
        assert!(took <= VERIFIED_GRACE + Duration::from_millis(10), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_waits_for_a_bounded_number_of_namespaces() {
        let names: Vec<_> = (0..2 * MOST_WAITING).map(|number| format!("b{number}")).collect();
        let mut secrets: Vec<_> = names.iter().map(|name| (name.as_str(), "hook", Secret::Hangs)).collect();
        secrets.push(("a", "hook", Secret::Key(b"ours")));
        let (result, _) = verified(&secrets).await;
        assert_eq!(waiting(result).len(), MOST_WAITING);
    }
}
