//! The questions of interceptors that the key of a Secret answers.

use std::collections::HashMap;

use futures::StreamExt;
use tokio::time::{Instant, timeout_at};
use trigger_core::ObjectKey;
use trigger_rules::interceptors::{SecretAnswer, SecretCheck};
use trigger_runtime::{SecretData, SecretError, Secrets, VERIFIED_GRACE, read_in_turns};

/// The answers to checks, each in its place, with Secrets that are read now. An error: the Secret could not be read by
/// `until`, and may be later.
pub(super) async fn check_secrets(
    checks: &[&SecretCheck],
    secrets: &dyn Secrets,
    mut until: Instant,
) -> Vec<Result<SecretAnswer, SecretError>> {
    let mut places = HashMap::<&ObjectKey, Vec<usize>>::new();
    let mut wanted = Vec::new();
    for (place, check) in checks.iter().enumerate() {
        let of_secret = places.entry(&check.key.secret).or_default();
        if of_secret.is_empty() {
            wanted.push(&check.key.secret);
        }
        of_secret.push(place);
    }
    let mut answers: Vec<_> = checks.iter().map(|check| Err(late(&check.key.secret))).collect();
    let mut turns = read_in_turns(wanted.iter().copied(), secrets);
    while let Ok(Some((place, read))) = timeout_at(until, turns.next()).await {
        let Some(secret) = wanted.get(place) else { continue };
        for place in places.get(secret).into_iter().flatten() {
            let (Some(check), Some(answer)) = (checks.get(*place), answers.get_mut(*place)) else { continue };
            *answer =
                read.as_ref().map_err(Clone::clone).map_or_else(absent, |data| Ok(compare(check, data)));
            if *answer == Ok(SecretAnswer::Verified) {
                until = until.min(Instant::now() + VERIFIED_GRACE);
            }
        }
    }
    answers
}

fn compare(check: &SecretCheck, data: &SecretData) -> SecretAnswer {
    data.entry(&check.key.entry).map_or(SecretAnswer::NoEntry, |value| check.compare(value))
}

/// A Secret that does not exist, or cannot, is an answer: a trigger may name it for ever.
fn absent(error: SecretError) -> Result<SecretAnswer, SecretError> {
    match error {
        SecretError::Missing(_) | SecretError::Impossible(_) => Ok(SecretAnswer::NoSecret),
        error => Err(error),
    }
}

fn late(secret: &ObjectKey) -> SecretError {
    SecretError::Unavailable { secret: secret.clone(), reason: "no answer arrived in time".to_owned() }
}
