use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::error;
use trigger_core::DeliveryId;

use super::{Store, pg_error};
use crate::JournalError;
use crate::panic_flag::PanicFlag;

/// How many jobs share a commit at most.
const JOBS: usize = 64;

/// How many bytes of bodies share a commit at most, so that large ones do not make the others wait long.
const BYTES: usize = 1 << 20;

/// How many commits are under way at the same time: while the disk works for one, the next is sent.
const FLIGHTS: u32 = 2;

/// What became of each job of a group, in their order. An error of the whole: of none it is known.
pub(super) type Answers<A> = Result<Vec<Result<A, JournalError>>, JournalError>;

/// Something that can be done for many deliveries in one commit.
pub(super) trait Operation: Send + Sync + Sized + 'static {
    /// What becomes of it.
    type Answer: Send;

    /// The delivery it is about. A commit is about each delivery once.
    fn id(&self) -> &DeliveryId;

    /// The size of the body it brings.
    fn bytes(&self) -> usize;

    /// Carries out all of them.
    fn carry_out(store: &Store, jobs: &[&Self]) -> impl Future<Output = Answers<Self::Answer>> + Send;
}

/// A job with somebody who waits for it.
struct Waiting<J: Operation> {
    job: J,
    reply: oneshot::Sender<Result<J::Answer, JournalError>>,
}

/// Collects the jobs of many callers, so that they share round trips and commits.
pub(super) struct Group<J: Operation> {
    queue: mpsc::Sender<Waiting<J>>,
    flights: Arc<Semaphore>,
}

impl<J: Operation> Group<J> {
    /// Starts to collect, until the group is dropped and its queue is empty.
    pub(super) fn start(store: Arc<Store>, queue: usize, alarm: &PanicFlag) -> Self {
        let (sender, receiver) = mpsc::channel(queue.max(1));
        let flights = Arc::new(Semaphore::new(FLIGHTS as usize));
        let collector =
            Collector { store, queue: receiver, later: VecDeque::new(), flights: Arc::clone(&flights) };
        alarm.spawn(collector.run());
        Self { queue: sender, flights }
    }

    /// Has the job carried out.
    pub(super) async fn ask(&self, job: J) -> Result<J::Answer, JournalError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || JournalError::refused("it has ended; restart the program");
        self.queue.send(Waiting { job, reply }).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Waits until nothing is carried out any more.
    pub(super) async fn rest(&self) {
        // It is never closed.
        let _ = self.flights.acquire_many(FLIGHTS).await;
    }
}

struct Collector<J: Operation> {
    store: Arc<Store>,
    queue: mpsc::Receiver<Waiting<J>>,
    /// Jobs about a delivery that an earlier job of the same group was about.
    later: VecDeque<Waiting<J>>,
    flights: Arc<Semaphore>,
}

impl<J: Operation> Collector<J> {
    async fn run(mut self) {
        loop {
            let first = match self.later.pop_front() {
                Some(waiting) => waiting,
                None => match self.queue.recv().await {
                    Some(waiting) => waiting,
                    None => return,
                },
            };
            // While it waits for its flight, more come who can fly with it.
            let Ok(flight) = Arc::clone(&self.flights).acquire_owned().await else { return };
            let group = self.gather(first);
            if !group.is_empty() {
                tokio::spawn(fly(Arc::clone(&self.store), group, flight));
            }
        }
    }

    fn gather(&mut self, first: Waiting<J>) -> Vec<Waiting<J>> {
        let (mut group, mut bytes, mut ids) = (Vec::new(), 0, HashSet::new());
        let mut repeated = VecDeque::new();
        let mut next = Some(first);
        while let Some(waiting) = next {
            // Who gave up is not served.
            if !waiting.reply.is_closed() {
                if ids.insert(waiting.job.id().clone()) {
                    bytes += waiting.job.bytes();
                    group.push(waiting);
                } else {
                    repeated.push_back(waiting);
                }
            }
            let full = group.len() >= JOBS || bytes >= BYTES || repeated.len() >= JOBS;
            next = if full { None } else { self.later.pop_front().or_else(|| self.queue.try_recv().ok()) };
        }
        repeated.append(&mut self.later);
        self.later = repeated;
        group
    }
}

/// Carries out a group and tells everybody. If a statement of one job cannot be carried out, each job gets a
/// commit of its own, so that only that one fails.
async fn fly<J: Operation>(store: Arc<Store>, group: Vec<Waiting<J>>, flight: OwnedSemaphorePermit) {
    let (jobs, replies): (Vec<_>, Vec<_>) =
        group.into_iter().map(|waiting| (waiting.job, waiting.reply)).unzip();
    let all: Vec<&J> = jobs.iter().collect();
    match store.sessions.attempt(J::carry_out(&store, &all)).await {
        Ok(answers) => {
            for (reply, answer) in replies.into_iter().zip(answers) {
                // Who waited may have gone. What was committed stays.
                let _ = reply.send(answer);
            }
        }
        Err(error) if pg_error::is_of_statement(&error) => {
            for (job, reply) in all.into_iter().zip(replies) {
                let _ = reply.send(alone(&store, job).await);
            }
        }
        Err(error) => {
            let error = pg_error::shared(error);
            for reply in replies {
                let _ = reply.send(Err(error()));
            }
        }
    }
    drop(flight);
}

async fn alone<J: Operation>(store: &Store, job: &J) -> Result<J::Answer, JournalError> {
    let answers = store.sessions.attempt(J::carry_out(store, &[job])).await;
    let answer = answers.and_then(|answers| {
        answers.into_iter().next().unwrap_or_else(|| Err(JournalError::refused("it was not carried out")))
    });
    if let Err(error) = &answer
        && pg_error::is_of_statement(error)
    {
        error!(delivery = %job.id(), %error, "the journal refused an entry");
    }
    answer
}
