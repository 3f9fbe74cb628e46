use trigger_server::wire::{Deliveries, DeliveryQuery};

use crate::admin_client::Client;

/// The largest page of the API.
const PAGE_LIMIT: usize = 500;

/// Up to `limit` deliveries, from as many pages as necessary.
pub(super) async fn deliveries(
    client: &Client,
    mut query: DeliveryQuery,
    limit: usize,
) -> anyhow::Result<Deliveries> {
    let mut found = Deliveries::default();
    loop {
        query.limit = Some((limit - found.items.len()).min(PAGE_LIMIT));
        let page: Deliveries = client.get("/deliveries", &query).await?;
        found.items.extend(page.items);
        found.next = page.next;
        if found.items.len() >= limit || found.next.is_none() {
            return Ok(found);
        }
        query.after.clone_from(&found.next);
    }
}
