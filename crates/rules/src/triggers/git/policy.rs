/// Whether code from a fork may be built: the value of the annotation `trigger.shipwright.io/forks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ForkPolicy {
    /// It may not: every author of a pull request would build with the Build's credentials. The default.
    #[default]
    Deny,
    /// `allow`: it may.
    Allow,
}

impl ForkPolicy {
    /// Takes the annotation's value. `None` for anything but `allow` and `deny`.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        match value.trim() {
            "allow" => Some(Self::Allow),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }
}
