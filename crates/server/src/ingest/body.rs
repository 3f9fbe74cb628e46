//! The memory of requests: their bodies, and the copies that are made of them.
//!
//! Memory is reserved before it is used, from one of three shares. The first [`SMALL_BODY`] bytes of every body have a
//! share of their own: ordinary deliveries fit into it, so large bodies leave room for them. The rest of a large body is
//! received into chunks of the second; where they are used up, the oldest body gets those of the youngest. Once it is complete, it gets one buffer, together with the memory of all copies
//! that will be made of it, from the third. Copies of small bodies are made by few threads at a time, or are as short as
//! the body.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::IngestSettings;
use super::chunks::{CHUNK, Chunk, Chunks, Place};
use super::response::{HookResponse, UnavailableReason};

/// The largest body that is counted as small, in bytes. Providers describe an ordinary push in 10 to 30 KiB.
pub(crate) const SMALL_BODY: usize = 64 * 1024;

/// The size of a large body in one buffer with its copies, in times of its length: itself, and the two copies that exist at
/// one time while it is stored. SQLite gets it in parts, so there is the compressed one alone; for PostgreSQL there is also
/// the message to the server. Reading it takes no more: a decoded form is no longer than the body.
pub(crate) const WORK: usize = 3;

/// How long a large body waits for that memory. GitHub waits 10 s for an answer, and storing takes up to 5 s.
const WAIT_FOR_WORK: Duration = Duration::from_secs(4);

/// Memory in a semaphore is counted in these, so that it fits the counter.
const UNIT: usize = 1024;

/// Reads bodies within the bounds of one body and of all bodies together.
pub(super) struct BodyBudget {
    largest: usize,
    within: Duration,
    small: Memory,
    chunks: Arc<Chunks>,
    work: Memory,
}

/// A body that was read. Its memory, and that of its copies, is given back when it is dropped.
pub(super) struct BudgetedBody {
    bytes: Bytes,
    _share: Share,
}

/// A body as it arrives: an announcement costs nothing.
struct Received {
    head: Vec<u8>,
    share: Share,
    rest: Vec<Chunk>,
    /// Its place among the large bodies that arrive, once it is one.
    place: Option<Place>,
}

/// An amount of memory that requests share.
pub(super) struct Memory {
    room: Arc<Semaphore>,
    units: usize,
}

/// A part of a [`Memory`].
pub(super) struct Share {
    room: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

pub(super) const NO_MEMORY: HookResponse = HookResponse::Unavailable(UnavailableReason::NoMemory);

impl BodyBudget {
    pub(super) fn new(settings: &IngestSettings) -> Self {
        let half = settings.bodies_in_flight / 2;
        let chunks = half.max(settings.largest_body).div_ceil(CHUNK);
        Self {
            largest: settings.largest_body,
            within: settings.body,
            small: Memory::new(half),
            chunks: Chunks::new(chunks),
            work: Memory::new(settings.largest_body.saturating_mul(WORK)),
        }
    }

    /// Reads a body of at most `most` bytes, and of no more than the largest that is accepted at all.
    pub(super) async fn read(
        &self,
        most: usize,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<BudgetedBody, HookResponse> {
        let largest = most.min(self.largest);
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > largest as u64) {
            return Err(HookResponse::TooLarge);
        }
        let receive = self.receive(largest, body);
        let received = tokio::time::timeout(self.within, receive).await;
        self.assemble(received.unwrap_or(Err(HookResponse::BodyTimeout))?).await
    }

    async fn receive(&self, largest: usize, mut body: Body) -> Result<Received, HookResponse> {
        let mut received =
            Received { head: Vec::new(), share: self.small.share(), rest: Vec::new(), place: None };
        let mut length = 0;
        while let Some(frame) = received.until_evicted(body.frame()).await? {
            // The client went away; the answer is not read.
            let frame = frame.map_err(|_| HookResponse::Malformed)?;
            let Ok(data) = frame.into_data() else { continue };
            length += data.len();
            if length > largest {
                return Err(HookResponse::TooLarge);
            }
            received.share.grow(length.min(SMALL_BODY))?;
            received.extend(&data, &self.chunks).await?;
        }
        Ok(received)
    }

    /// Puts a large body into one buffer. Waits for the memory of the buffer and of all later copies at once: requests
    /// that held a part of it and waited for more could block each other.
    async fn assemble(&self, received: Received) -> Result<BudgetedBody, HookResponse> {
        let Received { head, share, rest, place } = received;
        // It has arrived: its chunks are soon free, no other body gets them before, and younger ones may wait for them.
        drop(place);
        if rest.is_empty() {
            return Ok(BudgetedBody { bytes: head.into(), _share: share });
        }
        let length = head.len() + rest.iter().map(|chunk| chunk.bytes().len()).sum::<usize>();
        let work = self.work.wait_for(WORK.saturating_mul(length)).await?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| NO_MEMORY)?;
        bytes.extend_from_slice(&head);
        // Each chunk is free as soon as it is copied.
        for chunk in rest {
            bytes.extend_from_slice(chunk.bytes());
        }
        Ok(BudgetedBody { bytes: bytes.into(), _share: work })
    }
}

impl BudgetedBody {
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

impl Received {
    /// Waits for the next part of the body, unless an older body gets the chunks of this one meanwhile.
    async fn until_evicted<T>(&self, part: impl Future<Output = T>) -> Result<T, HookResponse> {
        let Some(place) = &self.place else { return Ok(part.await) };
        tokio::select! {
            biased;
            () = place.evicted() => Err(NO_MEMORY),
            part = part => Ok(part),
        }
    }

    async fn extend(&mut self, data: &[u8], chunks: &Arc<Chunks>) -> Result<(), HookResponse> {
        let (to_head, mut rest) = data.split_at(data.len().min(SMALL_BODY - self.head.len()));
        self.head.extend_from_slice(to_head);
        while !rest.is_empty() {
            if self.rest.last().is_none_or(Chunk::is_full) {
                let place = self.place.get_or_insert_with(|| chunks.place());
                self.rest.push(place.chunk().await.ok_or(NO_MEMORY)?);
            }
            let Some(chunk) = self.rest.last_mut() else { continue };
            rest = chunk.fill(rest);
        }
        Ok(())
    }
}

impl Memory {
    pub(super) fn new(bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(units)), units }
    }

    /// Nothing of it yet.
    fn share(&self) -> Share {
        Share { room: Arc::clone(&self.room), permit: None }
    }

    /// A share of `bytes`, or all of it, as soon as there is room.
    pub(super) async fn wait_for(&self, bytes: usize) -> Result<Share, HookResponse> {
        let room = Arc::clone(&self.room);
        let units = u32::try_from(bytes.div_ceil(UNIT).min(self.units)).unwrap_or(u32::MAX);
        let permit = tokio::time::timeout(WAIT_FOR_WORK, Arc::clone(&room).acquire_many_owned(units)).await;
        let permit = permit.map_err(|_| NO_MEMORY)?.map_err(|_| NO_MEMORY)?;
        Ok(Share { room, permit: Some(permit) })
    }
}

impl Share {
    /// Makes it a share of `bytes`, if it is smaller.
    fn grow(&mut self, bytes: usize) -> Result<(), HookResponse> {
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let more = u32::try_from(bytes.div_ceil(UNIT).saturating_sub(held)).map_err(|_| NO_MEMORY)?;
        if more == 0 {
            return Ok(());
        }
        let permit = Arc::clone(&self.room).try_acquire_many_owned(more).map_err(|_| NO_MEMORY)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{FutureExt, StreamExt, stream};

    use super::*;

    const MIB: usize = 1 << 20;

    fn budget(largest_body: usize, bodies_in_flight: usize) -> BodyBudget {
        BodyBudget::new(&IngestSettings { largest_body, bodies_in_flight, ..IngestSettings::default() })
    }

    /// Bytes that tell their place.
    fn bytes(size: usize) -> Vec<u8> {
        (0..size).map(|place| u8::try_from(place % 251).unwrap()).collect()
    }

    /// A body that arrives in pieces of 10,000 bytes, and ends unless the client dawdles.
    fn body(size: usize, dawdles: bool) -> Body {
        let pieces = bytes(size).chunks(10_000).map(Bytes::copy_from_slice).collect::<Vec<_>>();
        let pieces = stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
        if dawdles { Body::from_stream(pieces.chain(stream::pending())) } else { Body::from_stream(pieces) }
    }

    async fn read(budget: &BodyBudget, size: usize) -> Result<BudgetedBody, HookResponse> {
        budget.read(usize::MAX, &HeaderMap::new(), body(size, false)).await
    }

    #[tokio::test]
    async fn a_body_is_read_as_it_was_sent() {
        let budget = budget(MIB, MIB);
        for size in [0, 1, SMALL_BODY, SMALL_BODY + 1, SMALL_BODY + CHUNK, 700_000, MIB] {
            let read = read(&budget, size).await.ok().unwrap();
            assert!(read.bytes() == bytes(size), "{size}");
        }
        assert_eq!(read(&budget, MIB + 1).await.err(), Some(HookResponse::TooLarge));
        assert_eq!(
            budget.read(10, &HeaderMap::new(), body(11, false)).await.err(),
            Some(HookResponse::TooLarge)
        );
    }

    #[tokio::test]
    async fn large_bodies_leave_room_for_small_ones() {
        let budget = budget(2 * MIB, 4 * MIB);
        let none = HeaderMap::new();
        let mut large = std::pin::pin!(budget.read(usize::MAX, &none, body(2 * MIB, true)));
        assert!(large.as_mut().now_or_never().is_none());
        assert_eq!(read(&budget, 200 << 10).await.err(), Some(NO_MEMORY));
        assert!(read(&budget, SMALL_BODY).await.is_ok());
        assert_eq!(budget.chunks.used(), 31, "the body but its first 64 KiB");
    }

    #[tokio::test]
    async fn memory_is_given_back_when_a_request_ends() {
        let budget = budget(MIB, MIB);
        for _ in 0..3 {
            let none = HeaderMap::new();
            let mut half = Box::pin(budget.read(usize::MAX, &none, body(MIB / 2, true)));
            assert!(half.as_mut().now_or_never().is_none());
            drop(half);
            assert!(read(&budget, MIB).await.is_ok());
            assert_eq!((budget.chunks.used(), budget.chunks.spare()), (0, 0));
        }
        let rooms =
            [&budget.small, &budget.work].map(|memory| memory.room.available_permits() == memory.units);
        assert_eq!(rooms, [true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn copies_of_large_bodies_take_turns_and_those_of_small_ones_do_not_wait() {
        let budget = budget(MIB, 8 * MIB);
        let held = read(&budget, MIB).await.ok().unwrap();
        assert_eq!(read(&budget, SMALL_BODY + 1).await.err(), Some(NO_MEMORY));
        assert!(read(&budget, SMALL_BODY).await.is_ok());
        let mut waiting = std::pin::pin!(read(&budget, MIB));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(held);
        assert!(waiting.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_wait_for_the_chunks_of_one_that_has_arrived() {
        let budget = budget(MIB, 2 * MIB);
        let held = read(&budget, MIB).await.ok().unwrap();
        let mut arrived = std::pin::pin!(read(&budget, MIB));
        assert!(arrived.as_mut().now_or_never().is_none(), "it waits for its copies");
        let mut next = std::pin::pin!(read(&budget, 200 << 10));
        assert!(next.as_mut().now_or_never().is_none());
        drop(held);
        assert!(arrived.await.is_ok() && next.await.is_ok());
    }

    /// A body that arrives piece by piece, each after the others had their turn, and asks `look` in between.
    fn beside_others(size: usize, look: impl Fn() + Send + 'static) -> Body {
        let pieces = bytes(size).chunks(10_000).map(Bytes::copy_from_slice).collect::<Vec<_>>();
        let pieces = stream::iter(pieces).then(move |piece| {
            look();
            async move {
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(piece)
            }
        });
        Body::from_stream(pieces)
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_large_bodies_at_once_the_oldest_are_read_within_the_budget() {
        let budget = Arc::new(budget(MIB, 2 * MIB));
        let most = MIB / CHUNK;
        let receive = || {
            let (budget, chunks) = (Arc::clone(&budget), Arc::clone(&budget.chunks));
            async move {
                let body = beside_others(MIB, move || assert!(chunks.used() <= most));
                let read = budget.read(usize::MAX, &HeaderMap::new(), body).await;
                read.map(|body| assert!(body.bytes() == bytes(MIB)))
            }
            .boxed()
        };
        let mut oldest = receive();
        while budget.chunks.used() == 0 {
            assert!((&mut oldest).now_or_never().is_none());
        }
        let others = futures::future::join_all((0..49).map(|_| receive()));
        let (oldest, answers) = futures::future::join(oldest, others).await;
        assert_eq!(oldest, Ok(()));
        assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err(NO_MEMORY)), "{answers:?}");
        assert_eq!((budget.chunks.used(), budget.chunks.spare()), (0, 0));
        assert!(read(&budget, MIB).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_dawdles_gives_way_to_an_older_one_and_to_no_younger() {
        let budget = budget(2 * MIB, 4 * MIB);
        let none = HeaderMap::new();
        let (sender, pieces) = futures::channel::mpsc::unbounded();
        let mut oldest = std::pin::pin!(budget.read(usize::MAX, &none, Body::from_stream(pieces)));
        let send =
            |size: usize| sender.unbounded_send(Ok::<_, Infallible>(Bytes::from(bytes(size)))).unwrap();
        send(MIB);
        assert!(oldest.as_mut().now_or_never().is_none());
        let mut younger = std::pin::pin!(budget.read(usize::MAX, &none, body(MIB, true)));
        assert!(younger.as_mut().now_or_never().is_none());
        assert_eq!(read(&budget, MIB).await.err(), Some(NO_MEMORY), "the youngest has to go");
        assert!(younger.as_mut().now_or_never().is_none(), "and not one that came before");

        send(MIB);
        sender.close_channel();
        assert!(oldest.as_mut().now_or_never().is_none(), "it waits for the chunks of the younger one");
        assert_eq!(younger.await.err(), Some(NO_MEMORY));
        assert_eq!(oldest.await.ok().unwrap().bytes().len(), 2 * MIB);
    }
}
