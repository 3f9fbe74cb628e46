//! The shares of tenants: what each has stored, and how its oldest deliveries make room for its new ones.
//!
//! The sums are read once a minute and kept in memory, with what this replica has appended since. Of one row per tenant
//! that every append updates, the commits of all replicas would wait for each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Store;
use super::row::column;
use super::session::Session;
use crate::new_delivery::NewDelivery;
use crate::{JournalError, Pruned};

/// How long the sums are used.
const LIFETIME: Duration = Duration::from_mins(1);

/// How many deliveries make room for one at most, while the sender waits.
const MOST_REPLACED: i64 = 64;

/// How many deliveries one call prunes beyond the quotas.
const BATCH: i64 = 100;

const SUMS: &str =
    "SELECT tenant, sum(weight)::bigint AS bytes FROM deliveries WHERE tier < 2 GROUP BY tenant";

/// Drops the oldest bodies of a tenant, until so many bytes are free.
const DROP_BODIES: &str = "\
    WITH oldest AS MATERIALIZED ( \
      SELECT seq, size, settled_at FROM deliveries WHERE tenant = $1 AND tier = 0 AND settled_at IS NOT NULL \
      ORDER BY settled_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED \
    ), chosen AS MATERIALIZED ( \
      SELECT seq, size FROM ( \
        SELECT seq, size, sum(size) OVER (ORDER BY settled_at, seq) - size AS freed FROM oldest) o \
      WHERE o.freed < $2::bigint \
    ), dropped AS (DELETE FROM bodies b USING chosen WHERE b.delivery = chosen.seq) \
    UPDATE deliveries d SET tier = 1, size = 0 FROM chosen WHERE d.seq = chosen.seq RETURNING chosen.size AS freed";

/// Reduces the oldest bodiless deliveries of a tenant to their keys, until so many bytes are free.
const REDUCE_TO_KEYS: &str = "\
    WITH oldest AS MATERIALIZED ( \
      SELECT seq, weight AS size, settled_at \
      FROM deliveries WHERE tenant = $1 AND tier = 1 AND settled_at IS NOT NULL \
      ORDER BY settled_at, seq LIMIT $3 FOR UPDATE SKIP LOCKED \
    ), chosen AS MATERIALIZED ( \
      SELECT seq, size FROM ( \
        SELECT seq, size, sum(size) OVER (ORDER BY settled_at, seq) - size AS freed FROM oldest) o \
      WHERE o.freed < $2::bigint \
    ) \
    UPDATE deliveries d SET tier = 2, size = 0, decisions = NULL, facts = NULL, launches = NULL, fault = NULL, \
      replay = NULL, replay_of = NULL, headers = '{\"v\":1,\"data\":[]}' \
    FROM chosen WHERE d.seq = chosen.seq RETURNING chosen.size AS freed";

/// What each tenant has stored, as far as this replica knows. Keys are left out.
#[derive(Debug)]
pub(super) struct Accounts {
    quota: u64,
    sums: Mutex<Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    read_at: Option<Instant>,
    held: HashMap<Arc<str>, u64>,
}

impl Accounts {
    pub(super) fn new(quota: u64) -> Self {
        Self { quota, sums: Mutex::default() }
    }

    /// Makes room for a new delivery in its tenant's share. The error if there is none.
    pub(super) async fn make_room(&self, session: &Session, new: &NewDelivery) -> Result<(), JournalError> {
        if self.are_stale() {
            self.read(session).await?;
        }
        let needed = new.weight();
        let Some(held) = self.exceeded(&new.tenant, needed) else { return Ok(()) };
        let (freed, _) = shed(session, &new.tenant, needed, MOST_REPLACED).await?;
        self.add(&new.tenant, 0, freed);
        if freed >= needed || held.saturating_sub(freed) + needed <= self.quota {
            return Ok(());
        }
        let held = held.saturating_sub(freed);
        Err(JournalError::TenantFull { tenant: new.tenant.to_string(), held, share: self.quota })
    }

    /// Counts a delivery that was stored.
    pub(super) fn stored(&self, new: &NewDelivery) {
        self.add(&new.tenant, new.weight(), 0);
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

    async fn read(&self, session: &Session) -> Result<(), JournalError> {
        let mut held = HashMap::new();
        for row in session.query(SUMS, &[]).await? {
            held.insert(column::<&str>(&row, "tenant")?.into(), column::<i64>(&row, "bytes")?.unsigned_abs());
        }
        *self.sums() = Sums { read_at: Some(Instant::now()), held };
        Ok(())
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prunes a tenant whose share is exceeded.
pub(super) async fn prune(store: &Store) -> Result<Pruned, JournalError> {
    let session = store.sessions.get().await?;
    let accounts = &store.accounts;
    accounts.read(&session).await?;
    let tenants: Vec<_> = accounts.sums().held.keys().cloned().collect();
    let mut pruned = Pruned::default();
    for tenant in tenants {
        let Some(held) = accounts.exceeded(&tenant, 0) else { continue };
        pruned = shed(&session, &tenant, held - accounts.quota, BATCH).await?.1;
        if !pruned.is_empty() {
            break;
        }
    }
    session.keep();
    Ok(pruned)
}

/// Prunes a tenant's oldest settled deliveries, bodies first, until `needed` bytes are free. Keys stay. Returns how many
/// bytes are.
async fn shed(
    session: &Session,
    tenant: &str,
    needed: u64,
    most: i64,
) -> Result<(u64, Pruned), JournalError> {
    let (mut freed, mut pruned) = (0, Pruned::default());
    for (statement, count) in [(DROP_BODIES, &mut pruned.payloads), (REDUCE_TO_KEYS, &mut pruned.deliveries)]
    {
        if freed >= needed {
            break;
        }
        let left = i64::try_from(needed - freed).unwrap_or(i64::MAX);
        let rows = session.query(statement, &[&tenant, &left, &most]).await?;
        *count = rows.len() as u64;
        for row in &rows {
            freed += u64::try_from(column::<i64>(row, "freed")?).unwrap_or(0);
        }
    }
    Ok((freed, pruned))
}
