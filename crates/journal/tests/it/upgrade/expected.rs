//! The content of the fixture, as 356220d read it.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trigger_core::{DeliveryId, KeyRef, ObjectKey, Ordinal, Replay, ResourceRef, Unsigned, Verification};
use trigger_journal::{CheckRecord, DecisionRecord, LaunchRecord, OutcomeRecord, State};

use super::unpacked;

const JSON: &[u8] = include_bytes!("../../fixtures/journal-356220d.json.zst");

static FIXTURE: LazyLock<Value> = LazyLock::new(|| serde_json::from_slice(&unpacked(JSON)).unwrap());

/// A part of the fixture by its name.
pub(super) fn part(name: &str) -> &'static Value {
    &FIXTURE[name]
}

/// A delivery of the fixture.
#[derive(Clone, Copy)]
pub(super) struct Expected(&'static Value);

/// Every delivery, in the order in which they were appended.
pub(super) fn all() -> impl Iterator<Item = Expected> {
    part("deliveries").as_array().unwrap().iter().map(Expected)
}

pub(super) fn labelled(label: &str) -> Expected {
    all().find(|expected| expected.label() == label).unwrap_or_else(|| panic!("no delivery {label}"))
}

fn key(object: &Value) -> ObjectKey {
    read(object)
}

fn build_run(object: &Value) -> ResourceRef {
    ResourceRef::new("shipwright.io", "BuildRun", key(object))
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

impl Expected {
    pub(super) fn label(self) -> &'static str {
        self.text("label")
    }

    pub(super) fn text(self, field: &str) -> &'static str {
        self.0[field].as_str().unwrap()
    }

    /// A field as its type.
    pub(super) fn get<T: DeserializeOwned>(self, field: &str) -> T {
        read(&self.0[field])
    }

    pub(super) fn id(self) -> &'static str {
        self.text("id")
    }

    pub(super) fn delivery_id(self) -> DeliveryId {
        self.id().parse().unwrap()
    }

    pub(super) fn time(self, field: &str) -> Option<Timestamp> {
        self.get(field)
    }

    pub(super) fn state(self) -> State {
        State::parse(self.text("state")).unwrap()
    }

    /// Whether it is neither settled nor failed.
    pub(super) fn is_queued(self) -> bool {
        matches!(self.state(), State::Pending | State::Claimed)
    }

    /// Whether only its key is left.
    pub(super) fn is_key_only(self) -> bool {
        self.label().starts_with("key-only")
    }

    pub(super) fn replay(self) -> Option<Replay> {
        self.get("replay")
    }

    /// Its keys have no entry, and its route was not recorded.
    pub(super) fn verification(self) -> Verification {
        let proof = &self.0["proof"];
        let objects =
            |list: &Value| -> Vec<ObjectKey> { list.as_array().into_iter().flatten().map(key).collect() };
        let unsigned = if proof["unsigned"].as_bool().unwrap() { Unsigned::Operator } else { Unsigned::No };
        Verification {
            keys: objects(&proof["secrets"]).into_iter().map(|secret| KeyRef::new(secret, "")).collect(),
            unsigned,
            without_entry: objects(&proof["keyless"]),
            observed: proof.get("observed").map(key),
            waiting: None,
            ..Verification::default()
        }
    }

    /// Every rule was one of a Build.
    pub(super) fn decisions(self) -> Vec<DecisionRecord> {
        let decision = |stored: &Value| {
            let outcome = &stored["outcome"];
            let text = |field: &str| outcome[field].as_str().unwrap().to_owned();
            let runs = || vec![build_run(&outcome["run"])];
            let checks: Vec<CheckRecord> = read(&stored["checks"]);
            assert_eq!(stored["kind"], "Build");
            DecisionRecord {
                owner: ResourceRef::new("shipwright.io", "Build", key(&stored["target"])),
                rule: read(&stored["rule"]),
                index: read(&stored["index"]),
                event: Ordinal::FIRST,
                outcome: match outcome["outcome"].as_str().unwrap() {
                    "fired" => OutcomeRecord::Fired { runs: runs() },
                    "also-matched" => OutcomeRecord::AlsoMatched { runs: runs() },
                    "skipped" => OutcomeRecord::Skipped { reason: text("reason"), message: text("message") },
                    other => panic!("{other}"),
                },
                checks,
                further: 0,
            }
        };
        self.0["decisions"].as_array().unwrap().iter().map(decision).collect()
    }

    /// Every run was a BuildRun. Sorted by name.
    pub(super) fn launches(self) -> Vec<LaunchRecord> {
        let launch = |stored: &Value| {
            assert_eq!(stored["kind"], "BuildRun");
            LaunchRecord {
                run: build_run(&stored["run"]),
                event: Ordinal::FIRST,
                uid: stored.get("uid").map(read),
                existed: read(&stored["existed"]),
                error: read(&stored["fault"]),
                condition: None,
            }
        };
        sorted(self.0["launches"].as_array().unwrap().iter().map(launch).collect())
    }
}

/// Launches run side by side, so their order differs between the stores.
pub(super) fn sorted(mut launches: Vec<LaunchRecord>) -> Vec<LaunchRecord> {
    launches.sort_by(|one, other| one.run.cmp(&other.run));
    launches
}
