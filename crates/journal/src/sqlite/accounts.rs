//! The shares of tenants: what each has stored, and how its oldest deliveries make room for its new ones.

use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::retention;
use super::space::Space;
use crate::row::tier;
use crate::space_request::SpaceRequest;
use crate::{JournalError, Pruned, Share, Shares};

/// How many deliveries make room for one at most, while the sender waits.
const MOST_REPLACED: i64 = 64;

/// How many deliveries one call prunes beyond the quotas.
const BATCH: i64 = 200;

/// No delivery has this id.
const NONE: &str = "";

/// Makes room for a new delivery: in its tenant's share, or, where the volume is short of space, in place of what the
/// tenant has stored. The error if there is none.
pub(super) fn make_room(
    store: &Connection,
    new: SpaceRequest<'_>,
    quota: u64,
    space: Space,
) -> rusqlite::Result<Result<(), JournalError>> {
    let (held, needed) = (account(store, new.tenant)?, new.bytes);
    let share = match space {
        Space::Ample if held.saturating_add(needed) <= quota => return Ok(Ok(())),
        Space::Ample => quota,
        Space::Tight { left } => quota.min(equal_share(store, new.tenant, left)?),
        Space::Full => 0,
    };
    // A repetition stores nothing.
    if held.saturating_add(needed) <= share || is_known(store, &new)? {
        return Ok(Ok(()));
    }
    if space != Space::Full && !others_store(store, new.tenant)? {
        return Ok(Ok(()));
    }
    shed(store, new.tenant, held.saturating_sub(needed), MOST_REPLACED, new.spared())?;
    let freed = held.saturating_sub(account(store, new.tenant)?);
    if freed >= needed || (space != Space::Full && held - freed + needed <= share) {
        return Ok(Ok(()));
    }
    Ok(Err(match space {
        Space::Full => JournalError::unavailable_because("the volume of the journal is full"),
        Space::Ample | Space::Tight { .. } => {
            JournalError::TenantFull { tenant: new.tenant.to_string(), held: held - freed, share }
        }
    }))
}

/// Prunes the tenants whose share is exceeded, and on a full volume those that have stored most.
pub(super) fn prune(store: &Connection, quota: u64, space: Space) -> rusqlite::Result<Pruned> {
    store.prepare_cached("DELETE FROM accounts WHERE bytes <= 0")?.execute([])?;
    let accounts = store
        .prepare_cached("SELECT tenant, bytes FROM accounts ORDER BY bytes DESC")?
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (tenant, held) in &accounts {
        if *held > quota && accounts.len() > 1 {
            let pruned = shed(store, tenant, quota, BATCH, NONE)?;
            if !pruned.is_empty() {
                return Ok(pruned);
            }
        }
    }
    if space == Space::Full {
        for (tenant, _) in &accounts {
            let pruned = shed(store, tenant, 0, BATCH, NONE)?;
            if !pruned.is_empty() {
                return Ok(pruned);
            }
        }
    }
    Ok(Pruned::default())
}

/// Prunes a tenant's oldest settled deliveries, bodies first, until it holds no more than `target` bytes. Keys stay, and
/// so does the delivery with the id `spared`.
fn shed(store: &Connection, tenant: &str, target: u64, most: i64, spared: &str) -> rusqlite::Result<Pruned> {
    let mut pruned = Pruned::default();
    for from in [tier::WHOLE, tier::BODILESS] {
        let oldest = store
            .prepare_cached(
                "SELECT seq FROM deliveries WHERE tenant = :tenant AND tier = :tier AND settled_at IS NOT NULL \
                   AND id <> :spared ORDER BY settled_at LIMIT :most",
            )?
            .query_map(
                named_params! { ":tenant": tenant, ":tier": from, ":most": most, ":spared": spared },
                |row| row.get(0),
            )?
            .collect::<rusqlite::Result<Vec<i64>>>()?;
        for sequence in oldest {
            if account(store, tenant)? <= target {
                return Ok(pruned);
            }
            if from == tier::WHOLE {
                retention::reduce_to_record(store, sequence)?;
                pruned.payloads += 1;
            } else {
                retention::reduce_to_key(store, sequence)?;
                pruned.deliveries += 1;
            }
        }
    }
    Ok(pruned)
}

/// What the largest tenants have stored, or `tenant` alone.
pub(super) fn shares(store: &Connection, tenant: Option<&str>, quota: u64) -> Result<Shares, JournalError> {
    let (tenants, bytes) = store
        .prepare_cached("SELECT count(*), coalesce(sum(bytes), 0) FROM accounts WHERE bytes > 0")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let most = i64::try_from(Shares::MOST).unwrap_or(i64::MAX);
    let largest = store
        .prepare_cached(
            "SELECT tenant, bytes, (SELECT count(*) FROM deliveries d \
                                    WHERE d.tenant = a.tenant AND d.ready_at IS NOT NULL) AS unsettled \
             FROM accounts a WHERE bytes > 0 AND (:tenant IS NULL OR tenant = :tenant) \
             ORDER BY bytes DESC, tenant LIMIT :most",
        )?
        .query_map(named_params! { ":tenant": tenant, ":most": most }, |row| {
            Ok(Share {
                tenant: row.get("tenant")?,
                bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
                unsettled: row.get::<_, i64>("unsettled")?.unsigned_abs(),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Shares { quota, largest, tenants: tenants.unsigned_abs(), bytes: bytes.unsigned_abs() })
}

/// The bytes that a tenant has stored.
fn account(store: &Connection, tenant: &str) -> rusqlite::Result<u64> {
    let bytes = store
        .prepare_cached("SELECT bytes FROM accounts WHERE tenant = :tenant")?
        .query_row(named_params! { ":tenant": tenant }, |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(u64::try_from(bytes.unwrap_or(0)).unwrap_or(0))
}

/// What each tenant would have if all, `tenant` among them, shared what is stored and what is left. With what is stored
/// alone, the first deliveries of a new tenant would find no room on a large volume that others have filled to nine tenths.
fn equal_share(store: &Connection, tenant: &str, left: u64) -> rusqlite::Result<u64> {
    let (others, bytes) = store
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE tenant <> :tenant), coalesce(sum(bytes), 0) FROM accounts WHERE bytes > 0",
        )?
        .query_row(named_params! { ":tenant": tenant }, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
    Ok(bytes.unsigned_abs().saturating_add(left) / others.unsigned_abs().saturating_add(1))
}

fn others_store(store: &Connection, tenant: &str) -> rusqlite::Result<bool> {
    store
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM accounts WHERE tenant <> :tenant AND bytes > 0)")?
        .query_row(named_params! { ":tenant": tenant }, |row| row.get(0))
}

fn is_known(store: &Connection, new: &SpaceRequest<'_>) -> rusqlite::Result<bool> {
    store
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM deliveries WHERE id = :id)")?
        .query_row(named_params! { ":id": new.id.as_str() }, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equal_share_counts_what_is_left_and_the_tenant_that_has_nothing_yet() {
        let store = Connection::open_in_memory().unwrap();
        let accounts =
            "CREATE TABLE accounts (tenant TEXT, bytes INTEGER); INSERT INTO accounts VALUES ('a', 600)";
        store.execute_batch(accounts).unwrap();
        for (tenant, left, expected) in [("a", 0, 600), ("a", 1000, 1600), ("b", 1000, 800), ("b", 0, 300)] {
            assert_eq!(equal_share(&store, tenant, left).unwrap(), expected, "{tenant} {left}");
        }
    }
}
