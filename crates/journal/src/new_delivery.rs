use std::sync::Arc;

use trigger_core::{Delivery, Facts, Replay, Verification, Verified};

use crate::body::StoredBody;
use crate::space_request::SpaceRequest;
use crate::stored_record::{StoredDecision, StoredLaunch};
use crate::{
    ClaimToken, Decided, DecisionRecord, JournalError, LaunchRecord, ReplayRequest, Settlement, format,
    tenant,
};

/// The bytes that a row takes beside its long columns, with its indexes. The schemas count the same.
const ROW_BYTES: usize = 512;

/// Which known deliveries become pending again when they arrive again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reopens {
    /// None.
    Nothing,
    /// Those that have failed.
    Failed,
    /// Those that have failed, and those that are settled and have started nothing: see [`crate::reopening::LaunchHistory`].
    FailedOrIdle,
}

/// A delivery in its stored form. The caller encodes it, which spares the thread that writes for many callers.
#[derive(Debug)]
pub(crate) struct NewDelivery {
    pub(crate) delivery: Delivery,
    pub(crate) repository: Option<String>,
    pub(crate) headers: String,
    pub(crate) verification: String,
    /// The same, not encoded: a failed delivery that arrives again keeps what its earlier arrivals proved.
    pub(crate) proved: Box<Verification>,
    pub(crate) tenant: Arc<str>,
    pub(crate) body: StoredBody,
    /// The decisions of a delivery that is settled from the beginning.
    pub(crate) decisions: Option<String>,
    /// The facts that they rest on.
    pub(crate) facts: Option<String>,
    /// When the delivery becomes pending again if it is known.
    pub(crate) reopens: Reopens,
}

/// The facts of a claimed delivery in their stored form.
#[derive(Debug)]
pub(crate) struct NewFacts {
    pub(crate) token: ClaimToken,
    pub(crate) facts: Option<String>,
}

/// A replay in its stored form: the columns in which it differs from the original.
#[derive(Debug)]
pub(crate) struct NewReplay {
    pub(crate) request: ReplayRequest,
    pub(crate) replay: String,
    /// The verification and the tenant, if the request restricts them.
    pub(crate) restricted: Option<(String, Arc<str>)>,
}

/// The verification of a claimed delivery in its stored form.
#[derive(Debug)]
pub(crate) struct NewVerification {
    pub(crate) token: ClaimToken,
    pub(crate) verification: String,
}

/// The result of an attempt in its stored form.
#[derive(Debug)]
pub(crate) struct AttemptResult {
    pub(crate) token: ClaimToken,
    pub(crate) error: Option<String>,
    pub(crate) decisions: String,
    pub(crate) launches: String,
    /// Whether no attempt that is recorded has started a run, this one included.
    pub(crate) is_idle: bool,
}

impl NewDelivery {
    pub(crate) fn new(delivery: Verified<Delivery>, decided: Option<Decided>) -> Result<Self, JournalError> {
        let (mut delivery, proved) = delivery.into_parts();
        let headers = format::encode(&delivery.headers)?;
        let tenant = tenant(&proved);
        let verification = format::encode(&proved)?;
        let repository = delivery.repository.as_ref().map(ToString::to_string);
        // Compressed here for the same reason, and not held twice.
        let body = StoredBody::of(&std::mem::take(&mut delivery.body));
        let (mut decisions, mut facts) = (None, None);
        if let Some(decided) = decided {
            decisions = Some(encode_decisions(decided.decisions)?);
            facts = encode_facts(&decided.facts)?;
        }
        let reopens = Reopens::Failed;
        Ok(Self {
            delivery,
            repository,
            headers,
            verification,
            proved: Box::new(proved),
            tenant,
            body,
            decisions,
            facts,
            reopens,
        })
    }

    /// The same with facts, before it is decided.
    pub(crate) fn with_facts(self, facts: &Facts) -> Result<Self, JournalError> {
        Ok(Self { facts: encode_facts(facts)?, ..self })
    }

    /// The same, which leaves a delivery that had failed as it is.
    pub(crate) fn if_unknown(self) -> Self {
        Self { reopens: Reopens::Nothing, ..self }
    }

    /// The same, which makes a settled delivery pending, too, if it has started nothing.
    pub(crate) fn reopening_idle(self) -> Self {
        Self { reopens: Reopens::FailedOrIdle, ..self }
    }

    pub(crate) fn body_bytes(&self) -> usize {
        self.body.bytes.len()
    }

    /// The length of the body before compression.
    pub(crate) fn length(&self) -> i64 {
        i64::try_from(StoredBody::length(&self.body.encoding, &self.body.bytes)).unwrap_or(i64::MAX)
    }

    /// The space that it needs.
    pub(crate) fn space(&self) -> SpaceRequest<'_> {
        SpaceRequest { id: &self.delivery.id, tenant: &self.tenant, bytes: self.weight(), spared: None }
    }

    /// About how many bytes the store takes for it, before it is decided.
    fn weight(&self) -> u64 {
        let texts =
            [Some(&self.headers), Some(&self.verification), self.decisions.as_ref(), self.facts.as_ref()];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        (ROW_BYTES + self.body_bytes() + texts) as u64
    }

    /// The size of the body as stored.
    pub(crate) fn size(&self) -> i64 {
        i64::try_from(self.body_bytes()).unwrap_or(i64::MAX)
    }
}

impl NewReplay {
    /// `stored` is the verification of the original, unless that is unknown or the request restricts nothing.
    pub(crate) fn new(request: ReplayRequest, stored: Option<&str>) -> Result<Self, JournalError> {
        let replay = Replay { of: request.of.clone(), by: request.by.clone(), from: request.from.clone() };
        let replay = format::encode(&replay)?;
        let restricted = match (&request.namespaces, stored) {
            (Some(namespaces), Some(stored)) => {
                let verification: Verification =
                    format::decode(stored).map_err(|error| JournalError::Corrupt {
                        reason: format!(
                            "the verification of delivery {} cannot be read: {error}",
                            request.of
                        ),
                    })?;
                let verification = verification.restricted_to(namespaces);
                Some((format::encode(&verification)?, tenant(&verification)))
            }
            _ => None,
        };
        Ok(Self { request, replay, restricted })
    }

    /// The tenant of the copy, and about how many bytes it takes. The long columns of the original take `bytes`.
    pub(crate) fn space(&self, tenant: Arc<str>, bytes: u64) -> (Arc<str>, u64) {
        let tenant = self.restricted.as_ref().map_or(tenant, |(_, tenant)| Arc::clone(tenant));
        (tenant, bytes + (ROW_BYTES + self.replay.len()) as u64)
    }
}

impl NewFacts {
    pub(crate) fn new(token: ClaimToken, facts: &Facts) -> Result<Self, JournalError> {
        Ok(Self { token, facts: encode_facts(facts)? })
    }
}

impl NewVerification {
    pub(crate) fn new(token: ClaimToken, verification: &Verification) -> Result<Self, JournalError> {
        Ok(Self { token, verification: format::encode(verification)? })
    }
}

impl AttemptResult {
    pub(crate) fn new(token: ClaimToken, settlement: Settlement) -> Result<Self, JournalError> {
        let Settlement { decisions, launches, error } = settlement;
        let is_idle = launches.is_empty();
        let (decisions, launches) = (encode_decisions(decisions)?, encode_launches(launches)?);
        Ok(Self { token, error, decisions, launches, is_idle })
    }
}

fn encode_decisions(decisions: Vec<DecisionRecord>) -> Result<String, JournalError> {
    let stored: Vec<_> = decisions.into_iter().map(StoredDecision::from).collect();
    format::encode(&stored)
}

fn encode_launches(launches: Vec<LaunchRecord>) -> Result<String, JournalError> {
    let stored: Vec<_> = launches.into_iter().map(StoredLaunch::from).collect();
    format::encode(&stored)
}

/// Most deliveries need no facts. Their column stays empty.
fn encode_facts(facts: &Facts) -> Result<Option<String>, JournalError> {
    if facts.is_empty() { Ok(None) } else { format::encode(facts).map(Some) }
}
