//! The route of the status: how much the namespaces use of what they share.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use trigger_journal::Share;

use super::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::extract::ApiQuery;
use super::visibility::Visibility;
use crate::wire::{JournalStatus, NamespaceStatus, Status, StatusQuery};

pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(query): ApiQuery<StatusQuery>,
) -> Result<Json<Status>, ApiError> {
    let mut visibility = Visibility::of(&caller).await?;
    let wanted: Option<Arc<str>> = query.namespace.map(Into::into);
    let turn = api.budget.page().await?;
    let mut shares = api.journal.shares(wanted.clone()).await?;
    let journal = if visibility.is_cluster_wide() { Some(api.journal.usage().await?) } else { None };
    drop(turn);
    // A namespace without deliveries may still have images.
    if let (Some(tenant), true) = (wanted, shares.largest.is_empty()) {
        shares.largest.push(Share { tenant, bytes: 0, unsettled: 0 });
    }
    let namespaces: BTreeSet<_> = shares.largest.iter().map(|share| Arc::clone(&share.tenant)).collect();
    visibility.load(&namespaces).await?;
    let mut images = HashMap::<_, usize>::new();
    for status in api.images.statuses() {
        *images.entry(status.namespace).or_default() += 1;
    }
    let visible = shares.largest.into_iter().filter(|share| visibility.can_see(&share.tenant));
    let items = visible.map(|share| NamespaceStatus {
        images: images.get(&share.tenant).copied().unwrap_or(0),
        namespace: share.tenant,
        journal_bytes: share.bytes,
        unsettled: share.unsettled,
    });
    Ok(Json(Status {
        tenant_quota: shares.quota,
        items: items.collect(),
        journal: journal.map(|usage| JournalStatus {
            bytes: usage.bytes,
            free_bytes: usage.free_bytes,
            namespaces: shares.tenants,
            namespace_bytes: shares.bytes,
        }),
    }))
}
