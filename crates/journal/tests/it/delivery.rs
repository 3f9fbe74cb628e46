//! Deliveries, decisions, launches and facts to put into a journal.

use bytes::Bytes;
use jiff::Timestamp;
use trigger_core::{
    AbbreviatedCommit, Credential, Delivery, DeliveryKey, Fact, FactValue, Facts, KeyForm, Need, ObjectKey,
    Ordinal, RepoId, ResourceRef, Unsigned, Verified, Verifier, sign,
};
use trigger_journal::{CheckRecord, ConditionRecord, DecisionRecord, LaunchRecord, OutcomeRecord};

const PATH: &str = "/hooks/github";
const KEY: &[u8] = b"not a secret";

/// The entry of a Secret that holds the key.
pub(crate) const ENTRY: &str = "webhook-secret";

/// A push to `acme/web`, received `second` seconds after an arbitrary time. The name makes the body, and the body makes
/// the id.
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

/// The delivery, signed with the key of `team-a/hook` and verified.
pub(crate) fn verified(delivery: Delivery) -> Verified<Delivery> {
    verified_by(delivery, &ObjectKey::new("team-a", "hook"))
}

pub(crate) fn verified_by(delivery: Delivery, secret: &ObjectKey) -> Verified<Delivery> {
    let tag = sign(KEY, KeyForm::Raw, b"", &delivery.body).unwrap();
    let mut verifier = Verifier::new(delivery, Credential::hmac_sha256(tag).into());
    assert!(verifier.try_key(secret, ENTRY, KEY));
    verifier.finish(Unsigned::No).unwrap()
}

pub(crate) fn skipped(rule: &str) -> DecisionRecord {
    DecisionRecord {
        owner: ResourceRef::new("shipwright.io", "Build", ObjectKey::new("team-a", "web")),
        rule: rule.to_owned(),
        index: 1,
        event: Ordinal::FIRST,
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
        further: 0,
    }
}

pub(crate) fn build_run(name: &str) -> ResourceRef {
    ResourceRef::new("shipwright.io", "BuildRun", ObjectKey::new("team-a", name))
}

pub(crate) fn launched(run: &str) -> LaunchRecord {
    LaunchRecord {
        run: build_run(run),
        event: Ordinal::FIRST,
        uid: Some("1f3a".to_owned()),
        existed: false,
        error: None,
        condition: Some(ConditionRecord {
            kind: "Triggered".to_owned(),
            reason: "GitHub".to_owned(),
            message: "push of \"main\" matched".to_owned(),
        }),
    }
}

/// Facts about these abbreviated commits, with a character that JSON has to escape.
pub(crate) fn facts(commits: &[&str]) -> Facts {
    let mut facts = Facts::default();
    for commit in commits {
        let abbreviated = AbbreviatedCommit::parse(commit).unwrap();
        facts.add(Fact {
            need: Need::FullCommit { repository: repository("acme/web"), abbreviated },
            value: FactValue::Unknown(format!("the server did not find \"{commit}\"\0")),
            at: moment(7),
        });
    }
    facts
}
