use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use trigger_core::{Delivery, InvalidDeliveryId, RepoIdError, Verification};

use crate::body::Stored as StoredBody;
use crate::{JournalError, LaunchRecord, Record, State, format};

/// How much is left of a delivery: the values of the column `tier`.
pub(crate) mod tier {
    pub(crate) const WHOLE: u8 = 0;
    pub(crate) const BODILESS: u8 = 1;
    pub(crate) const KEY: u8 = 2;
}

/// The columns that make up a delivery, not looked into yet. Every store reads them in its own way.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) sequence: i64,
    pub(crate) attempts: u32,
    pub(crate) received_at: Timestamp,
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) repository: Option<String>,
    pub(crate) source: String,
    pub(crate) path: String,
    pub(crate) provider_id: Option<String>,
    pub(crate) headers: String,
    pub(crate) verification: String,
    pub(crate) replay: Option<String>,
    pub(crate) tier: u8,
    pub(crate) launches: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) bytes: Option<Vec<u8>>,
}

/// A whole row, not looked into yet.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) envelope: Envelope,
    pub(crate) state: String,
    pub(crate) ready_at: Option<Timestamp>,
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) fault: Option<String>,
    pub(crate) decisions: Option<String>,
}

/// A column that does not hold what this program writes there.
#[derive(Debug, thiserror::Error)]
#[error("the {column} of delivery {id} cannot be understood: {reason}")]
pub(crate) struct Unreadable {
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
    /// The delivery with its body, which must be there.
    pub(crate) fn open(self) -> Result<(Delivery, Verification), Unreadable> {
        if self.bytes.is_none() {
            return Err(self.unreadable("body", &"it is not kept any more"));
        }
        self.open_as_is()
    }

    /// What earlier attempts have launched.
    pub(crate) fn launches(&self) -> Result<Vec<LaunchRecord>, Unreadable> {
        let launches = self.launches.as_deref().map(format::decode).transpose();
        launches.map(Option::unwrap_or_default).map_err(|error| self.unreadable("launches", &error))
    }

    /// The delivery; without a body if none was asked for or none is kept.
    fn open_as_is(mut self) -> Result<(Delivery, Verification), Unreadable> {
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
        let verification =
            format::decode(&self.verification).map_err(|error| self.unreadable("verification", &error))?;
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
        Ok((delivery, verification))
    }

    fn unreadable(&self, column: &'static str, reason: &dyn fmt::Display) -> Unreadable {
        Unreadable { id: self.id.clone(), column, reason: reason.to_string() }
    }
}

impl Stored {
    pub(crate) fn into_record(self) -> Result<Record, Unreadable> {
        let envelope = self.envelope;
        let state = State::parse(&self.state)
            .ok_or_else(|| envelope.unreadable("state", &format!("{:?} is no state", self.state)))?;
        let decisions = self.decisions.as_deref().map(format::decode).transpose();
        let decisions = decisions.map_err(|error| envelope.unreadable("decisions", &error))?;
        let launches = envelope.launches()?;
        let (attempts, body_kept) = (envelope.attempts, envelope.tier == tier::WHOLE);
        let (delivery, verification) = envelope.open_as_is()?;
        Ok(Record {
            delivery,
            body_kept,
            verification,
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
