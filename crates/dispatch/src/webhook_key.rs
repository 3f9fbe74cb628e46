//! Whether the Secret of an owner's rules holds a webhook key. Without one, every delivery for them is rejected, and the
//! sender learns only that its signature is not accepted: so people learn it on the object with the rules.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use trigger_core::ObjectKey;
use trigger_rules::{Auth, Inventory, OwnerRules, RuleSet, SecretOrigin};
use trigger_runtime::{ExpiringMap, Leadership, SecretData, SecretError, Secrets};

use crate::key_error::KeyError;
use crate::owner_warnings::OwnerWarnings;

/// How often changed owners are looked for. A Build is checked after one to two intervals: its Secret may be made after
/// it, by the same command.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);
/// How many owners are checked at one time. A person who changes more learns of the others by their deliveries.
pub(crate) const MOST_CHECKED: usize = 100;
/// On how many owners a warning is written because of one delivery. Each costs an Event.
pub(crate) const MOST_WARNED: usize = 20;
/// The pause between two equal warnings on one owner. Strangers can cause them.
pub(crate) const WARN_AGAIN: Duration = Duration::from_hours(1);
/// How many warnings are remembered for that. Beyond, the recorder of Events has a limit of its own.
const MOST_REMEMBERED: usize = 4096;

/// The state of the key of an owner's rules about a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStatus {
    /// The Secret holds a key.
    Present(ObjectKey),
    /// No key is needed: the operator accepts unsigned deliveries.
    NotNeeded,
    /// There is none, so every delivery is rejected.
    Absent(KeyError),
    /// The Secret cannot be read.
    Unknown(SecretError),
}

/// The state of the key of an owner, read now. `entries` are those of a Secret that may hold a key. `None` if the owner
/// has no rules about a repository, or names an impossible Secret, which is an error of its rules.
pub async fn key_status(
    owner: &OwnerRules,
    entries: &[String],
    allow_unsigned: bool,
    secrets: &dyn Secrets,
) -> Option<KeyStatus> {
    let mut status = None;
    // Today all rules of an owner have one Secret. Of several, the one without a key is worth a word.
    for auth in owner.webhook_auths() {
        let of_this = match auth {
            Auth::Open if allow_unsigned => KeyStatus::NotNeeded,
            Auth::Open => KeyStatus::Absent(KeyError::NoSecret),
            Auth::Keys(binding) => {
                let one = binding.entry.as_ref().map(|entry| vec![entry.to_string()]);
                let read = secrets.read(&binding.secret).await;
                let found =
                    of_secret(&binding.secret, binding.origin, read, one.as_deref().unwrap_or(entries));
                match found {
                    KeyStatus::Absent(_) if allow_unsigned && binding.origin == SecretOrigin::CloneSecret => {
                        KeyStatus::NotNeeded
                    }
                    found => found,
                }
            }
            Auth::Observed | Auth::Impossible => continue,
        };
        if matches!(of_this, KeyStatus::Absent(_)) {
            return Some(of_this);
        }
        status.get_or_insert(of_this);
    }
    status
}

fn of_secret(
    secret: &ObjectKey,
    origin: SecretOrigin,
    read: Result<Arc<SecretData>, SecretError>,
    entries: &[String],
) -> KeyStatus {
    match read {
        Ok(data) if data.webhook_keys(entries).is_empty() => {
            KeyStatus::Absent(KeyError::without_key(secret, origin))
        }
        Ok(_) => KeyStatus::Present(secret.clone()),
        Err(SecretError::Missing(_)) => KeyStatus::Absent(KeyError::missing(secret, origin)),
        Err(error) => KeyStatus::Unknown(error),
    }
}

/// Warns on owners whose key is absent: once an hour each, however many deliveries are rejected.
pub struct KeyWarnings {
    warnings: Arc<dyn OwnerWarnings>,
    warned: ExpiringMap<(Arc<str>, &'static str), ()>,
}

impl KeyWarnings {
    /// Writes with `warnings`.
    pub fn new(warnings: Arc<dyn OwnerWarnings>) -> Self {
        Self { warnings, warned: ExpiringMap::new(MOST_REMEMBERED) }
    }

    /// Warns on one owner, unless it was warned lately. True if it was not.
    fn warn(&self, owner: &OwnerRules, error: &KeyError) -> bool {
        let (key, now) = ((Arc::clone(&owner.uid), error.reason()), Instant::now());
        let is_new = self.warned.get(&key, now).is_none();
        if is_new {
            self.warned.insert(key, (), WARN_AGAIN, now);
            self.warnings.no_key(owner, error);
        }
        is_new
    }

    /// Warns on the owners of which a delivery was rejected, because `absent` has the error of their Secret, or because
    /// they name none and `no_secret` is set.
    pub fn rejected<'a>(
        &self,
        owners: impl Iterator<Item = &'a OwnerRules>,
        absent: &HashMap<&ObjectKey, Absent>,
        no_secret: bool,
    ) {
        let error = |auth: &Auth| match auth {
            Auth::Open if no_secret => Some(KeyError::NoSecret),
            Auth::Keys(binding) => match absent.get(&binding.secret)? {
                Absent::Secret => Some(KeyError::missing(&binding.secret, binding.origin)),
                Absent::Key => Some(KeyError::without_key(&binding.secret, binding.origin)),
            },
            _ => None,
        };
        let found = owners.filter_map(|owner| Some((owner, owner.webhook_auths().find_map(error)?)));
        found.filter(|(owner, error)| self.warn(owner, error)).take(MOST_WARNED).for_each(drop);
    }
}

/// What a Secret lacks that could have verified a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It does not exist.
    Secret,
    /// It holds no key.
    Key,
}

/// Checks the keys of owners that are new or name another Secret, while this replica leads. Those that exist when the
/// program starts are not checked: their deliveries tell, and each restart would read every Secret.
pub struct KeyChecks {
    /// The rules.
    pub inventory: Arc<Inventory>,
    /// Reads the Secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Writes the warnings.
    pub warnings: Arc<KeyWarnings>,
    /// Of several replicas, one warns.
    pub leadership: Leadership,
    /// The entries of a Secret that may hold a key, of all providers.
    pub entries: Vec<String>,
    /// Whether rules without a Secret accept unsigned deliveries.
    pub allow_unsigned: bool,
}

impl KeyChecks {
    /// Runs until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut ticks = interval(CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut checked, mut settled) = (None::<Arc<RuleSet>>, None::<Arc<RuleSet>>);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.cancelled() => return,
            }
            let Some(now) = self.inventory.current() else { continue };
            // What has changed between `checked` and `settled` has stood for an interval at least.
            if let (Some(before), Some(after)) = (&checked, &settled) {
                let check = self.check(before, after, &now);
                if shutdown.run_until_cancelled(check).await.is_none() {
                    return;
                }
            }
            checked = settled.replace(now);
        }
    }

    async fn check(&self, before: &RuleSet, after: &RuleSet, now: &RuleSet) {
        if !self.leadership.is_ours() {
            return;
        }
        for owner in changed(before, after).take(MOST_CHECKED) {
            // One that has changed again is checked an interval later.
            let Some(owner) = now.owner(&owner.owner).filter(|current| Arc::ptr_eq(current, owner)) else {
                continue;
            };
            let status = key_status(owner, &self.entries, self.allow_unsigned, self.secrets.as_ref()).await;
            debug!(owner = %owner.owner, ?status, "checked the key of new or changed rules");
            if let Some(KeyStatus::Absent(error)) = status {
                self.warnings.warn(owner, &error);
            }
        }
    }
}

/// The owners that are new, or whose rules have another Secret than before.
fn changed<'a>(before: &'a RuleSet, after: &'a RuleSet) -> impl Iterator<Item = &'a Arc<OwnerRules>> {
    after.owners().filter(|owner| {
        before.owner(&owner.owner).is_none_or(|earlier| {
            !Arc::ptr_eq(earlier, owner)
                && (earlier.uid != owner.uid || !earlier.webhook_auths().eq(owner.webhook_auths()))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;
    use futures::future::BoxFuture;
    use serde_json::json;
    use trigger_api::shipwright::Build;
    use trigger_core::KnownHosts;

    use super::*;

    /// Secrets `hook` with a key, `empty` without, `denied` that cannot be read, and no others. Counts reads.
    #[derive(Default)]
    struct Cluster(AtomicUsize);

    impl Secrets for Cluster {
        fn read<'a>(&'a self, key: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let answer = match &*key.name {
                "hook" => Ok(Arc::new(SecretData::new([("webhook-secret".to_owned(), b"key".to_vec())]))),
                "empty" => Ok(Arc::new(SecretData::new([("password".to_owned(), b"key".to_vec())]))),
                "denied" => Err(SecretError::Forbidden(key.clone())),
                _ => Err(SecretError::Missing(key.clone())),
            };
            std::future::ready(answer).boxed()
        }
    }

    /// Records the warnings.
    #[derive(Default)]
    struct Log(Mutex<Vec<(String, &'static str)>>);

    impl OwnerWarnings for Log {
        fn repository_moved(&self, owner: &OwnerRules, message: &str) {
            panic!("{}: {message}", owner.owner.key)
        }

        fn secret_unreadable(&self, _owner: &OwnerRules, _error: &SecretError) {}

        fn no_key(&self, owner: &OwnerRules, error: &KeyError) {
            self.0.lock().unwrap().push((owner.owner.name().to_string(), error.reason()));
        }
    }

    impl Log {
        fn drain(&self) -> Vec<(String, &'static str)> {
            let mut found = std::mem::take(&mut *self.0.lock().unwrap());
            found.sort();
            found
        }
    }

    fn build(name: &str, trigger_secret: Option<&str>, clone_secret: Option<&str>) -> Build {
        serde_json::from_value(json!({
            "metadata": {"namespace": "team-a", "name": name, "uid": name},
            "spec": {
                "source": {"git": {"url": "https://git.example.com/acme/web", "cloneSecret": clone_secret}},
                "trigger": {
                    "triggerSecret": trigger_secret,
                    "when": [{"name": "n", "type": "GitHub", "github": {"events": ["Push"]}}],
                },
            },
        }))
        .unwrap()
    }

    fn inventory(builds: &[Build]) -> Arc<Inventory> {
        let inventory = Inventory::new(KnownHosts::NONE);
        inventory.mark_synced();
        for build in builds {
            inventory.apply(build);
        }
        Arc::new(inventory)
    }

    #[tokio::test]
    async fn the_state_of_a_key_is_known_by_its_secret() {
        let entries = ["webhook-secret".to_owned()];
        for (trigger, clone, allow_unsigned, expected) in [
            (Some("hook"), None, false, None),
            (Some("empty"), None, false, Some("TriggerSecretHasNoKey")),
            (Some("none"), None, false, Some("TriggerSecretMissing")),
            (Some("none"), None, true, Some("TriggerSecretMissing")),
            (Some("denied"), None, false, None),
            (None, None, false, Some("TriggerNoSecret")),
            (None, None, true, None),
            (None, Some("hook"), false, None),
            (None, Some("empty"), false, Some("TriggerNoSecret")),
            (None, Some("empty"), true, None),
        ] {
            let rules = inventory(&[build("web", trigger, clone)]).current().unwrap();
            let owner = rules.owners().next().unwrap();
            let status = key_status(owner, &entries, allow_unsigned, &Cluster::default()).await.unwrap();
            let found = match &status {
                KeyStatus::Absent(error) => Some(error.reason()),
                _ => None,
            };
            assert_eq!(found, expected, "{trigger:?} {clone:?}: {status:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn new_and_changed_owners_are_checked_once_and_the_others_never() {
        let old = build("old", Some("none"), None);
        let inventory = inventory(std::slice::from_ref(&old));
        let (log, secrets) = (Arc::new(Log::default()), Arc::new(Cluster::default()));
        let checks = KeyChecks {
            inventory: Arc::clone(&inventory),
            secrets: Arc::clone(&secrets) as Arc<dyn Secrets>,
            warnings: Arc::new(KeyWarnings::new(Arc::clone(&log) as Arc<dyn OwnerWarnings>)),
            leadership: Leadership::always(),
            entries: vec!["webhook-secret".to_owned()],
            allow_unsigned: false,
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(checks.run(shutdown.clone()));
        tokio::time::sleep(CHECK_INTERVAL * 4).await;
        assert_eq!(secrets.0.load(Ordering::Relaxed), 0, "what was there at the start");

        inventory.apply(&build("new", Some("none"), None));
        inventory.apply(&build("good", Some("hook"), None));
        tokio::time::sleep(CHECK_INTERVAL * 3).await;
        assert_eq!(log.drain(), [("new".to_owned(), "TriggerSecretMissing")]);
        tokio::time::sleep(CHECK_INTERVAL * 10).await;
        assert_eq!((log.drain(), secrets.0.load(Ordering::Relaxed)), (vec![], 2), "no more than once");

        inventory.apply(&build("good", Some("empty"), None));
        inventory.apply(&old);
        tokio::time::sleep(CHECK_INTERVAL * 3).await;
        assert_eq!(log.drain(), [("good".to_owned(), "TriggerSecretHasNoKey")]);
        shutdown.cancel();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn rejected_deliveries_warn_on_each_owner_once_an_hour_and_on_a_bounded_number() {
        let many: Vec<_> =
            (0..100).map(|number| build(&format!("b{number:03}"), Some("none"), None)).collect();
        let rules = inventory(&many).current().unwrap();
        let log = Arc::new(Log::default());
        let warnings = KeyWarnings::new(Arc::clone(&log) as Arc<dyn OwnerWarnings>);
        let secret = ObjectKey::new("team-a", "none");
        let absent = HashMap::from([(&secret, Absent::Secret)]);
        let reject = || {
            warnings.rejected(rules.owners().map(AsRef::as_ref), &absent, false);
            log.drain().len()
        };
        assert_eq!((0..6).map(|_| reject()).collect::<Vec<_>>(), [20, 20, 20, 20, 20, 0]);
        tokio::time::sleep(WARN_AGAIN + Duration::from_secs(1)).await;
        assert_eq!(reject(), 20);

        let open = inventory(&[build("open", None, None)]).current().unwrap();
        for (no_secret, expected) in [(false, 0), (true, 1), (true, 0)] {
            warnings.rejected(open.owners().map(AsRef::as_ref), &HashMap::new(), no_secret);
            assert_eq!(log.drain().len(), expected);
        }
    }
}
