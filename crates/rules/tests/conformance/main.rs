//! What Tekton's listener does, statement by statement, and what ours does with the same objects and requests.
//!
//! A record is a file in `records`, in a folder per subject: objects, requests, and what Tekton's listener did with them.
//! Each is played through the pure parts: the inventory of listeners, the chains of interceptors, parameters, templates
//! and answers. Where ours does something else on purpose, the record says why (`differs`) and what (`here`); the table in
//! docs/conformance.md is made of these.
//!
//! Names, ids and times that follow from the delivery are placeholders: `<event id>`, `<uid1>`, and a `*` behind a
//! `generateName`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod page;
mod play;
mod record;
mod world;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::play::Played;
use self::record::{Exchange, Record};

/// A record with its name, such as `selection/every-namespace`.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) record: Record,
}

/// All records, in the order of their names.
pub(crate) fn records() -> Vec<Named> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/records"));
    let (mut files, mut folders) = (Vec::<PathBuf>::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let read = |path: PathBuf| {
        let name = path.with_extension("").strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let record = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Named { name, record }
    };
    files.into_iter().map(read).collect()
}

/// The differences between what an exchange says and what was played; none if they agree.
fn differences(expected: &Exchange, played: &Played, is_ours: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |subject: &str, expected: Value, played: Value| {
        if expected != played {
            found.push(format!("{subject}\n  expected {expected}\n  found    {played}"));
        }
    };
    let ours = expected.here.as_ref().filter(|_| is_ours);
    let answer = ours.and_then(|ours| ours.answer.as_ref()).unwrap_or(&expected.answer);
    compare("answer", answer.clone(), played.answer.clone());
    let created = ours.and_then(|ours| ours.created.as_ref()).unwrap_or(&expected.created);
    let created = match &expected.any {
        Some(outcomes) => outcomes.iter().find(|outcome| **outcome == played.created).unwrap_or(created),
        None => created,
    };
    compare("created", play::sorted_by_trigger(created).into(), played.created.clone().into());
    let interceptors = ours.and_then(|ours| ours.interceptors.as_ref()).unwrap_or(&expected.interceptors);
    let interceptors: Vec<_> = interceptors.iter().cloned().map(as_kept).collect();
    compare("interceptors", play::sorted(&interceptors).into(), played.interceptors.clone().into());
    let calls = ours.and_then(|ours| ours.calls.as_ref()).unwrap_or(&expected.calls);
    compare("calls", play::sorted(calls).into(), played.calls.clone().into());
    found
}

/// An entry with as many keys of extensions as a decision keeps.
fn as_kept(mut entry: Value) -> Value {
    const MOST_KEYS: usize = 32;
    if let Some(keys) = entry.get_mut("extensions").and_then(Value::as_array_mut) {
        keys.truncate(MOST_KEYS);
    }
    entry
}

#[test]
fn every_record_is_played_as_it_says() {
    let records = records();
    let mut failed = Vec::new();
    for Named { name, record } in &records {
        let played = play::play(record);
        for (place, (exchange, played)) in record.exchanges.iter().zip(&played).enumerate() {
            for difference in differences(exchange, played, true) {
                failed.push(format!("{name}, exchange {place}: {difference}"));
            }
        }
    }
    assert!(failed.is_empty(), "{} differences:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn what_differs_says_why_and_does_differ() {
    for Named { name, record } in records() {
        let ours = record.exchanges.iter().filter(|exchange| exchange.here.is_some()).count();
        assert_eq!(record.differs.is_some(), ours > 0, "{name}: `differs` and `here` go together");
        let played = play::play(&record);
        for (place, (exchange, played)) in record.exchanges.iter().zip(&played).enumerate() {
            if exchange.here.is_some() {
                let differences = differences(exchange, played, false);
                assert!(
                    !differences.is_empty(),
                    "{name}, exchange {place} is what Tekton does: remove `here`"
                );
            }
        }
    }
}

#[test]
fn a_record_that_is_not_what_happens_is_found() {
    let records = records();
    let all = records.iter().flat_map(|named| named.record.exchanges.iter());
    assert!(all.filter(|exchange| !exchange.created.is_empty()).count() > 100, "records create objects");
    let Named { record, .. } =
        records.into_iter().find(|named| named.name.contains("every-namespace")).unwrap();
    let played = play::play(&record);
    let mut wrong = record.exchanges.into_iter().next().unwrap();
    wrong.created.pop();
    assert_eq!(differences(&wrong, &played[0], true).len(), 1);
    wrong.created = played[0].created.clone();
    assert_eq!(differences(&wrong, &played[0], true), [""; 0]);
    wrong.answer = "error".into();
    assert_eq!(differences(&wrong, &played[0], true).len(), 1);
}
