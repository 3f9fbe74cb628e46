use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::IngestSettings;
use super::response::{HookResponse, UnavailableReason};

/// The budget is counted in these, so that it fits the semaphore's counter.
const UNIT: usize = 1024;

/// Reads bodies within the bounds of one body and of all bodies together.
pub(super) struct BodyBudget {
    largest: usize,
    within: Duration,
    room: Arc<Semaphore>,
}

/// A body that was read. Its share of the budget is given back when it is dropped.
pub(super) struct BudgetedBody {
    bytes: Bytes,
    _share: Share,
}

/// A share of the budget that grows as bytes arrive: what a client announces costs nothing.
struct Share {
    room: Arc<Semaphore>,
    units: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl BodyBudget {
    pub(super) fn new(settings: &IngestSettings) -> Self {
        let units = (settings.bodies_in_flight / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self { largest: settings.largest_body, within: settings.body, room: Arc::new(Semaphore::new(units)) }
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
        let read = self.collect(largest, body);
        tokio::time::timeout(self.within, read).await.unwrap_or(Err(HookResponse::BodyTimeout))
    }

    async fn collect(&self, largest: usize, mut body: Body) -> Result<BudgetedBody, HookResponse> {
        let mut share = Share { room: Arc::clone(&self.room), units: 0, permit: None };
        let mut collected = BytesMut::new();
        while let Some(frame) = body.frame().await {
            // The client went away; the answer is not read.
            let frame = frame.map_err(|_| HookResponse::Malformed)?;
            let Ok(data) = frame.into_data() else { continue };
            if collected.len() + data.len() > largest {
                return Err(HookResponse::TooLarge);
            }
            share.grow(collected.len() + data.len())?;
            collected.extend_from_slice(&data);
        }
        Ok(BudgetedBody { bytes: collected.freeze(), _share: share })
    }
}

impl BudgetedBody {
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), HookResponse> {
        let needed = bytes.div_ceil(UNIT);
        let more = u32::try_from(needed.saturating_sub(self.units)).map_err(|_| HookResponse::TooLarge)?;
        if more == 0 {
            return Ok(());
        }
        let permit = Arc::clone(&self.room).try_acquire_many_owned(more);
        let permit = permit.map_err(|_| HookResponse::Unavailable(UnavailableReason::NoMemory))?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        self.units = needed;
        Ok(())
    }
}
