//! Ids and traces are byte for byte those of commit 356220d, which wrote `golden/names.tsv`. With others, an upgrade would run
//! known deliveries again.
//!
//! A row of the table is a kind, six inputs (`-` or empty for none) and the output. Rows of the kind `run` belong to
//! `trigger-targets`, rows of the kind `image` to `trigger-images`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use jiff::Timestamp;
use trigger_core::{
    Credential, Delivery, DeliveryId, DeliveryKey, ObjectKey, TraceParent, Unsigned, Verifier,
};

const TABLE: &str = include_str!("golden/names.tsv");

/// Inputs and output of every row of a kind.
fn rows(kind: &str) -> Vec<([&'static str; 6], &'static str)> {
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split('\t').collect();
        let [row_kind, inputs @ .., output] = cells.as_slice() else { panic!("{line}") };
        (*row_kind == kind).then(|| (inputs.try_into().unwrap(), *output))
    };
    let rows: Vec<_> = TABLE.lines().skip(1).filter_map(row).collect();
    assert!(!rows.is_empty(), "no row of the kind {kind}");
    rows
}

fn delivery(id: &str) -> Delivery {
    Delivery {
        id: id.parse().unwrap(),
        source: "github".into(),
        path: "/hooks/github".into(),
        provider_id: None,
        event: "push".to_owned(),
        repository: None,
        received_at: Timestamp::UNIX_EPOCH,
        headers: Vec::new(),
        body: "{}".into(),
        replay: None,
    }
}

#[test]
fn the_id_of_a_delivery_follows_from_path_provider_id_and_body() {
    for ([path, provider_id, body, ..], id) in rows("delivery") {
        let provider_id = Some(provider_id).filter(|id| *id != "-");
        assert_eq!(
            DeliveryKey { path, provider_id, body: body.as_bytes() }.id().as_str(),
            id,
            "{path} {body}"
        );
    }
}

#[test]
fn the_id_of_a_pipeline_run_delivery_follows_from_uid_and_class() {
    for ([uid, class, ..], id) in rows("pipeline-run") {
        let derived = DeliveryId::derive(&[b"pipelinerun", uid.as_bytes(), class.as_bytes()]);
        assert_eq!(derived.as_str(), id, "{uid} {class}");
    }
}

#[test]
fn the_id_of_a_replay_follows_from_the_original_and_the_request() {
    for ([of, request, ..], id) in rows("replay") {
        let derived = DeliveryId::derive(&[b"replay", of.as_bytes(), request.as_bytes()]);
        assert_eq!(derived.as_str(), id, "{of} {request}");
    }
}

#[test]
fn the_id_of_a_delivery_narrowed_by_a_version_before_follows_from_the_original_and_the_secret() {
    for ([of, namespace, name, ..], id) in rows("narrowed") {
        let secret = ObjectKey::new(namespace, name);
        let mut verifier = Verifier::new(delivery(of), Credential::token(b"key").into());
        assert!(verifier.try_key(&secret, "webhook-secret", b"key"));
        let narrowed = verifier.finish(Unsigned::No).unwrap().narrowed_to_secret(&secret).unwrap();
        assert_eq!(narrowed.value().id.as_str(), id, "{of} {secret}");
    }
}

#[test]
fn the_trace_of_a_delivery_follows_from_its_id() {
    for ([id, ..], trace) in rows("trace") {
        assert_eq!(TraceParent::of(&id.parse().unwrap()).to_string(), trace, "{id}");
    }
}
