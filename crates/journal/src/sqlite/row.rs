use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Row;
use trigger_event::{Delivery, InvalidDeliveryId, Proof, RepoIdError};

use crate::body::Stored as StoredBody;
use crate::moment::from_nanoseconds;
use crate::{JournalError, LaunchRecord, Record, State, format};

/// How much is left of a delivery: the values of the column `tier`.
pub(super) mod tier {
    pub(crate) const WHOLE: u8 = 0;
    pub(crate) const BODILESS: u8 = 1;
    pub(crate) const KEY: u8 = 2;
}

/// The columns that make up a delivery, not looked into yet.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) sequence: i64,
    pub(super) attempts: u32,
    pub(super) received_at: Timestamp,
    id: String,
    event: String,
    repository: Option<String>,
    source: String,
    path: String,
    provider_id: Option<String>,
    headers: String,
    proof: String,
    replay: Option<String>,
    tier: u8,
    launches: Option<String>,
    encoding: Option<String>,
    bytes: Option<Vec<u8>>,
}

/// A whole row, not looked into yet.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) envelope: Envelope,
    state: String,
    ready_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    fault: Option<String>,
    decisions: Option<String>,
}

/// A column that does not hold what this program writes there.
#[derive(Debug, thiserror::Error)]
#[error("the {column} of delivery {id} cannot be understood: {reason}")]
pub(super) struct Unreadable {
    id: String,
    column: &'static str,
    reason: String,
}

impl From<Unreadable> for JournalError {
    fn from(unreadable: Unreadable) -> Self {
        Self::Corrupt { reason: unreadable.to_string() }
    }
}

impl Envelope {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: row.get("seq")?,
            attempts: row.get("attempts")?,
            received_at: from_nanoseconds(row.get("received_at")?),
            id: row.get("id")?,
            event: row.get("event")?,
            repository: row.get("repository")?,
            source: row.get("source")?,
            path: row.get("path")?,
            provider_id: row.get("provider_id")?,
            headers: row.get("headers")?,
            proof: row.get("proof")?,
            replay: row.get("replay")?,
            tier: row.get("tier")?,
            launches: row.get("launches")?,
            encoding: row.get("encoding")?,
            bytes: row.get("bytes")?,
        })
    }

    /// The delivery with its body, which must be there.
    pub(super) fn open(self) -> Result<(Delivery, Proof), Unreadable> {
        if self.bytes.is_none() {
            return Err(self.unreadable("body", &"it is not kept any more"));
        }
        self.open_as_is()
    }

    /// What earlier attempts have launched.
    pub(super) fn launches(&self) -> Result<Vec<LaunchRecord>, Unreadable> {
        let launches = self.launches.as_deref().map(format::decode).transpose();
        launches.map(Option::unwrap_or_default).map_err(|error| self.unreadable("launches", &error))
    }

    /// The delivery; without a body if none was asked for or none is kept.
    fn open_as_is(mut self) -> Result<(Delivery, Proof), Unreadable> {
        let body = match (self.encoding.take(), self.bytes.take()) {
            (Some(encoding), Some(bytes)) => {
                let stored = StoredBody { encoding: encoding.into(), bytes: bytes.into() };
                stored.open().map_err(|error| self.unreadable("body", &error))?
            }
            _ => Bytes::new(),
        };
        let replay = self.replay.as_deref().map(format::decode).transpose();
        let replay = replay.map_err(|error| self.unreadable("replay", &error))?;
        let id = self.id.parse().map_err(|error: InvalidDeliveryId| self.unreadable("id", &error))?;
        let headers = format::decode(&self.headers).map_err(|error| self.unreadable("headers", &error))?;
        let proof = format::decode(&self.proof).map_err(|error| self.unreadable("proof", &error))?;
        let repository = self.repository.as_deref().map(str::parse).transpose();
        let repository = repository.map_err(|error: RepoIdError| self.unreadable("repository", &error))?;
        let delivery = Delivery {
            id,
            source: self.source.into(),
            path: self.path.into(),
            provider_id: self.provider_id,
            event: self.event,
            repository,
            received_at: self.received_at,
            headers,
            body,
            replay,
        };
        Ok((delivery, proof))
    }

    fn unreadable(&self, column: &'static str, reason: &dyn fmt::Display) -> Unreadable {
        Unreadable { id: self.id.clone(), column, reason: reason.to_string() }
    }
}

impl Stored {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            envelope: Envelope::from_row(row)?,
            state: row.get("state")?,
            ready_at: row.get::<_, Option<i64>>("ready_at")?.map(from_nanoseconds),
            settled_at: row.get::<_, Option<i64>>("settled_at")?.map(from_nanoseconds),
            fault: row.get("fault")?,
            decisions: row.get("decisions")?,
        })
    }

    pub(super) fn into_record(self) -> Result<Record, Unreadable> {
        let envelope = self.envelope;
        let state = State::parse(&self.state)
            .ok_or_else(|| envelope.unreadable("state", &format!("{:?} is no state", self.state)))?;
        let decisions = self.decisions.as_deref().map(format::decode).transpose();
        let decisions = decisions.map_err(|error| envelope.unreadable("decisions", &error))?;
        let launches = envelope.launches()?;
        let (attempts, body_kept) = (envelope.attempts, envelope.tier == tier::WHOLE);
        let (delivery, proof) = envelope.open_as_is()?;
        Ok(Record {
            delivery,
            body_kept,
            proof,
            state,
            attempts,
            settled_at: self.settled_at,
            due: self.ready_at.filter(|_| state == State::Pending),
            fault: self.fault,
            decisions: decisions.unwrap_or_default(),
            launches,
            replays: Vec::new(),
        })
    }
}
