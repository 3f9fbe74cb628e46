/// The hosts of public services, with their spellings. Each provider lists its own; see `providers::known_hosts`.
///
/// Servers that are not listed are compared exactly, by the host that an address names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownHosts {
    ignoring_case: Vec<&'static str>,
    ssh_aliases: Vec<(&'static str, &'static str)>,
}

impl KnownHosts {
    /// No public service.
    pub const NONE: Self = Self { ignoring_case: Vec::new(), ssh_aliases: Vec::new() };

    /// Adds hosts whose paths ignore case: they redirect from any case to the one the owner chose, and refuse two
    /// names that differ only in case. Other servers may keep two repositories that differ only in case.
    #[must_use]
    pub fn ignoring_case(mut self, hosts: &[&'static str]) -> Self {
        self.ignoring_case.extend(hosts);
        self
    }

    /// Adds second host names, each with the first: those for SSH on port 443, for networks that let nothing else
    /// out. The repositories are those of the first name.
    #[must_use]
    pub fn ssh_aliases(mut self, hosts: &[(&'static str, &'static str)]) -> Self {
        self.ssh_aliases.extend(hosts);
        self
    }

    /// Both tables in one.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        self.ignoring_case(&other.ignoring_case).ssh_aliases(&other.ssh_aliases)
    }

    /// Whether the paths of a host ignore case.
    pub(super) fn ignores_case(&self, host: &str) -> bool {
        self.ignoring_case.contains(&host)
    }

    /// The first name of a host that is a second one.
    pub(super) fn behind(&self, host: &str) -> Option<&'static str> {
        self.ssh_aliases.iter().find(|(second, _)| *second == host).map(|(_, first)| *first)
    }
}
