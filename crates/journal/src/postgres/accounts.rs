//! The shares of tenants: what each has stored, and how its oldest deliveries make room for its new ones.
//!
//! The sums are read once a minute and kept in memory, with what this replica has appended since. They are read earlier
//! for a tenant that appends a lot, so that its share is exceeded by little, also where many replicas append for it. Of
//! one row per tenant that every append updates, the commits of all replicas would wait for each other.
//!
//! The keys are summed up apart, in `key_accounts`: their number is bounded by their age only, so reading all of them
//! would take long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Store;
use super::row::column;
use super::session::Session;
use crate::space_request::SpaceRequest;
use crate::{JournalError, Pruned, Share, Shares};

/// How long the sums are used.
const LIFETIME: Duration = Duration::from_mins(1);

/// A tenant that has appended this fraction of its quota here since the sums were read has them read again: all replicas
/// together exceed the quota by no more than this for each of them.
const READ_AFTER: u64 = 16;

/// Reading the sums early takes no more than this fraction of the time.
const MOST_READING: u32 = 10;

/// How many deliveries make room for one at most, while the sender waits.
const MOST_REPLACED: i64 = 64;

/// How many deliveries one call prunes beyond the quotas.
const BATCH: i64 = 100;

const SUMS: &str = "\
    SELECT tenant, sum(bytes)::bigint AS bytes FROM ( \
      SELECT tenant, sum(weight) AS bytes FROM deliveries WHERE tier < 2 GROUP BY tenant \
      UNION ALL SELECT tenant, sum(bytes) AS bytes FROM key_accounts GROUP BY tenant) s GROUP BY tenant";

/// Adds up the changes of `key_accounts`.
const ADD_UP_KEYS: &str = "\
    WITH changes AS ( \
      DELETE FROM key_accounts WHERE (SELECT count(*) > count(DISTINCT tenant) FROM key_accounts) \
      RETURNING tenant, bytes) \
    INSERT INTO key_accounts \
    SELECT tenant, sum(bytes)::bigint FROM changes GROUP BY tenant HAVING sum(bytes) <> 0";

/// How many deliveries of these tenants are neither settled nor failed.
const UNSETTLED: &str = "\
    SELECT tenant, count(*) AS unsettled FROM deliveries \
    WHERE ready_at IS NOT NULL AND tenant = ANY($1) GROUP BY tenant";

/// Drops the oldest bodies of a tenant, until so many bytes are free.
const DROP_BODIES: &str = "\
    WITH oldest AS MATERIALIZED ( \
      SELECT seq, size, settled_at FROM deliveries WHERE tenant = $1 AND tier = 0 AND settled_at IS NOT NULL \
        AND id <> $4 ORDER BY settled_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED \
    ), chosen AS MATERIALIZED ( \
      SELECT seq, size FROM ( \
        SELECT seq, size, sum(size) OVER (ORDER BY settled_at, seq) - size AS freed FROM oldest) o \
      WHERE o.freed < $2::bigint \
    ), dropped AS (DELETE FROM bodies b USING chosen WHERE b.delivery = chosen.seq) \
    UPDATE deliveries d SET tier = 1, size = 0 FROM chosen WHERE d.seq = chosen.seq RETURNING chosen.size AS freed";

/// Reduces the oldest bodiless deliveries of a tenant to their keys, until so many bytes are free.
const REDUCE_TO_KEYS: &str = "\
    WITH oldest AS MATERIALIZED ( \
      SELECT seq, weight - 512 - octet_length(proof) AS size, settled_at \
      FROM deliveries WHERE tenant = $1 AND tier = 1 AND settled_at IS NOT NULL AND id <> $4 \
      ORDER BY settled_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED \
    ), chosen AS MATERIALIZED ( \
      SELECT seq, size FROM ( \
        SELECT seq, size, sum(size) OVER (ORDER BY settled_at, seq) - size AS freed FROM oldest) o \
      WHERE o.freed < $2::bigint \
    ) \
    UPDATE deliveries d SET tier = 2, size = 0, decisions = NULL, facts = NULL, launches = NULL, fault = NULL, \
      replay = NULL, replay_of = NULL, headers = '{\"v\":1,\"data\":[]}' \
    FROM chosen WHERE d.seq = chosen.seq RETURNING chosen.size AS freed";

/// What each tenant has stored, as far as this replica knows.
#[derive(Debug)]
pub(super) struct Accounts {
    quota: u64,
    sums: Mutex<Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    read_at: Option<Instant>,
    /// How long it took to read them.
    took: Duration,
    held: HashMap<Arc<str>, u64>,
    /// What this replica has appended since, by tenant.
    appended: HashMap<Arc<str>, u64>,
}

impl Accounts {
    pub(super) fn new(quota: u64) -> Self {
        Self { quota, sums: Mutex::default() }
    }

    /// Makes room for a new delivery in its tenant's share. The error if there is none.
    pub(super) async fn make_room(
        &self,
        session: &Session,
        new: SpaceRequest<'_>,
    ) -> Result<(), JournalError> {
        let needed = new.bytes;
        // Boxed, because it is rare: every append would hold the room for it.
        if self.are_stale_for(new.tenant, needed) {
            Box::pin(self.read(session)).await?;
        }
        let Some(held) = self.exceeded(new.tenant, needed) else { return Ok(()) };
        let making = shed(session, new.tenant, needed, MOST_REPLACED, new.spared());
        let (freed, _) = Box::pin(making).await?;
        self.add(new.tenant, 0, freed);
        if freed >= needed || held.saturating_sub(freed) + needed <= self.quota {
            return Ok(());
        }
        let held = held.saturating_sub(freed);
        Err(JournalError::TenantFull { tenant: new.tenant.to_string(), held, share: self.quota })
    }

    /// Counts a delivery that was stored.
    pub(super) fn stored(&self, new: SpaceRequest<'_>) {
        self.add(new.tenant, new.bytes, 0);
        let mut sums = self.sums();
        let appended = sums.appended.entry(Arc::clone(new.tenant)).or_default();
        *appended = appended.saturating_add(new.bytes);
    }

    /// What the tenant has stored, if that and `needed` exceed its share.
    fn exceeded(&self, tenant: &str, needed: u64) -> Option<u64> {
        let sums = self.sums();
        let held = sums.held.get(tenant).copied().unwrap_or(0);
        let others = sums.held.iter().any(|(other, bytes)| **other != *tenant && *bytes > 0);
        (held.saturating_add(needed) > self.quota && others).then_some(held)
    }

    fn add(&self, tenant: &Arc<str>, stored: u64, freed: u64) {
        let mut sums = self.sums();
        let held = sums.held.entry(Arc::clone(tenant)).or_default();
        *held = held.saturating_add(stored).saturating_sub(freed);
    }

    fn are_stale(&self) -> bool {
        self.sums().read_at.is_none_or(|at| at.elapsed() >= LIFETIME)
    }

    /// Whether the sums have to be read before `needed` bytes are stored for a tenant.
    fn are_stale_for(&self, tenant: &str, needed: u64) -> bool {
        let sums = self.sums();
        let Some(read_at) = sums.read_at else { return true };
        let age = read_at.elapsed();
        let appended = sums.appended.get(tenant).copied().unwrap_or(0).saturating_add(needed);
        age >= LIFETIME
            || (appended >= self.quota / READ_AFTER && age >= sums.took.saturating_mul(MOST_READING))
    }

    async fn read(&self, session: &Session) -> Result<(), JournalError> {
        let (mut held, began) = (HashMap::new(), Instant::now());
        for row in session.query(SUMS, &[]).await? {
            let bytes = u64::try_from(column::<i64>(&row, "bytes")?).unwrap_or(0);
            held.insert(column::<&str>(&row, "tenant")?.into(), bytes);
        }
        let now = Instant::now();
        *self.sums() =
            Sums { read_at: Some(now), took: now.duration_since(began), held, appended: HashMap::new() };
        Ok(())
    }

    /// The sums, and of the largest tenants, or of `tenant` alone, what each has stored.
    fn largest(&self, tenant: Option<&str>) -> Shares {
        let sums = self.sums();
        let stored = || sums.held.iter().filter(|(_, bytes)| **bytes > 0);
        let mut largest: Vec<_> = stored()
            .filter(|(name, _)| tenant.is_none_or(|tenant| *tenant == ***name))
            .map(|(tenant, bytes)| Share { tenant: Arc::clone(tenant), bytes: *bytes, unsettled: 0 })
            .collect();
        largest.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.tenant.cmp(&other.tenant)));
        largest.truncate(Shares::MOST);
        let bytes = stored().map(|(_, bytes)| bytes).sum();
        Shares { quota: self.quota, largest, tenants: stored().count() as u64, bytes }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the largest tenants have stored, or `tenant` alone.
pub(super) async fn shares(store: &Store, tenant: Option<&str>) -> Result<Shares, JournalError> {
    let session = store.sessions.get().await?;
    if store.accounts.are_stale() {
        store.accounts.read(&session).await?;
    }
    let mut shares = store.accounts.largest(tenant);
    let names: Vec<_> = shares.largest.iter().map(|share| share.tenant.to_string()).collect();
    for row in session.query(UNSETTLED, &[&names]).await? {
        let (tenant, unsettled) = (column::<&str>(&row, "tenant")?, column::<i64>(&row, "unsettled")?);
        if let Some(share) = shares.largest.iter_mut().find(|share| *share.tenant == *tenant) {
            share.unsettled = unsettled.unsigned_abs();
        }
    }
    session.keep();
    Ok(shares)
}

/// Prunes a tenant whose share is exceeded.
pub(super) async fn prune(store: &Store) -> Result<Pruned, JournalError> {
    let session = store.sessions.get().await?;
    let accounts = &store.accounts;
    session.query(ADD_UP_KEYS, &[]).await?;
    accounts.read(&session).await?;
    let tenants: Vec<_> = accounts.sums().held.keys().cloned().collect();
    let mut pruned = Pruned::default();
    for tenant in tenants {
        let Some(held) = accounts.exceeded(&tenant, 0) else { continue };
        pruned = shed(&session, &tenant, held - accounts.quota, BATCH, "").await?.1;
        if !pruned.is_empty() {
            break;
        }
    }
    session.keep();
    Ok(pruned)
}

/// Prunes a tenant's oldest settled deliveries, bodies first, until `needed` bytes are free. Keys stay, and so does
/// the delivery with the id `spared`. Returns how many bytes are free.
async fn shed(
    session: &Session,
    tenant: &str,
    needed: u64,
    most: i64,
    spared: &str,
) -> Result<(u64, Pruned), JournalError> {
    let (mut freed, mut pruned) = (0, Pruned::default());
    for (statement, count) in [(DROP_BODIES, &mut pruned.payloads), (REDUCE_TO_KEYS, &mut pruned.deliveries)]
    {
        if freed >= needed {
            break;
        }
        let left = i64::try_from(needed - freed).unwrap_or(i64::MAX);
        let rows = session.query(statement, &[&tenant, &left, &most, &spared]).await?;
        *count = rows.len() as u64;
        for row in &rows {
            freed += u64::try_from(column::<i64>(row, "freed")?).unwrap_or(0);
        }
    }
    Ok((freed, pruned))
}
