/// How much of the store a journal uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many bytes one tenant stores while others store something too: bodies, headers, verifications, decisions,
    /// launches and facts. Beyond, its oldest settled deliveries make room for its new ones, and where that is not
    /// enough its new ones fail with [`crate::JournalError::TenantFull`].
    pub tenant_quota: u64,
    /// The size of the file that is kept free beside a SQLite journal, in bytes; less on a small volume. On a full volume
    /// it is given up, so that deliveries can be settled and pruned.
    pub reserve: u64,
}

impl Settings {
    /// A quarter of what the bodies of all tenants take at most by default.
    pub const TENANT_QUOTA: usize = 1 << 30;
    /// As much as the write-ahead log takes before it is moved into the main file.
    pub const RESERVE: u64 = 16 << 20;
}

impl Default for Settings {
    fn default() -> Self {
        Self { tenant_quota: Self::TENANT_QUOTA as u64, reserve: Self::RESERVE }
    }
}
