use std::sync::Arc;

/// How much of the journal tenants use. A tenant is that of [`crate::tenant`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shares {
    /// The share of a tenant while others store something too, in bytes. See [`crate::Settings::tenant_quota`].
    pub quota: u64,
    /// The tenants that use most, the largest first and equal ones by name. At most [`Shares::MOST`].
    pub largest: Vec<Share>,
    /// How many tenants have stored something.
    pub tenants: u64,
    /// What all of them have stored, in bytes.
    pub bytes: u64,
}

/// How much of the journal one tenant uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The tenant. Empty for unsigned deliveries that name no Secret.
    pub tenant: Arc<str>,
    /// What it has stored, keys included, in bytes.
    pub bytes: u64,
    /// How many of its deliveries are neither settled nor failed.
    pub unsettled: u64,
}

impl Shares {
    /// How many tenants are listed one by one. Further ones are only part of the sums.
    pub const MOST: usize = 100;
}
