//! The questions of interceptors that the key of a Secret answers.

use std::collections::HashMap;

use futures::StreamExt;
use tokio::time::{Instant, timeout_at};
use trigger_core::ObjectKey;
use trigger_rules::interceptors::{SecretAnswer, SecretCheck};
use trigger_runtime::{SecretData, SecretError, Secrets, VERIFIED_GRACE, read_in_turns};

use crate::time_slice::TimeSlice;

/// The answers to checks, each in its place, with Secrets that are read now. An error: the Secret could not be read by
/// `until`, and may be later.
///
/// Thousands of triggers may check one signature of a large body with one key: that is computed once. Between different ones
/// others can work.
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
    let mut slice = TimeSlice::begin();
    while let Ok(Some((place, read))) = timeout_at(until, turns.next()).await {
        let Some(secret) = wanted.get(place) else { continue };
        let mut compared = read.as_deref().map(Compared::with);
        for place in places.get(secret).into_iter().flatten() {
            let (Some(check), Some(answer)) = (checks.get(*place), answers.get_mut(*place)) else { continue };
            *answer = match &mut compared {
                Ok(compared) => Ok(compared.answer(check)),
                Err(error) => absent(error.clone()),
            };
            slice.give_way().await;
            if *answer == Ok(SecretAnswer::Verified) {
                until = until.min(Instant::now() + VERIFIED_GRACE);
            }
        }
    }
    answers
}

/// Checks with one Secret, each different one with its answer.
struct Compared<'a> {
    data: &'a SecretData,
    /// By entry.
    answers: HashMap<&'a str, Vec<(&'a SecretCheck, SecretAnswer)>>,
}

impl<'a> Compared<'a> {
    fn with(data: &'a SecretData) -> Self {
        Self { data, answers: HashMap::new() }
    }

    fn answer(&mut self, check: &'a SecretCheck) -> SecretAnswer {
        let entry: &str = &check.key.entry;
        let of_entry = self.answers.entry(entry).or_default();
        if let Some((_, answer)) = of_entry.iter().find(|(other, _)| check.is_same_as(other)) {
            return *answer;
        }
        let answer = self.data.entry(entry).map_or(SecretAnswer::NoEntry, |value| check.compare(value));
        of_entry.push((check, answer));
        answer
    }
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use trigger_api::triggers::Kind;
    use trigger_core::DeliveryId;
    use trigger_expr::Headers;
    use trigger_rules::interceptors::Question;
    use trigger_rules::listeners::{ListenerAnswers, ListenerInventory};

    use super::*;
    use crate::listeners::ListenerRequest;

    /// The checks of a listener whose triggers name these entries of a Secret.
    fn checks(entries: &[&str]) -> Vec<SecretCheck> {
        let trigger = |entry: &&str| {
            let secret = json!({"secretName": "hook", "secretKey": entry});
            let github =
                json!({"ref": {"name": "github"}, "params": [{"name": "secretRef", "value": secret}]});
            json!({"interceptors": [github], "template": {"spec": {"resourcetemplates": []}}})
        };
        let triggers: Vec<Value> = entries.iter().map(trigger).collect();
        let metadata = json!({"namespace": "team-a", "name": "web", "uid": "uid"});
        let inventory = ListenerInventory::default();
        inventory.apply(Kind::EventListener, json!({"metadata": metadata, "spec": {"triggers": triggers}}));
        inventory.mark_synced();
        let mut headers = Headers::new();
        headers.append("X-Hub-Signature-256", format!("sha256={}", "0".repeat(64)));
        let request = ListenerRequest {
            listener: ObjectKey::new("team-a", "web"),
            url: "/".to_owned(),
            headers,
            body: Bytes::from_static(b"{}"),
            received_at: Timestamp::now(),
        };
        let listeners = inventory.current().unwrap();
        let listener = listeners.listener("team-a", "web").unwrap();
        let decided =
            listener.decide(&request.state(&DeliveryId::derive(&[b"id"])), &ListenerAnswers::default());
        let check = |(_, ask)| match ask {
            trigger_rules::interceptors::Ask { question: Question::Secret(check), .. } => check,
            other => panic!("{other:?}"),
        };
        decided.needs.into_iter().map(check).collect()
    }

    #[test]
    fn the_same_signature_is_compared_with_a_key_once() {
        let data = SecretData::new(["a", "b"].map(|entry| (entry.to_owned(), entry.as_bytes().to_vec())));
        let checks = checks(&["a", "b", "a", "c", "a", "b"].repeat(100));
        assert_eq!(checks.len(), 600);
        let mut compared = Compared::with(&data);
        for check in &checks {
            let expected =
                if *check.key.entry == *"c" { SecretAnswer::NoEntry } else { SecretAnswer::Refused };
            assert_eq!(compared.answer(check), expected);
        }
        assert_eq!(compared.answers.values().map(Vec::len).sum::<usize>(), 3, "one for each entry");
    }
}
