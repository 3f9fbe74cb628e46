//! The decisions of an attempt, with the objects that they create: by rules of Builds, or by a listener.

use std::collections::HashSet;
use std::sync::Arc;

use trigger_core::ResourceRef;
use trigger_journal::{DecisionRecord, JournalError, LaunchRecord};
use trigger_rules::{Coverage, Decided, Decision, Outcome};
use trigger_runtime::SharedTurn;
use trigger_targets::{Plan, RenderError, TargetKey};

use crate::listeners::ListenerDecisions;
use crate::record;
use crate::start_turns::NoTurn;

/// The decisions on a delivery.
pub(crate) struct Planned {
    pub(crate) decisions: Decisions,
    /// The objects to create, each once.
    pub(crate) plans: Vec<Plan>,
    /// The launches of those that were created before everything was decided.
    pub(crate) launched: Vec<LaunchRecord>,
    /// The errors of targets that cannot be rendered. Those create nothing, and the others do.
    pub(crate) errors: Vec<RenderError>,
    /// Why something cannot be decided at all, in a sentence.
    pub(crate) undecidable: Option<String>,
    /// Why something is not decided yet, in a sentence.
    pub(crate) open: Option<String>,
    /// Whether that is a Secret that cannot be read.
    pub(crate) waits_for_secret: bool,
    /// How far the rules were known when it was decided.
    pub(crate) coverage: Arc<Coverage>,
    /// Held until all objects are created, if they are many.
    pub(crate) turn: Option<SharedTurn>,
}

/// Why an attempt has no decisions. The delivery is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPlanned {
    /// The rules are not listed yet.
    #[error("the rules are not known yet")]
    RulesUnknown,
    /// The delivery needs a turn, and got none in time.
    #[error(transparent)]
    NoTurn(#[from] NoTurn),
    /// The facts cannot be stored.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The decisions on a delivery, each of one family.
pub(crate) enum Decisions {
    /// Of rules, for each event.
    Rules(Vec<Decided>),
    /// Of the triggers of a listener.
    Listener(ListenerDecisions),
}

impl Decisions {
    /// Notes that these targets were deleted since the delivery arrived. What has a launch in `started` stays as it is.
    pub(crate) fn skip_deleted(&mut self, deleted: &HashSet<ResourceRef>, started: &HashSet<TargetKey<'_>>) {
        match self {
            Self::Listener(decisions) => decisions.skip_deleted(deleted, started),
            Self::Rules(decided) => {
                let has_run =
                    |decision: &Decision| started.contains(&TargetKey::whole(&decision.target.resource));
                decided
                    .iter_mut()
                    .flat_map(|decided| &mut decided.decisions)
                    .filter(|decision| deleted.contains(&decision.target.resource) && !has_run(decision))
                    .filter(|decision| !matches!(decision.outcome, Outcome::Skipped(_)))
                    .for_each(Decision::skip_deleted);
            }
        }
    }

    /// The outcomes, each with the number of rules.
    pub(crate) fn outcomes(&self) -> Vec<(&'static str, u64)> {
        match self {
            Self::Rules(decided) => record::outcomes(decided).collect(),
            Self::Listener(decisions) => decisions.outcomes().collect(),
        }
    }

    /// The triggers of a listener whose objects exist since this attempt: see [`ListenerDecisions::completed`].
    pub(crate) fn completed(
        &self,
        before: &[LaunchRecord],
        after: &[LaunchRecord],
        is_last: bool,
    ) -> Vec<String> {
        match self {
            Self::Rules(_) => Vec::new(),
            Self::Listener(decisions) => decisions.completed(before, after, is_last),
        }
    }

    /// The decisions as the journal keeps them. `plans` are the objects that they create.
    pub(crate) fn records(&self, plans: &[Plan]) -> Vec<DecisionRecord> {
        match self {
            Self::Rules(decided) => record::decisions(decided, plans),
            Self::Listener(decisions) => decisions.records(),
        }
    }
}
