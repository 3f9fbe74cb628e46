//! The state machine.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::attempt::{Attempt, CancelCause, RunState};
use crate::reason::{self, Meaning, meaning};
use crate::status::StatusWrite;
use crate::task::Task;

/// How long a cancelled BuildRun is waited for. Then its task ends without it.
pub const GRACE: Duration = Duration::from_secs(30);

/// Begins the message of a task whose BuildRun cannot be created for now; the reason follows.
const DELAYED: &str = "the BuildRun cannot be created yet: ";

/// The BuildRun of the current attempt, as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub enum ObservedRun {
    /// The API server says that there is none.
    Absent,
    /// It is there.
    There(Attempt),
    /// The API server does not say.
    Hidden {
        /// What it says instead.
        message: String,
        /// Whether it would say so again (a right that is missing) or it may pass.
        lasting: bool,
    },
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing.
    Done,
    /// Create the BuildRun of the current attempt ([`Task::creation`]), after a look at the task as it is now,
    /// and at the Build if it is named.
    Create,
    /// Mark the BuildRun that another controller created for the task, by this merge patch. Without the marks its changes
    /// are not watched.
    Adopt(Value),
    /// Cancel the BuildRun of the current attempt, by this merge patch.
    Cancel(CancelCause, Value),
    /// Write this to the status of the task.
    Write(StatusWrite),
    /// Wait for a change, and no longer than until then.
    Wait(Option<Timestamp>),
    /// Look at the BuildRun once more after a pause.
    Requeue,
}

/// The next step of a task, whose current attempt has the BuildRun that was `seen`.
pub fn step(task: &Task, seen: &ObservedRun, now: Timestamp) -> Step {
    if task.is_over() {
        return after_the_end(task, seen, now);
    }
    match seen {
        ObservedRun::Absent => without_run(task, now),
        ObservedRun::Hidden { message, lasting } => blind(task, message, *lasting, now),
        ObservedRun::There(attempt) if attempt.task_uid.as_deref() != Some(&task.uid) => {
            foreign(task, attempt, now)
        }
        ObservedRun::There(attempt) => with_run(task, attempt, now),
    }
}

/// A BuildRun that turns up after its task has failed is not wanted any more.
fn after_the_end(task: &Task, seen: &ObservedRun, now: Timestamp) -> Step {
    let ObservedRun::There(attempt) = seen else { return Step::Done };
    let goes_on =
        matches!(attempt.state, RunState::Waiting | RunState::Running) && attempt.canceled.is_none();
    let is_ours = attempt.task_uid.as_deref() == Some(&task.uid);
    if !task.is_settled(now) && is_ours && goes_on {
        return Step::Cancel(CancelCause::Task, CancelCause::Task.patch(now));
    }
    Step::Done
}

fn without_run(task: &Task, now: Timestamp) -> Step {
    let run = task.progress.run.as_ref().filter(|_| task.has_had_run()).map(|run| &*run.name);
    if task.cancelled.is_some() {
        return Step::Write(task.cancelled(run, "", now));
    }
    if let Err(invalid) = &task.request {
        return Step::Write(task.finished(run, Err((invalid.reason, &invalid.message)), now));
    }
    if let Some(name) = run {
        let message = format!("BuildRun {name} has been deleted");
        return Step::Write(task.finished(run, Err((reason::BUILD_RUN_MISSING, &message)), now));
    }
    if task.is_overdue(now) {
        // A request to create it may still be under way: with another attempt there might be two at a time.
        let said = task.progress.said.as_ref().and_then(|said| said.message.split_once(DELAYED));
        let why = said.map(|(_, why)| format!(": {why}")).unwrap_or_default();
        let message = task.too_late(&format!("its BuildRun could not be created{why}"));
        return Step::Write(task.finished(None, Err((task.kind.timed_out(), &message)), now));
    }
    Step::Create
}

fn blind(task: &Task, message: &str, lasting: bool, now: Timestamp) -> Step {
    let message = format!("its BuildRun cannot be read: {message}");
    if task.cancelled.is_some() && lasting {
        return Step::Write(task.cancelled(None, &message, now));
    }
    if task.is_overdue(now) {
        // No attempt may follow one whose end cannot be observed.
        return Step::Write(task.finished(None, Err((task.kind.timed_out(), &task.too_late(&message))), now));
    }
    Step::Requeue
}

fn foreign(task: &Task, attempt: &Attempt, now: Timestamp) -> Step {
    if task.cancelled.is_some() {
        return Step::Write(task.cancelled(None, "", now));
    }
    let message = format!("BuildRun {} exists and is not of this task", attempt.name);
    Step::Write(task.finished(None, Err((reason::BUILD_RUN_NAME_TAKEN, &message)), now))
}

fn with_run(task: &Task, attempt: &Attempt, now: Timestamp) -> Step {
    let run = Some(attempt.name.as_str());
    match &attempt.state {
        // Also if the task was cancelled meanwhile: the image is there.
        RunState::Succeeded { results } => Step::Write(task.finished(run, Ok(results), now)),
        RunState::Failed { reason, message } => Step::Write(failed(task, attempt, (reason, message), now)),
        RunState::Waiting | RunState::Running => unfinished(task, attempt, now),
    }
}

fn failed(task: &Task, attempt: &Attempt, (reason, message): (&str, &str), now: Timestamp) -> StatusWrite {
    let run = Some(attempt.name.as_str());
    let message = format!("BuildRun {}: {message}", attempt.name);
    if task.cancelled.is_some() {
        return task.cancelled(run, "", now);
    }
    let by_us = attempt.canceled.map(|(cause, _)| cause);
    match meaning(reason) {
        Meaning::TimedOut => task.timed_out(run, &message, now),
        Meaning::Canceled if by_us == Some(CancelCause::Timeout) => task.timed_out(run, "", now),
        Meaning::Canceled | Meaning::Lasting => task.finished(run, Err((reason, &message)), now),
        Meaning::Passing => {
            task.failed_for_now(run, if reason.is_empty() { "Failed" } else { reason }, &message, now)
        }
    }
}

fn unfinished(task: &Task, attempt: &Attempt, now: Timestamp) -> Step {
    let run = Some(attempt.name.as_str());
    let cause = match &task.cancelled {
        Some(_) => CancelCause::Task,
        None if task.is_overdue(now) => CancelCause::Timeout,
        None if !attempt.has_label => return Step::Adopt(Attempt::adoption(task)),
        None => {
            let (reason, stands) = match attempt.state {
                RunState::Waiting => (reason::STARTED, "is waiting to start"),
                _ => (reason::RUNNING, "is running"),
            };
            let message = format!("BuildRun {} {stands}", attempt.name);
            return match task.going_on(run, reason, &message, now) {
                Some(write) => Step::Write(write),
                None => Step::Wait(task.deadline()),
            };
        }
    };
    let Some((_, since)) = attempt.canceled else { return Step::Cancel(cause, cause.patch(now)) };
    match since.checked_add(GRACE) {
        Ok(end) if end > now => Step::Wait(Some(end)),
        _ => {
            let message = format!("BuildRun {} was cancelled and has not ended yet", attempt.name);
            Step::Write(task.given_up(cause, run, &message, now))
        }
    }
}

impl Task {
    /// The named Build does not exist.
    pub fn build_missing(&self, build: &str, now: Timestamp) -> StatusWrite {
        let message = format!("there is no Build {build} in namespace {}", self.key.namespace);
        self.finished(None, Err((reason::BUILD_NOT_FOUND, &message)), now)
    }

    /// The API server does not let the named Build be read, and would not later.
    pub fn build_unreadable(&self, build: &str, message: &str, now: Timestamp) -> StatusWrite {
        let message = format!("Build {build} cannot be read: {message}");
        self.finished(None, Err((reason::BUILD_NOT_READABLE, &message)), now)
    }

    /// The API server refuses the BuildRun permanently.
    pub fn refused(&self, message: &str, now: Timestamp) -> StatusWrite {
        let message = format!("the BuildRun was refused: {message}");
        self.finished(None, Err((reason::BUILD_RUN_REFUSED, &message)), now)
    }

    /// What the task asks for cannot be put into a BuildRun.
    pub fn impossible(&self, invalid: &crate::InvalidTask, now: Timestamp) -> StatusWrite {
        self.finished(None, Err((invalid.reason, &invalid.message)), now)
    }

    /// The BuildRun cannot be created yet. `None` if the status says so already, or if a condition would say that the
    /// adopted BuildRun has existed.
    pub fn delayed(&self, message: &str, now: Timestamp) -> Option<StatusWrite> {
        if self.adopted().is_some() {
            return None;
        }
        self.going_on(None, reason::STARTED, &format!("{DELAYED}{message}"), now)
    }

    /// The BuildRun cannot be cancelled, now or later.
    pub fn cancel_refused(&self, cause: CancelCause, message: &str, now: Timestamp) -> StatusWrite {
        let run = self.run();
        let message = format!("BuildRun {} cannot be cancelled and goes on: {message}", run.name);
        // Two attempts at the same time would push the same image.
        match cause {
            CancelCause::Task => self.cancelled(Some(&run.name), &message, now),
            CancelCause::Timeout => {
                let message = self.too_late(&message);
                self.finished(Some(&run.name), Err((self.kind.timed_out(), &message)), now)
            }
        }
    }

    fn given_up(&self, cause: CancelCause, run: Option<&str>, message: &str, now: Timestamp) -> StatusWrite {
        match cause {
            CancelCause::Task => self.cancelled(run, message, now),
            CancelCause::Timeout => self.timed_out(run, message, now),
        }
    }

    fn cancelled(&self, run: Option<&str>, more: &str, now: Timestamp) -> StatusWrite {
        let why = self.cancelled.as_deref().unwrap_or_default();
        let known = ["the task was cancelled", why, more];
        let message: Vec<_> = known.into_iter().filter(|part| !part.is_empty()).collect();
        self.finished(run, Err((self.kind.cancelled(), &message.join(": "))), now)
    }

    fn timed_out(&self, run: Option<&str>, more: &str, now: Timestamp) -> StatusWrite {
        self.failed_for_now(run, self.kind.timed_out(), &self.too_late(more), now)
    }

    fn too_late(&self, more: &str) -> String {
        let what = match self.kind {
            crate::TaskKind::CustomRun => "the attempt",
            crate::TaskKind::Run => "the task",
        };
        if more.is_empty() {
            format!("{what} took too long")
        } else {
            format!("{what} took too long: {more}")
        }
    }

    /// The attempt has failed; another follows if one is left.
    fn failed_for_now(&self, run: Option<&str>, reason: &str, message: &str, now: Timestamp) -> StatusWrite {
        if self.may_try_again(now) {
            return self.again(run, reason, message, now);
        }
        self.finished(run, Err((reason, message)), now)
    }
}
