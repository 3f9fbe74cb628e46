//! One tenant, one stranger, one object: what each can do to others, a file for each kind of thing they can take up.

mod admin_memory;
mod connections;
mod images;
mod memory;
mod names;
mod objects;
mod secrets;
mod shares;
mod tenants_api;
mod unseen;

use bytes::Bytes;
use jiff::Timestamp;
use trigger_core::{
    Credential, Delivery, DeliveryId, KeyForm, ObjectKey, Unsigned, Verified, Verifier, sign,
};

/// A delivery for the journal, which a key of the namespace verifies.
fn delivery(namespace: &str, name: &str, body: Bytes) -> Verified<Delivery> {
    let delivery = Delivery {
        id: DeliveryId::derive(&[name.as_bytes()]),
        source: "github".into(),
        path: "/hooks/github".into(),
        provider_id: None,
        event: "push".to_owned(),
        repository: None,
        received_at: Timestamp::now(),
        headers: Vec::new(),
        body,
        replay: None,
    };
    let tag = sign(b"a key", KeyForm::Raw, b"", &delivery.body).unwrap();
    let mut verifier = Verifier::new(delivery, Credential::hmac_sha256(tag).into());
    assert!(verifier.try_key(&ObjectKey::new(namespace, "hook"), "webhook-secret", b"a key"));
    verifier.finish(Unsigned::No).unwrap()
}
