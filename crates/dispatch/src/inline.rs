use jiff::Timestamp;
use trigger_core::{Event, Events, Facts, GitEventKind, Verification};
use trigger_journal::DecisionRecord;
use trigger_rules::{LazyPayload, Outcome, RuleSet};

use crate::facts::decide_all;
use crate::metrics::{AttemptEnd, Metrics};
use crate::record;
use crate::why::why;

/// The decisions for a delivery that starts nothing, and has nothing to be remembered. Most deliveries start nothing; intake knows before storing them, so
/// they are stored and settled in one commit.
///
/// A delivery that does start something is decided here too, and once more by the dispatcher: nothing may be started
/// before the delivery is stored, and the rules may have changed by then.
pub struct InlineDecision {
    /// The decisions as the journal keeps them.
    pub decisions: Vec<DecisionRecord>,
    /// The decisions as they are counted.
    pub counts: DecisionCounts,
}

/// The outcomes of the decisions on one delivery, each with a number of rules.
pub struct DecisionCounts(Vec<(&'static str, u64)>);

impl InlineDecision {
    /// Decides a delivery that is not stored yet. `None` if it starts something, needs facts, has to pass a filter of its
    /// payload, deletes a ref or reports a repository that moved: that is work for the dispatcher.
    pub async fn decide(events: &Events, verification: &Verification, rules: &RuleSet) -> Option<Self> {
        // What was pushed before a deletion may be pushed once more, which the dispatcher remembers. It warns about
        // repositories that moved.
        let is_for_dispatcher = events.iter().any(|(_, event)| {
            let Event::Git(event) = event else { return false };
            matches!(
                event.kind,
                GitEventKind::BranchDeleted { .. }
                    | GitEventKind::TagDeleted { .. }
                    | GitEventKind::Moved { .. }
            )
        });
        if is_for_dispatcher {
            return None;
        }
        let payload = LazyPayload::none();
        let decided = decide_all(events, verification, &Facts::default(), &payload, rules).await;
        if payload.was_asked_for() {
            return None;
        }
        let starts_nothing = decided.iter().all(|decided| {
            let skipped = |outcome: &Outcome| matches!(outcome, Outcome::Skipped(_));
            decided.needs.is_empty() && decided.decisions.iter().all(|decision| skipped(&decision.outcome))
        });
        if !starts_nothing {
            return None;
        }
        Some(Self::of(record::decisions(&decided, &[]), record::outcomes(&decided).collect()))
    }

    /// Decisions that start nothing, and their outcomes, each with a number of rules.
    pub(crate) fn of(decisions: Vec<DecisionRecord>, outcomes: Vec<(&'static str, u64)>) -> Self {
        record::log(&decisions, &[]);
        Self { decisions, counts: DecisionCounts(outcomes) }
    }

    /// Why no rule fired: the nearest reasons, bounded, for a log line.
    pub fn why(&self) -> String {
        why(&self.decisions)
    }
}

impl DecisionCounts {
    /// How many rules were decided.
    pub fn rules(&self) -> u64 {
        self.0.iter().map(|(_, rules)| rules).sum()
    }

    /// Counts a delivery that was received at this moment as worked on. To be called when it is stored.
    pub fn count(&self, received_at: Timestamp, metrics: &Metrics) {
        for (outcome, rules) in &self.0 {
            metrics.decided(outcome, *rules);
        }
        let age = Timestamp::now().duration_since(received_at);
        metrics.attempted(AttemptEnd::Settled, age.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigger_api::shipwright::Build;
    use trigger_core::{
        Branch, ChangedFiles, Commit, GitEvent, KeyRef, KnownHosts, ObjectKey, RepoId, Repository,
    };
    use trigger_rules::Inventory;

    use super::*;

    const URL: &str = "https://git.example.com/acme/web";

    async fn is_decided(filter: &str) -> bool {
        let build: Build = serde_json::from_value(json!({
            "metadata": {"namespace": "team-a", "name": "web", "uid": "uid",
                "annotations": {"trigger.shipwright.io/filter": filter}},
            "spec": {
                "source": {"type": "Git", "git": {"url": URL}},
                "trigger": {"triggerSecret": "hook", "when": [
                    {"name": "push", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]}},
                ]},
            },
        }))
        .unwrap();
        let inventory = Inventory::new(KnownHosts::NONE);
        inventory.apply(&build);
        inventory.mark_synced();
        let commit = Commit::parse(&"a".repeat(40)).unwrap().into();
        let kind = GitEventKind::Push { branch: Branch::parse("main").unwrap(), commit };
        let repository = Repository { names: vec![RepoId::parse(URL).unwrap()], default_branch: None };
        let changed_files = ChangedFiles::NOT_LISTED;
        let push = GitEvent { repository, sender: None, kind, push: None, changed_files };
        let keys = vec![KeyRef::new(ObjectKey::new("team-a", "hook"), "webhook-secret")];
        let verification = Verification { keys, ..Verification::default() };
        let events = Event::Git(push).into();
        InlineDecision::decide(&events, &verification, &inventory.current().unwrap()).await.is_some()
    }

    #[tokio::test]
    async fn a_filter_over_the_payload_is_left_to_the_dispatcher() {
        assert!(is_decided("event.branch == 'dev'").await, "it starts nothing");
        assert!(!is_decided("event.branch == 'main'").await, "it starts something");
        assert!(!is_decided("body.size == 1").await, "nothing is read while a sender waits");
    }
}
