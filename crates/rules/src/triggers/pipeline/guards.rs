use jiff::Timestamp;
use trigger_core::PipelineRunEvent;

use super::{BEFORE_THE_BUILD, CARRIES_OUT_A_BUILD, RECORD, RUNS_THE_BUILD, STARTED_ALREADY};
use crate::decision::{CheckTrace, Unmatched};
use crate::reason::Predicate;

/// Skips a rule that matches, where firing it would start builds without end, or start something again.
///
/// - A PipelineRun that the Build controller made to carry out a BuildRun would, with a selector that
///   matches it, start the Build for every build of the Build.
/// - A pipeline that runs the Build as one of its tasks has built it already.
/// - What happened before the Build was created was not meant for it.
/// - What a record on the PipelineRun names as started, perhaps by upstream's controller, is not started again.
pub(super) fn check(
    event: &PipelineRunEvent,
    build: &str,
    exists_since: Option<Timestamp>,
    trace: &mut CheckTrace,
) -> Result<(), Unmatched> {
    let none = "no build of itself";
    if let Some(run) = &event.carries_out {
        let found = format!("the BuildRun {run}");
        return Err(trace.fail(Predicate::LOOP, none, found, CARRIES_OUT_A_BUILD));
    }
    let runs_it = event.builds.iter().any(|other| other == build);
    let found = if runs_it { "a task of the pipeline" } else { none };
    trace.require(Predicate::LOOP, !runs_it, none, found, RUNS_THE_BUILD)?;
    if let (Some(happened), Some(exists)) = (event.since, exists_since) {
        let (expected, found) = (exists.to_string(), happened.to_string());
        trace.require(Predicate::TIME, happened >= exists, expected, found, BEFORE_THE_BUILD)?;
    }
    if event.recorded.iter().any(|other| other == build) {
        let found = format!("the Build was started at {} already", event.class.name());
        return Err(trace.fail(RECORD, "no note of it", found, STARTED_ALREADY));
    }
    Ok(())
}
