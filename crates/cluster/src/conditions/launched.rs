use trigger_core::{DeliveryId, ObjectKey};
use trigger_journal::{ConditionRecord, History, JournalError, Record, State};
use trigger_targets::build_run::BUILD_RUN;

/// What the journal knows of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Launched {
    /// It was launched, and has this condition.
    Owed(ConditionRecord),
    /// The delivery is not settled yet: a later attempt may record the launch.
    NotYet,
    /// We have not launched it, or a version that wrote the condition itself has.
    Never,
}

/// Looks the launch of a run up.
pub(super) async fn find(
    journal: &dyn History,
    delivery: &DeliveryId,
    run: &ObjectKey,
    uid: &str,
) -> Result<Launched, JournalError> {
    Ok(journal.find(delivery).await?.map_or(Launched::Never, |record| launched(record, run, uid)))
}

fn launched(record: Record, run: &ObjectKey, uid: &str) -> Launched {
    let is_it = |of: Option<&str>| of.is_none_or(|of| of == uid);
    let launch = record.launches.into_iter().find(|launch| {
        launch.error.is_none()
            && launch.run.is_a(BUILD_RUN.group, BUILD_RUN.kind)
            && launch.run.key == *run
            && is_it(launch.uid.as_deref())
    });
    match (launch, record.state) {
        (Some(launch), _) => launch.condition.map_or(Launched::Never, Launched::Owed),
        (None, State::Settled | State::Failed) => Launched::Never,
        (None, _) => Launched::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use trigger_core::{Delivery, Facts, Ordinal, Verification};
    use trigger_journal::LaunchRecord;

    use super::*;

    fn condition() -> ConditionRecord {
        ConditionRecord {
            kind: "Triggered".to_owned(),
            reason: "GitHub".to_owned(),
            message: "a push".to_owned(),
        }
    }

    fn record(state: State, uid: Option<&str>, condition: Option<ConditionRecord>) -> Record {
        let launch = LaunchRecord {
            run: BUILD_RUN.named(ObjectKey::new("team-a", "web-1")),
            event: Ordinal::FIRST,
            uid: uid.map(ToOwned::to_owned),
            existed: false,
            error: None,
            condition,
        };
        Record {
            delivery: Delivery {
                id: DeliveryId::derive(&[b"one"]),
                source: "github".into(),
                path: "/hooks/github".into(),
                provider_id: None,
                event: "push".to_owned(),
                repository: None,
                received_at: Timestamp::UNIX_EPOCH,
                headers: Vec::new(),
                body: Vec::new().into(),
                replay: None,
            },
            body_kept: false,
            verification: Verification::default(),
            facts: Facts::default(),
            state,
            attempts: 1,
            settled_at: None,
            due: None,
            error: None,
            decisions: Vec::new(),
            launches: vec![launch],
            replays: Vec::new(),
        }
    }

    #[test]
    fn a_run_has_the_condition_of_its_own_launch_only() {
        let key = |name: &str| ObjectKey::new("team-a", name);
        let owed = || Launched::Owed(condition());
        for (state, recorded, key, uid, expected) in [
            (State::Settled, Some("u1"), key("web-1"), "u1", owed()),
            (State::Settled, None, key("web-1"), "u1", owed()),
            (State::Pending, Some("u1"), key("web-1"), "u1", owed()),
            (State::Settled, Some("u1"), key("web-1"), "u2", Launched::Never),
            (State::Failed, Some("u1"), key("forged"), "u1", Launched::Never),
            (State::Claimed, Some("u1"), key("web-2"), "u2", Launched::NotYet),
        ] {
            assert_eq!(launched(record(state, recorded, Some(condition())), &key, uid), expected, "{key}");
        }
        let before = record(State::Settled, Some("u1"), None);
        assert_eq!(launched(before, &key("web-1"), "u1"), Launched::Never);
    }
}
