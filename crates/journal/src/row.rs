use std::fmt;

use bytes::Bytes;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use trigger_core::{Delivery, Facts, InvalidDeliveryId, RepoIdError, Verification};

use crate::body::StoredBody;
use crate::stored_record::{StoredDecision, StoredLaunch};
use crate::{JournalError, LaunchRecord, Record, State, format};

/// How much of a delivery is still stored: the values of the column `tier`.
pub(crate) mod tier {
    pub(crate) const WHOLE: u8 = 0;
    pub(crate) const BODILESS: u8 = 1;
    pub(crate) const KEY: u8 = 2;
}

/// The columns that a claim needs, not decoded yet. Each store reads them in its own way.
#[derive(Debug)]
#[cfg_attr(test, derive(Default))]
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
    pub(crate) facts: Option<String>,
    pub(crate) launches: Option<String>,
    pub(crate) encoding: Option<String>,
    pub(crate) bytes: Option<Vec<u8>>,
}

/// A whole row, not decoded yet.
#[derive(Debug)]
pub(crate) struct StoredRow {
    pub(crate) envelope: Envelope,
    pub(crate) state: String,
    pub(crate) ready_at: Option<Timestamp>,
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) error: Option<String>,
    pub(crate) decisions: Option<String>,
}

/// A column whose content this program cannot have written.
#[derive(Debug, thiserror::Error)]
#[error("the {column} of delivery {id} cannot be read: {reason}")]
pub(crate) struct ColumnError {
    id: String,
    column: &'static str,
    reason: String,
}

impl From<ColumnError> for JournalError {
    fn from(error: ColumnError) -> Self {
        Self::Corrupt { reason: error.to_string() }
    }
}

impl Envelope {
    /// The length of its body before compression.
    pub(crate) fn body_length(&self) -> u64 {
        let (encoding, bytes) = (self.encoding.as_deref(), self.bytes.as_deref());
        StoredBody::length(encoding.unwrap_or_default(), bytes.unwrap_or_default())
    }

    /// The delivery with its body, which has to be stored.
    pub(crate) fn open(self) -> Result<(Delivery, Verification), ColumnError> {
        if self.bytes.is_none() {
            return Err(self.unreadable("body", &"it is no longer stored"));
        }
        self.open_with_body_if_stored()
    }

    /// The facts that were gathered for it.
    pub(crate) fn facts(&self) -> Result<Facts, ColumnError> {
        Ok(self.decode("facts", self.facts.as_deref())?.unwrap_or_default())
    }

    /// The runs of earlier attempts.
    pub(crate) fn launches(&self) -> Result<Vec<LaunchRecord>, ColumnError> {
        let launches: Vec<StoredLaunch> =
            self.decode("launches", self.launches.as_deref())?.unwrap_or_default();
        Ok(launches.into_iter().map(LaunchRecord::from).collect())
    }

    fn open_with_body_if_stored(mut self) -> Result<(Delivery, Verification), ColumnError> {
        let body = match (self.encoding.take(), self.bytes.take()) {
            (Some(encoding), Some(bytes)) => {
                let stored = StoredBody { encoding: encoding.into(), bytes: bytes.into() };
                stored.open().map_err(|error| self.unreadable("body", &error))?
            }
            _ => Bytes::new(),
        };
        let replay = self.decode("replay", self.replay.as_deref())?;
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

    /// The content of a column of JSON, if it has any.
    fn decode<T: DeserializeOwned>(
        &self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, ColumnError> {
        text.map(format::decode).transpose().map_err(|error| self.unreadable(column, &error))
    }

    fn unreadable(&self, column: &'static str, reason: &dyn fmt::Display) -> ColumnError {
        ColumnError { id: self.id.clone(), column, reason: reason.to_string() }
    }
}

impl StoredRow {
    /// The bytes of its long columns.
    pub(crate) fn text_bytes(&self) -> usize {
        let Envelope { headers, verification, replay, facts, launches, .. } = &self.envelope;
        let optional = [replay, facts, launches, &self.error, &self.decisions];
        let optional: usize = optional.into_iter().flatten().map(String::len).sum();
        headers.len() + verification.len() + optional
    }

    pub(crate) fn into_record(self) -> Result<Record, ColumnError> {
        let envelope = self.envelope;
        let state = State::parse(&self.state)
            .ok_or_else(|| envelope.unreadable("state", &format!("{:?} is no state", self.state)))?;
        let decisions: Option<Vec<StoredDecision>> =
            envelope.decode("decisions", self.decisions.as_deref())?;
        let (facts, launches) = (envelope.facts()?, envelope.launches()?);
        let (attempts, body_kept) = (envelope.attempts, envelope.tier == tier::WHOLE);
        let (delivery, verification) = envelope.open_with_body_if_stored()?;
        Ok(Record {
            delivery,
            body_kept,
            verification,
            facts,
            state,
            attempts,
            settled_at: self.settled_at,
            due: self.ready_at.filter(|_| state == State::Pending),
            error: self.error,
            decisions: decisions.unwrap_or_default().into_iter().map(Into::into).collect(),
            launches,
            replays: Vec::new(),
        })
    }
}
