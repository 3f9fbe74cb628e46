use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::Instant;
use trigger_runtime::KeyedSemaphore;

use super::error::ApiError;

/// How many requests of one account are processed at the same time. A page with several panes sends a handful.
pub(crate) const REQUESTS_PER_ACCOUNT: usize = 16;
/// How many pages of the history are in memory at the same time. The journal bounds the bytes of one.
pub(crate) const CONCURRENT_PAGES: usize = 2;
/// How many whole records, each with a body of up to `--max-body`, are in memory at the same time.
pub(crate) const CONCURRENT_RECORDS: usize = 1;
/// The bytes of all bodies that are being sent to clients.
pub(crate) const DOWNLOADS: usize = 32 << 20;
/// How long a request waits for its turn. Each turn ahead of it takes milliseconds.
pub(crate) const TURN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sending one body may take: 25 MiB at 2 Mbit/s.
pub(crate) const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(100);

/// A body is sent in pieces of so many bytes, so that a client that does not read is noticed.
const PIECE: usize = 64 << 10;

/// Bounds the memory of all requests to the admin API together.
///
/// Every turn is short, and turns are in the order of arrival. An account has few requests in progress, so it delays the
/// others by as few turns.
pub(super) struct Budget {
    requests: KeyedSemaphore<Box<str>>,
    pages: Semaphore,
    records: Semaphore,
    downloads: Arc<Semaphore>,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            requests: KeyedSemaphore::new(REQUESTS_PER_ACCOUNT),
            pages: Semaphore::new(CONCURRENT_PAGES),
            records: Semaphore::new(CONCURRENT_RECORDS),
            downloads: Arc::new(Semaphore::new(DOWNLOADS)),
        }
    }

    /// The turn of a request of this account. Held until the request is answered.
    pub(super) async fn request(&self, account: &str) -> Result<OwnedSemaphorePermit, ApiError> {
        in_time(self.requests.acquire(account.into())).await
    }

    /// The turn to hold a page of the history.
    pub(super) async fn page(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        in_time(self.pages.acquire()).await?.map_err(|_closed| busy())
    }

    /// The turn to hold a record with its body.
    pub(super) async fn record(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        in_time(self.records.acquire()).await?.map_err(|_closed| busy())
    }

    /// The body of a response, which counts until it is sent or dropped. Fails if too many bytes are being sent.
    pub(super) fn send(&self, body: Bytes) -> Result<Body, ApiError> {
        // Larger ones than all the room, which `--max-body` may allow, are sent one at a time.
        let bytes = u32::try_from(body.len().min(DOWNLOADS)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.downloads).try_acquire_many_owned(bytes).map_err(|_full| busy())?;
        let ends = Instant::now() + DOWNLOAD_TIMEOUT;
        let pieces = stream::unfold((body, permit), move |(mut rest, permit)| async move {
            if rest.is_empty() {
                return None;
            }
            if Instant::now() >= ends {
                let error = std::io::Error::other("the client reads too slowly");
                return Some((Err(error), (Bytes::new(), permit)));
            }
            let piece = rest.split_to(rest.len().min(PIECE));
            Some((Ok(piece), (rest, permit)))
        });
        Ok(Body::from_stream(pieces))
    }
}

/// The result of `turn`, if it comes in time.
async fn in_time<T>(turn: impl Future<Output = T>) -> Result<T, ApiError> {
    tokio::time::timeout(TURN_TIMEOUT, turn).await.map_err(|_elapsed| busy())
}

fn busy() -> ApiError {
    ApiError::unavailable("too many requests to the admin API are in progress; try again later")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_does_not_come_is_refused() {
        let budget = Budget::new();
        let held = [budget.page().await, budget.page().await];
        let Err(error) = budget.page().await else { panic!("there is no third turn") };
        assert_eq!(error.status.as_u16(), 503);
        assert!(budget.record().await.is_ok(), "records have turns of their own");
        drop(held);
        assert!(budget.page().await.is_ok());

        let mut requests = Vec::new();
        for _ in 0..REQUESTS_PER_ACCOUNT {
            requests.push(budget.request("a").await.unwrap());
        }
        assert!(budget.request("a").await.is_err());
        assert!(budget.request("b").await.is_ok());
    }

    #[tokio::test]
    async fn bodies_count_until_they_are_sent() {
        let budget = Budget::new();
        let bytes = Bytes::from(vec![1; 20 << 20]);
        let first = budget.send(bytes.clone()).unwrap();
        assert!(budget.send(bytes.clone()).is_err());
        assert!(budget.send(Bytes::from_static(b"small")).is_ok());
        assert_eq!(first.collect().await.unwrap().to_bytes(), bytes);
        drop(budget.send(bytes.clone()).unwrap());
        assert!(
            budget.send(Bytes::from(vec![1; DOWNLOADS + 1])).is_ok(),
            "one that is larger than all the room"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_not_read_in_time_is_dropped() {
        let budget = Budget::new();
        let body = budget.send(Bytes::from(vec![1; 2 * PIECE])).unwrap();
        tokio::time::advance(DOWNLOAD_TIMEOUT).await;
        assert!(body.collect().await.is_err());
        assert_eq!(budget.downloads.available_permits(), DOWNLOADS);
    }
}
