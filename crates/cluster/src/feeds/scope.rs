/// The namespaces that are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every namespace.
    Cluster,
    /// These namespaces only.
    Namespaces(Vec<String>),
}

impl Scope {
    /// These namespaces, or all if there are none.
    pub fn of(namespaces: &[String]) -> Self {
        if namespaces.is_empty() { Self::Cluster } else { Self::Namespaces(namespaces.to_vec()) }
    }

    /// One entry per watch: a namespace, or none for all.
    pub(crate) fn parts(&self) -> Vec<Option<String>> {
        match self {
            Self::Cluster => vec![None],
            Self::Namespaces(names) => names.iter().cloned().map(Some).collect(),
        }
    }
}
