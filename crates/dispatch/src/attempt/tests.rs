use trigger_api::shipwright::Build;
use trigger_core::{
    AbbreviatedCommit, Branch, ChangedFiles, Commit, Event, GitEvent, GitEventKind, Need, Ordinal, RepoId,
    Repository, Verification,
};
use trigger_journal::ClaimToken;
use trigger_targets::build_run::{BuildTemplate, PullRequestOutput, RevisionPolicy};

use super::*;

fn push(branch: &str) -> Event {
    let commit = Commit::parse(&"a".repeat(40)).unwrap().into();
    let kind = GitEventKind::Push { branch: Branch::parse(branch).unwrap(), commit };
    let names = vec![RepoId::parse("https://git.example.com/acme/web").unwrap()];
    let repository = Repository { names, default_branch: None };
    Event::Git(GitEvent {
        repository,
        sender: None,
        kind,
        push: None,
        changed_files: ChangedFiles::NOT_LISTED,
    })
}

fn fired(rule: &str) -> Decision {
    let key = trigger_core::ObjectKey::new("team-a", "web");
    let target =
        BuildTemplate::target(&Build::default(), key, RevisionPolicy::Auto, PullRequestOutput::Build);
    Decision {
        owner: target.resource.clone(),
        target: std::sync::Arc::new(target),
        index: 0,
        rule: rule.into(),
        checks: Vec::new(),
        outcome: Outcome::Fired(Cause {
            name: rule.into(),
            kind: "GitHub",
            details: Vec::new(),
            parts: Vec::new(),
        }),
        further: 0,
    }
}

fn claimed() -> ClaimedDelivery {
    let delivery = Delivery {
        id: trigger_core::DeliveryId::derive(&[b"delivery"]),
        source: "forge".into(),
        path: "/hooks/forge".into(),
        provider_id: None,
        event: "push".to_owned(),
        repository: None,
        received_at: jiff::Timestamp::UNIX_EPOCH,
        headers: Vec::new(),
        body: bytes::Bytes::new(),
        replay: None,
    };
    ClaimedDelivery {
        token: ClaimToken { id: delivery.id.clone(), attempt: 1 },
        delivery,
        verification: Verification::default(),
        facts: Facts::default(),
        tenant: "team-a".into(),
        launches: Vec::new(),
        claimed_until: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn each_event_of_a_delivery_has_a_run_of_its_own_and_each_target_one() {
    let events = Events::new(vec![push("main"), push("dev")]).unwrap();
    // Two owners fire the one target for the first event.
    let first = Decided { decisions: vec![fired("one"), fired("two")], ..Decided::default() };
    let second = Decided { decisions: vec![fired("one")], ..Decided::default() };
    let (plans, errors) = plans(&claimed(), &events, &Facts::default(), &[first, second]).await;
    assert!(errors.is_empty(), "{errors:?}");
    let ordinals: Vec<_> = plans.iter().map(|plan| plan.ordinal).collect();
    assert_eq!(ordinals, [Ordinal::FIRST, Ordinal::new(1)]);
    assert_ne!(plans[0].resource, plans[1].resource);
}

#[tokio::test]
async fn a_sequence_of_a_target_is_created_in_order_and_waits_for_no_other() {
    let decided = Decided { decisions: vec![fired("one")], ..Decided::default() };
    let events = Events::new(vec![push("main")]).unwrap();
    let (plans, _) = plans(&claimed(), &events, &Facts::default(), &[decided]).await;
    let of = |sequence: &str| Plan { sequence: Some(sequence.into()), ..plans[0].clone() };
    let all = [of("a"), of("b"), of("a")];
    let groups = by_target(&all.iter().collect::<Vec<_>>());
    assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
}

#[tokio::test]
async fn an_event_with_an_open_need_starts_nothing() {
    let events = Events::new(vec![push("main"), push("dev")]).unwrap();
    let repository = RepoId::parse("https://git.example.com/acme/web").unwrap();
    let abbreviated = AbbreviatedCommit::parse("0123456789ab").unwrap();
    let need = Need::FullCommit { repository, abbreviated };
    let open = Decided { decisions: vec![fired("one")], needs: vec![need], ..Decided::default() };
    let decided = Decided { decisions: vec![fired("one")], ..Decided::default() };
    let (plans, _) = plans(&claimed(), &events, &Facts::default(), &[open, decided]).await;
    let ordinals: Vec<_> = plans.iter().map(|plan| plan.ordinal).collect();
    assert_eq!(ordinals, [Ordinal::new(1)]);
}
