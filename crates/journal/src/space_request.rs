use std::sync::Arc;

use trigger_core::DeliveryId;

/// The space that a new delivery needs in the share of its tenant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpaceRequest<'a> {
    pub(crate) id: &'a DeliveryId,
    pub(crate) tenant: &'a Arc<str>,
    pub(crate) bytes: u64,
    /// A settled delivery that does not make room: the one that is replayed.
    pub(crate) spared: Option<&'a DeliveryId>,
}

impl SpaceRequest<'_> {
    /// The id of the spared delivery as the statements compare it; no delivery has the empty one.
    pub(crate) fn spared(&self) -> &str {
        self.spared.map_or("", DeliveryId::as_str)
    }
}
