use std::fmt;
use std::sync::Arc;

use trigger_api::{Cause, Target};

use crate::rule_error::RuleErrorKind;

/// What was decided about one rule, and why.
#[derive(Debug, Clone)]
pub struct Decision {
    /// What the rule starts.
    pub target: Arc<Target>,
    /// The place of the rule in its Build's `when`, from 0.
    pub index: usize,
    /// The name of the rule.
    pub rule: Arc<str>,
    /// The predicates that were looked at, in order. If the rule was skipped, the last one failed.
    pub checks: Vec<Check>,
    /// The decision.
    pub outcome: Outcome,
}

/// What was decided about one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It fires. It is the first of its target to do so.
    Fired(Cause),
    /// It matches too, but an earlier rule of the same target fires already.
    AlsoMatched(Cause),
    /// It does not fire.
    Skipped(Reason),
}

/// One predicate of a rule, compared with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which predicate.
    pub predicate: Predicate,
    /// Whether it held.
    pub passed: bool,
    /// What the rule wants.
    pub expected: String,
    /// What the event has.
    pub found: String,
}

/// What a rule asks of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Predicate {
    /// The rule can be understood.
    Rule,
    /// The rule's secret verified the delivery.
    Secret,
    /// The kind of the event is one the rule names.
    Event,
    /// The ref still exists.
    Ref,
    /// The action on the pull request changes code.
    Action,
    /// The change comes from where it is allowed to come from.
    Origin,
    /// The branch is one the rule names.
    Branch,
    /// The Pipeline is the one the rule names.
    Pipeline,
    /// The PipelineRun carries the labels the rule names.
    Labels,
    /// The status is one the rule names.
    Status,
    /// The image is one the rule names.
    Image,
    /// The rule is not suspended.
    Suspension,
    /// It was seen in the Build's namespace.
    Namespace,
    /// It does not come from the Build itself.
    Loop,
    /// It happened since the Build exists.
    Time,
    /// The object itself does not say that the Build was started for it already.
    Record,
}

/// Why a rule did not fire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The rule is broken.
    RuleBroken(RuleErrorKind),
    /// The rule's secret did not verify the delivery: it is somebody else's.
    SecretDidNotVerify,
    /// The rule has no secret, and unsigned deliveries are not allowed.
    NoSecret,
    /// The event is of a kind the rule does not name.
    EventNotListed,
    /// The branch was deleted: there is nothing to build.
    RefDeleted,
    /// What happened to the pull request leaves its code as it was.
    NoCodeChanged,
    /// The pull request comes from a fork, which the Build does not allow.
    ForkNotAllowed,
    /// The branch is none the rule names.
    BranchNotListed,
    /// The rule names no branch and the Build's revision is a commit, which no branch can equal.
    RevisionIsCommit,
    /// The PipelineRun is of another Pipeline.
    PipelineDiffers,
    /// The PipelineRun lacks a label.
    LabelsDiffer,
    /// The status is none the rule names.
    StatusNotListed,
    /// The image is none the rule names.
    ImageNotListed,
    /// An annotation of the Build suspends the rule.
    Suspended,
    /// The image is what the Build pushes itself.
    OwnOutput,
    /// Builds would start each other for ever.
    Cycle,
    /// It was seen in another namespace, or not seen by us at all.
    NotSeenHere,
    /// The PipelineRun carries out a BuildRun: builds would start builds for ever.
    CarriesOutABuild,
    /// The pipeline runs the Build itself, as one of its tasks.
    RunsTheBuild,
    /// It happened before the Build was created.
    BeforeTheBuild,
    /// A note on the PipelineRun says that the Build was started for this status already.
    StartedAlready,
}

impl Decision {
    /// The decision in one sentence, for people.
    pub fn message(&self) -> String {
        match &self.outcome {
            Outcome::Fired(_) => "every predicate holds".to_owned(),
            Outcome::AlsoMatched(_) => {
                "every predicate holds too; one run per target and delivery is enough".to_owned()
            }
            Outcome::Skipped(reason) => {
                let check = self.checks.last();
                let expected = check.map_or("", |check| check.expected.as_str());
                let found = check.map_or("", |check| check.found.as_str());
                reason.sentence(expected, found)
            }
        }
    }
}

impl Reason {
    /// All of them; of the faults that break a rule, one stands for all.
    pub const ALL: [Self; 21] = [
        Self::RuleBroken(RuleErrorKind::NoRepository),
        Self::SecretDidNotVerify,
        Self::NoSecret,
        Self::EventNotListed,
        Self::RefDeleted,
        Self::NoCodeChanged,
        Self::ForkNotAllowed,
        Self::BranchNotListed,
        Self::RevisionIsCommit,
        Self::PipelineDiffers,
        Self::LabelsDiffer,
        Self::StatusNotListed,
        Self::ImageNotListed,
        Self::Suspended,
        Self::OwnOutput,
        Self::Cycle,
        Self::NotSeenHere,
        Self::CarriesOutABuild,
        Self::RunsTheBuild,
        Self::BeforeTheBuild,
        Self::StartedAlready,
    ];

    /// The machine name: stable, for scripts and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RuleBroken(_) => "rule-broken",
            Self::SecretDidNotVerify => "secret-did-not-verify",
            Self::NoSecret => "no-secret",
            Self::EventNotListed => "event-not-listed",
            Self::RefDeleted => "ref-deleted",
            Self::NoCodeChanged => "no-code-changed",
            Self::ForkNotAllowed => "fork-not-allowed",
            Self::BranchNotListed => "branch-not-listed",
            Self::RevisionIsCommit => "revision-is-commit",
            Self::PipelineDiffers => "pipeline-differs",
            Self::LabelsDiffer => "labels-differ",
            Self::StatusNotListed => "status-not-listed",
            Self::ImageNotListed => "image-not-listed",
            Self::Suspended => "suspended",
            Self::OwnOutput => "own-output",
            Self::Cycle => "cycle",
            Self::NotSeenHere => "not-seen-here",
            Self::CarriesOutABuild => "carries-out-a-build",
            Self::RunsTheBuild => "runs-the-build",
            Self::BeforeTheBuild => "before-the-build",
            Self::StartedAlready => "started-already",
        }
    }

    /// The reason in one sentence, with what the rule expected and what the event had.
    pub fn sentence(&self, expected: &str, found: &str) -> String {
        match self {
            Self::RuleBroken(fault) => format!("the rule is broken: {fault}"),
            Self::SecretDidNotVerify => {
                format!("the delivery is not signed with this Build's key (Secret {expected})")
            }
            Self::NoSecret => "the Build names no Secret with a webhook key, and unsigned deliveries are \
                 refused"
                .to_owned(),
            Self::EventNotListed => format!("the event is {found}, the rule is for {expected}"),
            Self::RefDeleted => format!("the branch {found} was deleted, there is nothing to build"),
            Self::NoCodeChanged => {
                format!("the pull request was {found}, which leaves its code as it was")
            }
            Self::ForkNotAllowed => format!("the change is from a fork ({found}), not allowed"),
            Self::BranchNotListed => format!("the branch is {found}, the rule is for {expected}"),
            Self::RevisionIsCommit => format!(
                "the rule names no branch and the Build's revision is the commit {expected}, which the \
                 branch {found} cannot equal"
            ),
            Self::PipelineDiffers => format!("the Pipeline is {found}, the rule is for {expected}"),
            Self::LabelsDiffer => format!("the labels are {found}, the rule wants {expected}"),
            Self::StatusNotListed => format!("the status is {found}, the rule is for {expected}"),
            Self::ImageNotListed => format!("what changed is {found}, the rule is for {expected}"),
            Self::Suspended => "an annotation of the Build suspends the rule".to_owned(),
            Self::OwnOutput => {
                format!("{found} is what the Build pushes itself, so it would start itself for ever")
            }
            Self::Cycle => format!("these Builds would start each other for ever: {found}"),
            Self::NotSeenHere => format!("it was seen in {found}, the rule is in {expected}"),
            Self::CarriesOutABuild => {
                format!("the PipelineRun carries out {found}, and builds that start builds would never end")
            }
            Self::RunsTheBuild => {
                format!("the Build is {found} already, and would be built once more for every time")
            }
            Self::BeforeTheBuild => format!("it happened at {found}, the Build exists since {expected}"),
            Self::StartedAlready => format!("{found}, as an annotation of the PipelineRun says"),
        }
    }
}

impl Predicate {
    /// The machine name: stable, for scripts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Secret => "secret",
            Self::Event => "event",
            Self::Ref => "ref",
            Self::Action => "action",
            Self::Origin => "origin",
            Self::Branch => "branch",
            Self::Pipeline => "pipeline",
            Self::Labels => "labels",
            Self::Status => "status",
            Self::Image => "image",
            Self::Suspension => "suspension",
            Self::Namespace => "namespace",
            Self::Loop => "loop",
            Self::Time => "time",
            Self::Record => "record",
        }
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Collects the checks of one rule.
#[derive(Debug, Default)]
pub struct CheckTrace(Vec<Check>);

impl CheckTrace {
    /// Notes one predicate. If it does not hold, the rule is skipped for `reason`.
    pub(crate) fn require(
        &mut self,
        predicate: Predicate,
        passed: bool,
        expected: impl Into<String>,
        found: impl Into<String>,
        reason: Reason,
    ) -> Result<(), Reason> {
        self.0.push(Check { predicate, passed, expected: expected.into(), found: found.into() });
        if passed { Ok(()) } else { Err(reason) }
    }

    /// The checks, in order.
    pub(crate) fn into_checks(self) -> Vec<Check> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_reason_is_left_out() {
        let source = include_str!("decision.rs").split_once("pub enum Reason {").unwrap().1;
        let variants = source.split_once("\n}").unwrap().0;
        let is_variant = |line: &&str| line.starts_with(|c: char| c.is_ascii_uppercase());
        let count = variants.lines().filter_map(|line| line.strip_prefix("    ")).filter(is_variant).count();
        let names: BTreeSet<_> = Reason::ALL.iter().map(Reason::name).collect();
        assert_eq!((Reason::ALL.len(), names.len()), (count, count));
    }
}
