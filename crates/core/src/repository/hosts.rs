/// How the servers of providers treat the addresses of repositories. Each provider says it of its own; see
/// `providers::known_hosts`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownHosts {
    ignores_case: bool,
    aliases: Vec<(&'static str, &'static str)>,
}

impl KnownHosts {
    /// No provider: paths are compared exactly, on the host that an address names.
    pub const NONE: Self = Self { ignores_case: false, aliases: Vec::new() };

    /// Every server of the provider ignores the case of paths, wherever it is installed: it redirects from any case to the
    /// one that the owner chose, and refuses two names that differ only in case.
    ///
    /// A server that keeps such names apart, as one of plain Git may, sends none of the provider's deliveries. Its
    /// addresses are compared without case too, which finds more rules and trusts no other key.
    #[must_use]
    pub fn ignoring_case(mut self) -> Self {
        self.ignores_case = true;
        self
    }

    /// Adds second host names of public services, each with the first: `www.`, and those for SSH on port 443, for
    /// networks that let nothing else out. The repositories are those of the first name.
    #[must_use]
    pub fn aliases(mut self, hosts: &[(&'static str, &'static str)]) -> Self {
        self.aliases.extend(hosts);
        self
    }

    /// What both know.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let ignores_case = self.ignores_case || other.ignores_case;
        Self { ignores_case, ..self.aliases(&other.aliases) }
    }

    /// Whether paths ignore case.
    pub(super) fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    /// The first name of a host that is a second one.
    pub(super) fn behind(&self, host: &str) -> Option<&'static str> {
        self.aliases.iter().find(|(second, _)| *second == host).map(|(_, first)| *first)
    }
}
