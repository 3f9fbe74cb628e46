use trigger_server::wire::{Deliveries, DeliveryQuery};

use crate::admin_client::Client;

/// No page of the API is larger.
const LARGEST_PAGE: usize = 500;

/// Up to `limit` deliveries, from as many pages as it takes.
pub(super) async fn deliveries(
    client: &Client,
    mut query: DeliveryQuery,
    limit: usize,
) -> anyhow::Result<Deliveries> {
    let mut found = Deliveries::default();
    loop {
        query.limit = Some((limit - found.items.len()).min(LARGEST_PAGE));
        let page: Deliveries = client.get("/deliveries", &query).await?;
        found.items.extend(page.items);
        found.next = page.next;
        if found.items.len() >= limit || found.next.is_none() {
            return Ok(found);
        }
        query.after.clone_from(&found.next);
    }
}
