//! What a visit does about the tasks of a run.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::custom_run::{self, Why};
use super::custom_run_resource;
use super::ending::{Ending, Halt};
use super::pipeline::{NamedValue, Pipeline, PipelineTask, Work};
use super::progress::{Counts, Progress, Results, Skip, States, TaskState};
use super::record::{Entry, Outcome};
use super::run::{Request, Succeeded};
use super::variables::Variables;
use super::visit::Visit;

impl Visit<'_> {
    /// Starts what may be started and tells how the run stands. Returns when the next ordinary task ends.
    pub(super) async fn work(
        &mut self,
        pipeline: &Pipeline,
        variables: &Variables,
    ) -> Result<Option<Timestamp>, Halt> {
        let stop = match self.run.request() {
            Request::CancelThenFinally => {
                self.cancel(&pipeline.tasks, Why::Cancelled).await?;
                let mut record = self.run.record();
                record.cancel(pipeline.tasks.iter().map(|task| task.name.as_str()), self.now);
                self.run.set_record(&record);
                Some(Skip::GracefullyCancelled)
            }
            Request::StopThenFinally => Some(Skip::GracefullyStopped),
            _ => None,
        };
        let mut begun = BTreeSet::new();
        loop {
            let mut observed = self.observe(pipeline).await?;
            for name in &begun {
                // What was made for it is gone already if the run was deleted meanwhile.
                observed.entry(String::clone(name)).or_insert(TaskState::Running);
            }
            let progress = Progress::judge(pipeline, &observed, variables, stop)?;
            let ready = progress.ready();
            if ready.is_empty() {
                return self.conclude(pipeline, variables, &progress, stop).await;
            }
            let states = progress.of_tasks();
            for (task, is_final) in ready {
                match custom_run::render(&self.run, task, is_final, variables, &states) {
                    Some(custom_run) => self.create(custom_run).await?,
                    None => self.note(task),
                }
                begun.insert(task.name.clone());
            }
        }
    }

    /// How the tasks stand that were begun; those with CustomRuns are listed in the status.
    async fn observe(&mut self, pipeline: &Pipeline) -> Result<States, Halt> {
        let record = self.run.record();
        let (mut states, mut references) = (States::new(), Vec::new());
        for task in pipeline.all_tasks() {
            if task.work() == Work::Ordinary {
                let state = record.tasks.get(&task.name).map(|entry| self.stands(entry));
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

    fn stands(&self, entry: &Entry) -> TaskState {
        match entry.outcome {
            _ if entry.end > self.now => TaskState::Running,
            Outcome::Succeeded => TaskState::Succeeded(Results::Invented),
            Outcome::Failed => TaskState::Failed { reason: "simulated failure".to_owned() },
            Outcome::Cancelled => TaskState::Cancelled,
        }
    }

    async fn custom_run(&self, task: &PipelineTask) -> Result<Option<Value>, Halt> {
        let name = custom_run::name(self.run.name(), &task.name);
        let found = self.store.get(&custom_run_resource(), self.run.namespace(), &name).await?;
        if found.as_ref().is_some_and(|found| !custom_run::belongs(found, &self.run)) {
            let message = format!("there is a CustomRun {name:?} that is not of this run");
            return Err(Ending::bad("CreateRunFailed", message).into());
        }
        Ok(found)
    }

    async fn create(&self, custom_run: Value) -> Result<(), Halt> {
        match self.store.create(&custom_run_resource(), self.run.namespace(), custom_run).await {
            Ok(_) => Ok(()),
            // Whose it is shows when the tasks are looked at again.
            Err(error) if error.reason == "AlreadyExists" => Ok(()),
            Err(error) => Err(Ending::bad("CreateRunFailed", error.message).into()),
        }
    }

    /// Begins an ordinary task.
    fn note(&mut self, task: &PipelineTask) {
        let duration = SignedDuration::try_from(self.options.duration).unwrap_or(SignedDuration::MAX);
        let end = self.now.saturating_add(duration).unwrap_or(Timestamp::MAX);
        let outcome = if self.run.shall_fail(&task.name) { Outcome::Failed } else { Outcome::Succeeded };
        let mut record = self.run.record();
        record.tasks.insert(task.name.clone(), Entry { end, outcome });
        self.run.set_record(&record);
    }

    /// Tells how the run stands, or ends it. Returns when the next ordinary task ends.
    async fn conclude(
        &mut self,
        pipeline: &Pipeline,
        variables: &Variables,
        progress: &Progress<'_>,
        stop: Option<Skip>,
    ) -> Result<Option<Timestamp>, Halt> {
        let skipped = progress.skipped();
        if !skipped.is_empty() {
            self.run.set_status("skippedTasks", skipped);
        }
        let counts = progress.counts();
        let message = sentence(counts, &progress.failures());
        if counts.incomplete > 0 {
            let reason = match stop {
                Some(Skip::GracefullyCancelled) => "CancelledRunningFinally",
                Some(_) => "StoppedRunningFinally",
                None if progress.is_stopping() => "PipelineRunStopping",
                None => "Running",
            };
            self.run.set_condition(Succeeded::Unknown, reason, &message);
            self.save().await?;
            return Ok(self.run.record().next_end(self.now));
        }
        let result = |result: &NamedValue| {
            let value = variables.fill_in_whole(&result.value, &progress.states)?;
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
        Err(Ending { succeeded, reason, message }.into())
    }

    /// Cancels whatever of the run is under way, as far as it has come.
    pub(super) async fn cancel_everything(&self, why: Why) -> Result<(), Halt> {
        let Some(Ok(pipeline)) = self.run.status("pipelineSpec").map(Pipeline::parse) else { return Ok(()) };
        self.cancel(&pipeline.tasks, why).await?;
        self.cancel(&pipeline.finally, why).await
    }

    /// Tells the CustomRuns of `tasks` to end.
    async fn cancel(&self, tasks: &[PipelineTask], why: Why) -> Result<(), Halt> {
        for task in tasks.iter().filter(|task| task.work() != Work::Ordinary) {
            let name = custom_run::name(self.run.name(), &task.name);
            let found = self.store.get(&custom_run_resource(), self.run.namespace(), &name).await?;
            let is_due = |found: &Value| {
                custom_run::belongs(found, &self.run) && custom_run::is_to_be_cancelled(found)
            };
            if found.as_ref().is_some_and(is_due) {
                let (resource, namespace) = (custom_run_resource(), self.run.namespace());
                match self.store.merge(&resource, namespace, &name, &why.patch()).await {
                    // It was deleted meanwhile.
                    Err(error) if error.code == 404 => {}
                    other => drop(other?),
                }
            }
        }
        Ok(())
    }
}

fn sentence(counts: Counts, failures: &[String]) -> String {
    let Counts { succeeded, failed, cancelled, skipped, incomplete } = counts;
    let ended = succeeded + failed + cancelled;
    let mut sentence = format!("{ended} tasks have ended ({failed} failed, {cancelled} cancelled)");
    if incomplete > 0 {
        let _ = write!(sentence, ", {incomplete} are still to end");
    }
    if skipped > 0 {
        let _ = write!(sentence, ", {skipped} were skipped");
    }
    for failure in failures {
        sentence.push_str("; ");
        sentence.push_str(failure);
    }
    sentence
}
