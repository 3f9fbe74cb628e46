//! Follows a delivery from its decisions to the end of its runs.

use trigger_core::ObjectKey;
use trigger_journal::{OutcomeRecord, Record, State};

use super::playground::Playground;
use super::story::Story;

/// Prints the decisions of a settled delivery and how each of its runs ended. False if it started no run, or if
/// the delivery or a run failed.
pub(super) async fn follow(
    story: &mut Story,
    playground: &Playground,
    record: &Record,
) -> anyhow::Result<bool> {
    story.decisions(record);
    let mut succeeded = record.state == State::Settled;
    let mut runs = 0;
    for run in started_runs(record) {
        let object = playground.finished_build_run(run).await?;
        succeeded &= story.build_run(run, &object);
        runs += 1;
    }
    Ok(succeeded && runs > 0)
}

fn started_runs(record: &Record) -> impl Iterator<Item = &ObjectKey> {
    let runs = record.decisions.iter().filter_map(|decision| match &decision.outcome {
        OutcomeRecord::Fired { runs } => Some(runs),
        _ => None,
    });
    runs.flatten().map(|run| &run.key)
}
