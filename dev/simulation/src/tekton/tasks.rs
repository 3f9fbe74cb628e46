//! Starting, observing and cancelling the tasks of a run.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::custom_run::{self, CancelReason};
use super::custom_run_resource;
use super::pipeline::{NamedValue, Pipeline, PipelineTask, TaskKind};
use super::progress::{Counts, Progress, Results, SkipReason, States, TaskState};
use super::reconcile::Reconciler;
use super::run::{SpecStatus, Succeeded};
use super::run_record::{Outcome, TaskRecord};
use super::stop_reason::{Completion, StopReason};
use super::variables::Variables;

impl Reconciler<'_> {
    /// Starts the tasks that can start and updates the status. Returns the end of the next ordinary task.
    pub(super) async fn run_tasks(
        &mut self,
        pipeline: &Pipeline,
        variables: &Variables,
    ) -> Result<Option<Timestamp>, StopReason> {
        let stop = match self.run.spec_status() {
            SpecStatus::CancelledRunFinally => {
                self.cancel(&pipeline.tasks, CancelReason::Cancelled).await?;
                let mut record = self.run.record();
                record.cancel(pipeline.tasks.iter().map(|task| task.name.as_str()), self.now);
                self.run.set_record(&record);
                Some(SkipReason::GracefullyCancelled)
            }
            SpecStatus::StoppedRunFinally => Some(SkipReason::GracefullyStopped),
            _ => None,
        };
        let mut started = BTreeSet::new();
        loop {
            let mut observed = self.observe(pipeline).await?;
            for name in &started {
                // Its CustomRun is missing if the run was deleted meanwhile.
                observed.entry(String::clone(name)).or_insert(TaskState::Running);
            }
            let progress = Progress::evaluate(pipeline, &observed, variables, stop)?;
            let ready = progress.ready();
            if ready.is_empty() {
                return self.update_status(pipeline, variables, &progress, stop).await;
            }
            let states = progress.of_tasks();
            for (task, is_final) in ready {
                match custom_run::render(&self.run, task, is_final, variables, &states) {
                    Some(custom_run) => self.create(custom_run).await?,
                    None => self.start_ordinary(task),
                }
                started.insert(task.name.clone());
            }
        }
    }

    /// The states of the tasks that have started. Adds their CustomRuns to the status.
    async fn observe(&mut self, pipeline: &Pipeline) -> Result<States, StopReason> {
        let record = self.run.record();
        let (mut states, mut references) = (States::new(), Vec::new());
        for task in pipeline.all_tasks() {
            if task.kind() == TaskKind::Ordinary {
                let state = record.tasks.get(&task.name).map(|entry| self.state_of(entry));
                states.extend(state.map(|state| (task.name.clone(), state)));
            } else if let Some(custom_run) = self.custom_run(task).await? {
                references.push(custom_run::reference(&custom_run, &task.name));
                states.insert(task.name.clone(), custom_run::state(&custom_run));
            }
        }
        if !references.is_empty() {
            self.run.set_status("childReferences", references);
        }
        Ok(states)
    }

    fn state_of(&self, entry: &TaskRecord) -> TaskState {
        match entry.outcome {
            _ if entry.end > self.now => TaskState::Running,
            Outcome::Succeeded => TaskState::Succeeded(Results::Placeholders),
            Outcome::Failed => TaskState::Failed { reason: "simulated failure".to_owned() },
            Outcome::Cancelled => TaskState::Cancelled,
        }
    }

    async fn custom_run(&self, task: &PipelineTask) -> Result<Option<Value>, StopReason> {
        let name = custom_run::name(self.run.name(), &task.name);
        let found = self.store.get(&custom_run_resource(), self.run.namespace(), &name).await?;
        if found.as_ref().is_some_and(|found| !custom_run::belongs_to(found, &self.run)) {
            let message = format!("there is a CustomRun {name:?} of another owner");
            return Err(Completion::failed("CreateRunFailed", message).into());
        }
        Ok(found)
    }

    async fn create(&self, custom_run: Value) -> Result<(), StopReason> {
        match self.store.create(&custom_run_resource(), self.run.namespace(), custom_run).await {
            Ok(_) => Ok(()),
            // The next observation checks whether the CustomRun belongs to this run.
            Err(error) if error.reason == "AlreadyExists" => Ok(()),
            Err(error) => Err(Completion::failed("CreateRunFailed", error.message).into()),
        }
    }

    /// Starts an ordinary task.
    fn start_ordinary(&mut self, task: &PipelineTask) {
        let duration = SignedDuration::try_from(self.options.duration).unwrap_or(SignedDuration::MAX);
        let end = self.now.saturating_add(duration).unwrap_or(Timestamp::MAX);
        let outcome =
            if self.run.is_scripted_to_fail(&task.name) { Outcome::Failed } else { Outcome::Succeeded };
        let mut record = self.run.record();
        record.tasks.insert(task.name.clone(), TaskRecord { end, outcome });
        self.run.set_record(&record);
    }

    /// Updates the status, or ends the run. Returns the end of the next ordinary task.
    async fn update_status(
        &mut self,
        pipeline: &Pipeline,
        variables: &Variables,
        progress: &Progress<'_>,
        stop: Option<SkipReason>,
    ) -> Result<Option<Timestamp>, StopReason> {
        let skipped = progress.skipped();
        if !skipped.is_empty() {
            self.run.set_status("skippedTasks", skipped);
        }
        let counts = progress.counts();
        let message = status_message(counts, &progress.failures());
        if counts.incomplete > 0 {
            let reason = match stop {
                Some(SkipReason::GracefullyCancelled) => "CancelledRunningFinally",
                Some(_) => "StoppedRunningFinally",
                None if progress.is_stopping() => "PipelineRunStopping",
                None => "Running",
            };
            self.run.set_condition(Succeeded::Unknown, reason, &message);
            self.save().await?;
            return Ok(self.run.record().next_end(self.now));
        }
        let result = |result: &NamedValue| {
            let value = variables.substitute_complete(&result.value, &progress.states)?;
            Some(json!({"name": result.name, "value": value}))
        };
        let results: Vec<Value> = pipeline.results.iter().filter_map(result).collect();
        if !results.is_empty() {
            self.run.set_status("results", results);
        }
        let (succeeded, reason) = match counts {
            Counts { failed: 1.., .. } => (Succeeded::False, "Failed"),
            Counts { cancelled: 1.., .. } => (Succeeded::False, "Cancelled"),
            _ if stop.is_some() => (Succeeded::False, "Cancelled"),
            Counts { skipped: 1.., .. } => (Succeeded::True, "Completed"),
            _ => (Succeeded::True, "Succeeded"),
        };
        Err(Completion { succeeded, reason, message }.into())
    }

    /// Cancels all CustomRuns of the run.
    pub(super) async fn cancel_all(&self, why: CancelReason) -> Result<(), StopReason> {
        let Some(Ok(pipeline)) = self.run.status("pipelineSpec").map(Pipeline::parse) else { return Ok(()) };
        self.cancel(&pipeline.tasks, why).await?;
        self.cancel(&pipeline.finally, why).await
    }

    /// Cancels the CustomRuns of `tasks`.
    async fn cancel(&self, tasks: &[PipelineTask], why: CancelReason) -> Result<(), StopReason> {
        for task in tasks.iter().filter(|task| task.kind() != TaskKind::Ordinary) {
            let name = custom_run::name(self.run.name(), &task.name);
            let found = self.store.get(&custom_run_resource(), self.run.namespace(), &name).await?;
            let is_due =
                |found: &Value| custom_run::belongs_to(found, &self.run) && custom_run::needs_cancel(found);
            if found.as_ref().is_some_and(is_due) {
                let (resource, namespace) = (custom_run_resource(), self.run.namespace());
                match self.store.merge(&resource, namespace, &name, &why.patch()).await {
                    // The CustomRun was deleted meanwhile.
                    Err(error) if error.code == 404 => {}
                    other => drop(other?),
                }
            }
        }
        Ok(())
    }
}

fn status_message(counts: Counts, failures: &[String]) -> String {
    let Counts { succeeded, failed, cancelled, skipped, incomplete } = counts;
    let ended = succeeded + failed + cancelled;
    let mut message = format!("{ended} tasks have ended ({failed} failed, {cancelled} cancelled)");
    if incomplete > 0 {
        let _ = write!(message, ", {incomplete} are still to end");
    }
    if skipped > 0 {
        let _ = write!(message, ", {skipped} were skipped");
    }
    for failure in failures {
        message.push_str("; ");
        message.push_str(failure);
    }
    message
}
