use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};
use trigger_core::{Events, Fact, FactValue, Facts, Need, Verification};
use trigger_rules::{
    Coverage, Decided, Deciding, DecisionBudget, DecisionInput, Inventory, LazyPayload, RuleSet,
};

use crate::time_slice::TimeSlice;

/// Answers what rules cannot decide from the payload alone.
pub trait FactSource: Send + Sync + 'static {
    /// The answer to a need. What cannot be answered is [`FactValue::Unknown`], with the reason in a sentence.
    fn answer<'a>(&'a self, need: &'a Need) -> BoxFuture<'a, FactValue>;
}

/// Answers nothing: no credential of the cluster covers a repository at its provider.
#[derive(Debug, Clone, Copy)]
pub struct NoCredentials;

impl FactSource for NoCredentials {
    fn answer<'a>(&'a self, _need: &'a Need) -> BoxFuture<'a, FactValue> {
        let reason = "no credential covers the repository, so its provider cannot be asked";
        Box::pin(std::future::ready(FactValue::Unknown(reason.to_owned())))
    }
}

/// How often a delivery is decided with more facts: the longest chain of questions of which each follows from the answer
/// to the one before.
pub(crate) const MOST_ROUNDS: usize = 8;
/// How many questions one delivery may raise. Further questions are answered as unknown.
pub(crate) const MOST_FACTS: usize = 64;
/// How long one answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Decides every event with the facts gathered so far, in the order of the events and within the budget of a delivery. The
/// result may still have needs.
pub(crate) async fn decide_all(
    events: &Events,
    verification: &Verification,
    facts: &Facts,
    payload: &LazyPayload<'_>,
    rules: &RuleSet,
) -> Vec<Decided> {
    let mut budget = DecisionBudget::default();
    let (mut all, mut slice) = (Vec::new(), TimeSlice::begin());
    for (_, event) in events.iter() {
        let mut deciding = Deciding::new(DecisionInput { event, verification, facts, payload, rules });
        while deciding.step() {
            slice.give_way().await;
        }
        all.push(budget.bound(deciding.finish()));
    }
    all
}

/// Gathers the facts that `decisions` need. An answer that does not arrive by `deadline` is unknown.
async fn gather(decisions: &[Decided], facts: &mut Facts, source: &dyn FactSource, deadline: Instant) {
    let mut known = facts.iter().count();
    for need in decisions.iter().flat_map(|decided| &decided.needs) {
        if facts.get(need).is_some() {
            continue;
        }
        let value = if known >= MOST_FACTS {
            FactValue::Unknown(format!("the delivery raises more than {MOST_FACTS} questions"))
        } else {
            let until = deadline.min(Instant::now() + ANSWERS_WITHIN);
            let late = || FactValue::Unknown("no answer arrived in time".to_owned());
            timeout_at(until, source.answer(need)).await.unwrap_or_else(|_| late())
        };
        facts.add(Fact { need: need.clone(), value, at: Timestamp::now() });
        known += 1;
    }
}

/// The decisions on a delivery, with the coverage of the rules behind them.
pub struct DecidedWith {
    /// The decisions, an entry for each event.
    pub decided: Vec<Decided>,
    /// How far the rules were known.
    pub coverage: Arc<Coverage>,
    /// Whether facts were added.
    pub has_new_facts: bool,
}

/// Decides a delivery by the current rules in each round, asking `source` for the needs. `None` before the rules are known.
///
/// After `MOST_ROUNDS` rounds the decisions may still have needs; then the rules that have them cannot be decided.
pub async fn decide_with(
    events: &Events,
    verification: &Verification,
    facts: &mut Facts,
    payload: &LazyPayload<'_>,
    inventory: &Inventory,
    source: &dyn FactSource,
    deadline: Instant,
) -> Option<DecidedWith> {
    let mut round = 0;
    loop {
        let rules = inventory.current()?;
        let decided = decide_all(events, verification, facts, payload, &rules).await;
        let coverage = Arc::clone(rules.coverage());
        drop(rules);
        if round == MOST_ROUNDS || decided.iter().all(|decided| decided.needs.is_empty()) {
            return Some(DecidedWith { decided, coverage, has_new_facts: round > 0 });
        }
        gather(&decided, facts, source, deadline).await;
        round += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use trigger_api::shipwright::Build;
    use trigger_core::{
        AbbreviatedCommit, Branch, ChangedFiles, Commit, CommitRef, Event, GitEvent, GitEventKind, KeyRef,
        KnownHosts, ObjectKey, RepoId, Repository,
    };
    use trigger_rules::Outcome;

    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    /// Answers every need with the same value, and remembers the needs.
    struct Answers(FactValue, Mutex<Vec<Need>>);

    impl FactSource for Answers {
        fn answer<'a>(&'a self, need: &'a Need) -> BoxFuture<'a, FactValue> {
            self.1.lock().unwrap().push(need.clone());
            Box::pin(std::future::ready(self.0.clone()))
        }
    }

    /// Never answers.
    struct Silent;

    impl FactSource for Silent {
        fn answer<'a>(&'a self, _need: &'a Need) -> BoxFuture<'a, FactValue> {
            Box::pin(std::future::pending())
        }
    }

    fn push(branch: &str) -> Event {
        let names = vec![RepoId::parse("https://git.example.com/acme/web").unwrap()];
        let commit = CommitRef::Abbreviated(AbbreviatedCommit::parse(&SHA[..12]).unwrap());
        let kind = GitEventKind::Push { branch: Branch::parse(branch).unwrap(), commit };
        let repository = Repository { names, default_branch: None };
        Event::Git(GitEvent {
            repository,
            sender: None,
            kind,
            push: None,
            changed_files: ChangedFiles::NOT_LISTED,
        })
    }

    fn inventory() -> Inventory {
        let rule = |branch: &str| {
            serde_json::json!({"name": branch, "type": "GitHub",
                "github": {"events": ["Push"], "branches": [branch]}})
        };
        let build: Build = serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "team-a", "name": "web", "uid": "uid"},
            "spec": {
                "source": {"type": "Git", "git": {"url": "https://git.example.com/acme/web"}},
                "trigger": {"triggerSecret": "hook", "when": [rule("main"), rule("dev")]},
            },
        }))
        .unwrap();
        let inventory = Inventory::new(KnownHosts::NONE);
        inventory.apply(&build);
        inventory.mark_synced();
        inventory
    }

    fn verification() -> Verification {
        let keys = vec![KeyRef::new(ObjectKey::new("team-a", "hook"), "webhook-secret")];
        Verification { keys, ..Verification::default() }
    }

    async fn outcomes(events: Vec<Event>, facts: &mut Facts, source: &dyn FactSource) -> Vec<String> {
        let (inventory, verification) = (inventory(), verification());
        let events = Events::new(events).unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        let payload = LazyPayload::none();
        let decided =
            decide_with(&events, &verification, facts, &payload, &inventory, source, deadline).await;
        let decided = decided.unwrap().decided;
        let mut found = Vec::new();
        for (place, decided) in decided.iter().enumerate() {
            assert_eq!(decided.needs, [], "every need was answered");
            found.extend(decided.decisions.iter().map(|decision| match &decision.outcome {
                Outcome::Skipped(reason) => format!("{place} {}: {}", decision.rule, reason.name()),
                _ => format!("{place} {}: fired", decision.rule),
            }));
        }
        found
    }

    #[tokio::test]
    async fn the_decisions_about_many_builds_let_other_tasks_work_in_between() {
        let inventory = Inventory::new(KnownHosts::NONE);
        for number in 0..500 {
            let rule = |name: usize| {
                serde_json::json!({"name": name.to_string(), "type": "GitHub",
                    "github": {"events": ["Push"], "branches": ["dev"]}})
            };
            let build: Build = serde_json::from_value(serde_json::json!({
                "metadata": {"namespace": "team-a", "name": format!("web-{number}"), "uid": "uid"},
                "spec": {
                    "source": {"type": "Git", "git": {"url": "https://git.example.com/acme/web"}},
                    "trigger": {"triggerSecret": "hook", "when": (0..10).map(rule).collect::<Vec<_>>()},
                },
            }))
            .unwrap();
            inventory.apply(&build);
        }
        inventory.mark_synced();
        let rules = inventory.current().unwrap();
        let verification = verification();
        let events = Events::new(vec![push("main")]).unwrap();
        // On the one thread of this test.
        let other = tokio::spawn(async {});
        let decided =
            decide_all(&events, &verification, &Facts::default(), &LazyPayload::none(), &rules).await;
        assert!(other.is_finished(), "it waits until all rules are decided");
        assert_eq!(decided.len(), 1);
    }

    #[tokio::test]
    async fn each_event_is_decided_with_facts_that_are_asked_for_once() {
        let answers = Answers(FactValue::Commit(Commit::parse(SHA).unwrap()), Mutex::default());
        let mut facts = Facts::default();
        let found = outcomes(vec![push("main"), push("dev")], &mut facts, &answers).await;
        let expected =
            ["0 main: fired", "0 dev: branch-not-listed", "1 main: branch-not-listed", "1 dev: fired"];
        assert_eq!(found, expected);
        assert_eq!(
            (answers.1.lock().unwrap().len(), facts.iter().count()),
            (1, 1),
            "equal questions are one"
        );

        let found = outcomes(vec![push("main")], &mut facts, &Silent).await;
        assert_eq!(found[0], "0 main: fired", "a stored fact asks no service");
    }

    /// Changes the rules before it answers, and notes whether a task still held the previous version.
    struct Changing(Arc<Inventory>, Mutex<Vec<bool>>);

    impl FactSource for Changing {
        fn answer<'a>(&'a self, _: &'a Need) -> BoxFuture<'a, FactValue> {
            let before = Arc::downgrade(&self.0.current().unwrap());
            self.0.mark_synced();
            self.1.lock().unwrap().push(before.upgrade().is_some());
            Box::pin(std::future::ready(FactValue::Commit(Commit::parse(SHA).unwrap())))
        }
    }

    #[tokio::test]
    async fn no_version_of_the_rules_is_held_while_a_provider_is_asked() {
        let inventory = Arc::new(inventory());
        let source = Changing(Arc::clone(&inventory), Mutex::default());
        let events = Events::new(vec![push("main")]).unwrap();
        let (verification, payload) = (verification(), LazyPayload::none());
        let deadline = Instant::now() + Duration::from_mins(1);
        let (facts, source) = (&mut Facts::default(), &source);
        let decided =
            decide_with(&events, &verification, facts, &payload, &inventory, source, deadline).await;
        assert!(decided.unwrap().has_new_facts);
        assert_eq!(*source.1.lock().unwrap(), [false]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_unknown() {
        let mut facts = Facts::default();
        let found = outcomes(vec![push("main")], &mut facts, &Silent).await;
        assert_eq!(found[0], "0 main: commit-unknown");
        let found = outcomes(vec![push("main")], &mut Facts::default(), &NoCredentials).await;
        assert_eq!(found[0], "0 main: commit-unknown");
    }
}
