use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tracing::error;
use trigger_core::DeliveryId;

use super::{Store, pg_error};
use crate::JournalError;
use crate::panic_flag::PanicFlag;

/// How many operations share a commit at most.
const MAX_OPERATIONS: usize = 64;

/// How many bytes of bodies share a commit at most, so that large bodies do not delay the others.
const MAX_BYTES: usize = 1 << 20;

/// How many commits are under way at the same time: the next is sent while the disk works for the first.
const CONCURRENT_COMMITS: u32 = 2;

/// The answer of each operation of a group, in their order. An error of the whole: the result of none is known.
pub(super) type Answers<A> = Result<Vec<Result<A, JournalError>>, JournalError>;

/// A write that can share a commit with others of its kind.
pub(super) trait Operation: Send + Sync + Sized + 'static {
    /// Its result.
    type Answer: Send;

    /// The delivery that it writes. A commit writes each delivery once.
    fn id(&self) -> &DeliveryId;

    /// The size of the body that it brings.
    fn bytes(&self) -> usize;

    /// Executes all of them in one commit.
    fn execute(store: &Store, operations: &[&Self]) -> impl Future<Output = Answers<Self::Answer>> + Send;
}

/// An operation whose caller waits for its answer.
struct Queued<O: Operation> {
    operation: O,
    reply: oneshot::Sender<Result<O::Answer, JournalError>>,
}

/// Collects the operations of many callers, so that they share round trips and commits.
pub(super) struct GroupCommit<O: Operation> {
    queue: mpsc::Sender<Queued<O>>,
    permits: Arc<Semaphore>,
}

impl<O: Operation> GroupCommit<O> {
    /// Starts the task that collects. It ends when this is dropped and the queue is empty.
    pub(super) fn start(store: Arc<Store>, queue: usize, panic_flag: &PanicFlag) -> Self {
        let (sender, receiver) = mpsc::channel(queue.max(1));
        let permits = Arc::new(Semaphore::new(CONCURRENT_COMMITS as usize));
        let collector =
            Collector { store, queue: receiver, later: VecDeque::new(), permits: Arc::clone(&permits) };
        panic_flag.spawn(collector.run());
        Self { queue: sender, permits }
    }

    /// Queues the operation and waits for its answer.
    pub(super) async fn submit(&self, operation: O) -> Result<O::Answer, JournalError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || JournalError::unavailable_because("it has ended; restart the program");
        self.queue.send(Queued { operation, reply }).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Waits until no commit is under way.
    pub(super) async fn drain(&self) {
        // The semaphore is never closed.
        let _ = self.permits.acquire_many(CONCURRENT_COMMITS).await;
    }
}

struct Collector<O: Operation> {
    store: Arc<Store>,
    queue: mpsc::Receiver<Queued<O>>,
    /// Operations on a delivery that an earlier operation of the same group writes.
    later: VecDeque<Queued<O>>,
    permits: Arc<Semaphore>,
}

impl<O: Operation> Collector<O> {
    async fn run(mut self) {
        loop {
            let first = match self.later.pop_front() {
                Some(queued) => queued,
                None => match self.queue.recv().await {
                    Some(queued) => queued,
                    None => return,
                },
            };
            // While it waits for a permit, the group grows.
            let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
            let group = self.gather(first);
            if !group.is_empty() {
                tokio::spawn(commit(Arc::clone(&self.store), group, permit));
            }
        }
    }

    fn gather(&mut self, first: Queued<O>) -> Vec<Queued<O>> {
        let (mut group, mut bytes, mut ids) = (Vec::new(), 0, HashSet::new());
        let mut repeated = VecDeque::new();
        let mut next = Some(first);
        while let Some(queued) = next {
            // An operation whose caller has given up is dropped.
            if !queued.reply.is_closed() {
                if ids.insert(queued.operation.id().clone()) {
                    bytes += queued.operation.bytes();
                    group.push(queued);
                } else {
                    repeated.push_back(queued);
                }
            }
            let full =
                group.len() >= MAX_OPERATIONS || bytes >= MAX_BYTES || repeated.len() >= MAX_OPERATIONS;
            next = if full { None } else { self.later.pop_front().or_else(|| self.queue.try_recv().ok()) };
        }
        repeated.append(&mut self.later);
        self.later = repeated;
        group
    }
}

/// Executes a group and answers its callers. If a statement of one operation is rejected, each operation gets a
/// commit of its own, so that only that one fails.
async fn commit<O: Operation>(store: Arc<Store>, group: Vec<Queued<O>>, permit: OwnedSemaphorePermit) {
    let (operations, replies): (Vec<_>, Vec<_>) =
        group.into_iter().map(|queued| (queued.operation, queued.reply)).unzip();
    let all: Vec<&O> = operations.iter().collect();
    match store.sessions.attempt(O::execute(&store, &all)).await {
        Ok(answers) => {
            for (reply, answer) in replies.into_iter().zip(answers) {
                // The caller may have given up. The commit stays.
                let _ = reply.send(answer);
            }
        }
        Err(error) if pg_error::is_of_statement(&error) => {
            for (operation, reply) in all.into_iter().zip(replies) {
                let _ = reply.send(commit_alone(&store, operation).await);
            }
        }
        Err(error) => {
            let error = pg_error::shared(error);
            for reply in replies {
                let _ = reply.send(Err(error()));
            }
        }
    }
    drop(permit);
}

async fn commit_alone<O: Operation>(store: &Store, operation: &O) -> Result<O::Answer, JournalError> {
    let answers = store.sessions.attempt(O::execute(store, &[operation])).await;
    let answer = answers.and_then(|answers| {
        let missing = || Err(JournalError::unavailable_because("the operation was not run"));
        answers.into_iter().next().unwrap_or_else(missing)
    });
    if let Err(error) = &answer
        && pg_error::is_of_statement(error)
    {
        error!(delivery = %operation.id(), %error, "the store rejected a write");
    }
    answer
}
