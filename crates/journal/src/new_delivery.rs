use std::sync::Arc;

use trigger_core::{Delivery, Verified};

use crate::body::Stored as StoredBody;
use crate::{ClaimToken, DecisionRecord, JournalError, Settlement, format, tenant};

/// A delivery in the form it is stored in. Made by the caller, to spare whoever writes
/// for many.
#[derive(Debug)]
pub(crate) struct NewDelivery {
    pub(crate) delivery: Delivery,
    pub(crate) repository: Option<String>,
    pub(crate) headers: String,
    pub(crate) verification: String,
    pub(crate) tenant: Arc<str>,
    pub(crate) body: StoredBody,
    /// What was decided, if the delivery is settled from the beginning.
    pub(crate) decisions: Option<String>,
}

/// What an attempt came to, in the form it is stored in.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ticket: ClaimToken,
    pub(crate) fault: Option<String>,
    pub(crate) decisions: String,
    pub(crate) launches: String,
}

impl NewDelivery {
    pub(crate) fn new(
        delivery: Verified<Delivery>,
        decisions: Option<&[DecisionRecord]>,
    ) -> Result<Self, JournalError> {
        let (mut delivery, proof_of) = delivery.into_parts();
        let headers = format::encode(&delivery.headers)?;
        let verification = format::encode(&proof_of)?;
        let repository = delivery.repository.as_ref().map(ToString::to_string);
        let tenant = tenant(&proof_of);
        // Compressed here for the same reason, and not held twice.
        let body = StoredBody::of(&std::mem::take(&mut delivery.body));
        let decisions = decisions.map(|decisions| format::encode(&decisions)).transpose()?;
        Ok(Self { delivery, repository, headers, verification, tenant, body, decisions })
    }

    pub(crate) fn body_bytes(&self) -> usize {
        self.body.bytes.len()
    }

    /// The size of the body as it is stored.
    pub(crate) fn size(&self) -> i64 {
        i64::try_from(self.body_bytes()).unwrap_or(i64::MAX)
    }
}

impl Outcome {
    pub(crate) fn new(ticket: ClaimToken, settlement: Settlement) -> Result<Self, JournalError> {
        let decisions = format::encode(&settlement.decisions)?;
        let launches = format::encode(&settlement.launches)?;
        Ok(Self { ticket, fault: settlement.fault, decisions, launches })
    }
}
