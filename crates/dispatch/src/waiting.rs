use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use tracing::info;
use trigger_core::{
    Delivery, DeliveryId, ObjectKey, Unsigned, Verification, Verifier, Waiting, WaitingSecret,
};
use trigger_journal::{ClaimedDelivery, Journal, JournalError};
use trigger_providers::by_name;
use trigger_rules::Inventory;
use trigger_runtime::{SecretData, SecretError, Secrets, error_chain};

use crate::arrivals::{store_resumed, store_without_key};
use crate::attempt::Attempt;
use crate::owner_warnings::{MOST_WARNED, OwnerWarnings};

/// How many Secrets of one waiting delivery are read side by side, as when it arrived.
const SIDE_BY_SIDE: usize = 8;

/// The services that an attempt at a waiting delivery calls.
pub(crate) struct WaitingTools<'a> {
    pub(crate) journal: &'a dyn Journal,
    pub(crate) secrets: &'a dyn Secrets,
    pub(crate) warnings: &'a dyn OwnerWarnings,
    pub(crate) inventory: &'a Inventory,
    /// How long the Secrets may take together. Those that take longer are read at the next attempt.
    pub(crate) within: Duration,
    /// Whether rules without a Secret may act.
    pub(crate) unsigned: Unsigned,
}

/// The result of trying the keys of a waiting delivery.
struct Checked {
    verifier: Verifier,
    verified: HashSet<ObjectKey>,
    /// Clone Secrets that hold no webhook key.
    without_key: BTreeSet<ObjectKey>,
    unread: Vec<SecretError>,
}

/// Reads the Secrets that a delivery waits for. If a key verifies it, it goes on as a verified delivery of its own; if
/// all Secrets read and none does, it is settled and starts nothing; else it waits on.
///
/// A clone Secret without a webhook key leaves its rules without a Secret. Where the operator accepts unsigned deliveries,
/// it goes on for these rules, as it would have when it arrived.
///
/// A crash in between repeats the steps: the verified delivery has one id, under which it is stored once.
pub(crate) async fn resume(claimed: &ClaimedDelivery, waiting: &Waiting, tools: WaitingTools<'_>) -> Attempt {
    let Some(verifier) = Verifier::resume(&claimed.delivery, waiting) else {
        // An earlier attempt, or the delivery that this one replays, has come to its end.
        return Attempt::default();
    };
    let Some(checked) = check(&claimed.delivery, waiting, verifier, &tools).await else {
        let error =
            format!("deliveries from `{}` are not understood by this version", claimed.delivery.source);
        return Attempt { permanent: Some(error), ..Attempt::default() };
    };
    match go_on(claimed, waiting, checked, &tools).await {
        Ok(unread) => {
            if claimed.token.attempt == 1 {
                unread.iter().take(MOST_WARNED).for_each(|error| warn_owners(error, &tools));
            }
            Attempt { waits: !unread.is_empty(), retryable: sentence(&unread), ..Attempt::default() }
        }
        Err(error) => Attempt { retryable: Some(error_chain(&error)), ..Attempt::default() },
    }
}

/// Stores the result. Returns why the Secrets that are left cannot be read.
async fn go_on(
    claimed: &ClaimedDelivery,
    waiting: &Waiting,
    checked: Checked,
    tools: &WaitingTools<'_>,
) -> Result<Vec<SecretError>, JournalError> {
    let Checked { verifier, verified, without_key, unread } = checked;
    let mut now = waiting.clone();
    let received = verifier.id().clone();
    for secret in &without_key {
        let Some(delivery) = verifier.without_key(secret, tools.unsigned) else { continue };
        let id = store_without_key(tools.journal, &received, secret, delivery).await?;
        info!(goes_on_as = %id, %secret, "the Secret holds no webhook key; unsigned deliveries are accepted");
        go_on_as(&mut now, id, |waiting| waiting.clone_secret && waiting.secret == *secret);
    }
    if let Ok(delivery) = verifier.finish(Unsigned::No) {
        let goes_on_as = store_resumed(tools.journal, &delivery).await?;
        let ids: Vec<_> = goes_on_as.iter().map(DeliveryId::as_str).collect();
        info!(goes_on_as = ids.join(" "), "a key verifies the delivery that waited");
        for id in goes_on_as {
            go_on_as(&mut now, id, |waiting| verified.contains(&waiting.secret));
        }
    }
    if unread.is_empty() {
        if now.continued_as.is_empty() {
            info!("no key of the Secrets that the delivery waited for verifies it");
        }
        // Nothing is left to compare with.
        now.presented = None;
    }
    if now != *waiting {
        let verification = Verification { waiting: Some(now), ..claimed.verification.clone() };
        tools.journal.record_verification(claimed.token.clone(), verification).await?;
    }
    Ok(unread)
}

/// Notes that a delivery goes on as `id` for some of the Secrets that it waits for.
fn go_on_as(waiting: &mut Waiting, id: DeliveryId, is_meant: impl Fn(&WaitingSecret) -> bool) {
    if !waiting.continued_as.contains(&id) {
        waiting.continued_as.push(id);
    }
    waiting
        .secrets
        .iter_mut()
        .filter(|waiting| is_meant(waiting))
        .for_each(|waiting| waiting.verified = true);
}

/// Tries the keys of every Secret that has not verified the delivery yet. `None` if its provider is unknown.
async fn check(
    delivery: &Delivery,
    waiting: &Waiting,
    verifier: Verifier,
    tools: &WaitingTools<'_>,
) -> Option<Checked> {
    let entries = by_name(&delivery.source)?.secret_entries();
    let until = Instant::now() + tools.within;
    let mut checked =
        Checked { verifier, verified: HashSet::new(), without_key: BTreeSet::new(), unread: Vec::new() };
    let left = waiting.secrets.iter().filter(|waiting| !waiting.verified);
    let reads: Vec<_> = left.map(|waiting| read(waiting, tools.secrets, until)).collect();
    let mut reads = stream::iter(reads).buffer_unordered(SIDE_BY_SIDE);
    while let Some((waiting, read)) = reads.next().await {
        let data = match read {
            Ok(data) => data,
            // Also one that is missing: it may be about to be made again.
            Err(error) => {
                checked.unread.push(error);
                continue;
            }
        };
        let keys = match &waiting.entry {
            None => data.webhook_keys(&entries),
            Some(entry) => data.webhook_keys(&[entry.to_string()]),
        };
        if keys.is_empty() && waiting.clone_secret {
            checked.without_key.insert(waiting.secret.clone());
        }
        for (entry, key) in keys {
            if checked.verifier.try_key(&waiting.secret, entry, key) {
                checked.verified.insert(waiting.secret.clone());
            }
        }
    }
    // The message does not depend on which of them answered first.
    checked.unread.sort_by_key(ToString::to_string);
    Some(checked)
}

type SecretRead = Result<Arc<SecretData>, SecretError>;

fn read<'a>(
    waiting: &'a WaitingSecret,
    secrets: &'a dyn Secrets,
    until: Instant,
) -> BoxFuture<'a, (&'a WaitingSecret, SecretRead)> {
    async move {
        let late = || SecretError::Unavailable {
            secret: waiting.secret.clone(),
            reason: "the API server does not answer in time".to_owned(),
        };
        let read = timeout_at(until, secrets.read(&waiting.secret)).await;
        (waiting, read.unwrap_or_else(|_| Err(late())))
    }
    .boxed()
}

/// Why the delivery waits, if it does.
fn sentence(unread: &[SecretError]) -> Option<String> {
    let (first, others) = unread.split_first()?;
    let others = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
    Some(format!("{}{others}; the delivery waits for it", error_chain(first)))
}

/// Warns on the owners of rules with this Secret.
fn warn_owners(error: &SecretError, tools: &WaitingTools<'_>) {
    let Some(rules) = tools.inventory.current() else { return };
    let owners = rules.owners().filter(|owner| owner.is_verified_by(error.secret()));
    owners.take(MOST_WARNED).for_each(|owner| tools.warnings.secret_unreadable(owner, error));
}
