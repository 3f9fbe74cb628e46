//! Deliveries to put into a journal.

use aws_lc_rs::hmac;
use bytes::Bytes;
use jiff::Timestamp;
use trigger_core::{Credential, Delivery, DeliveryKey, ObjectKey, RepoId, Unsigned, Verified, Verifier};
use trigger_journal::{CheckRecord, DecisionRecord, LaunchRecord, OutcomeRecord};

const PATH: &str = "/hooks/github";
const KEY: &[u8] = b"not a secret";

/// A push to `acme/web`, received `second` seconds after an arbitrary moment. The name makes the body,
/// and the body makes the id.
pub(crate) fn push(name: &str, second: i64) -> Delivery {
    let body = Bytes::from(format!(r#"{{"ref":"refs/heads/main","after":"{name}"}}"#));
    Delivery {
        id: DeliveryKey { path: PATH, provider_id: None, body: &body }.id(),
        source: "github".into(),
        path: PATH.into(),
        provider_id: Some(format!("guid-of-{name}")),
        event: "push".to_owned(),
        repository: Some(repository("acme/web")),
        received_at: moment(second),
        headers: vec![("x-github-event".to_owned(), "push".to_owned())],
        body,
        replay: None,
    }
}

pub(crate) fn repository(path: &str) -> RepoId {
    RepoId::parse(&format!("https://github.com/{path}")).unwrap()
}

pub(crate) fn moment(second: i64) -> Timestamp {
    Timestamp::new(1_760_000_000 + second, 123_456_789).unwrap()
}

/// Signs the delivery as its sender would and has the signature checked.
pub(crate) fn verified(delivery: Delivery) -> Verified<Delivery> {
    verified_by(delivery, &ObjectKey::new("team-a", "hook"))
}

pub(crate) fn verified_by(delivery: Delivery, secret: &ObjectKey) -> Verified<Delivery> {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, KEY), &delivery.body);
    let claim = Credential::HmacSha256(tag.as_ref().try_into().unwrap());
    let mut verification = Verifier::new(delivery, claim);
    assert!(verification.try_key(secret, KEY));
    verification.finish(Unsigned::Refused).unwrap()
}

pub(crate) fn skipped(rule: &str) -> DecisionRecord {
    DecisionRecord {
        kind: "Build".to_owned(),
        target: ObjectKey::new("team-a", "web"),
        rule: rule.to_owned(),
        index: 1,
        outcome: OutcomeRecord::Skipped {
            reason: "branch-not-listed".to_owned(),
            message: "the push was to main, and the rule lists release".to_owned(),
        },
        checks: vec![CheckRecord {
            predicate: "branch".to_owned(),
            passed: false,
            expected: "release".to_owned(),
            found: "main".to_owned(),
        }],
    }
}

pub(crate) fn launched(run: &str) -> LaunchRecord {
    LaunchRecord {
        kind: "BuildRun".to_owned(),
        run: ObjectKey::new("team-a", run),
        uid: Some("1f3a".to_owned()),
        existed: false,
        fault: None,
    }
}
