use jiff::Timestamp;
use trigger_api::Target;
use trigger_core::PipelineRunEvent;

use crate::decision::{CheckTrace, Predicate, Reason};

/// Holds back a rule that matches, where firing it would go round in circles or do something again.
///
/// - A PipelineRun that the Build controller made to carry out a BuildRun would, with a selector that
///   matches it, start the Build for every build of the Build.
/// - A pipeline that runs the Build as one of its tasks has built it already.
/// - What happened before the Build was created was not meant for it.
/// - What a note on the PipelineRun says was started, perhaps by upstream's controller, is not started again.
pub(super) fn check(
    event: &PipelineRunEvent,
    target: &Target,
    exists_since: Option<Timestamp>,
    trace: &mut CheckTrace,
) -> Result<(), Reason> {
    let none = "no build of itself";
    if let Some(run) = &event.carries_out {
        let found = format!("the BuildRun {run}");
        trace.require(Predicate::Loop, false, none, found, Reason::CarriesOutABuild)?;
    }
    let runs_it = event.builds.iter().any(|build| *build == *target.key.name);
    let found = if runs_it { "a task of the pipeline" } else { none };
    trace.require(Predicate::Loop, !runs_it, none, found, Reason::RunsTheBuild)?;
    if let (Some(happened), Some(exists)) = (event.since, exists_since) {
        let (expected, found) = (exists.to_string(), happened.to_string());
        trace.require(Predicate::Time, happened >= exists, expected, found, Reason::BeforeTheBuild)?;
    }
    if event.recorded.iter().any(|build| *build == *target.key.name) {
        let found = format!("the Build was started at {} already", event.class.name());
        trace.require(Predicate::Record, false, "no note of it", found, Reason::StartedAlready)?;
    }
    Ok(())
}
