use super::{ALPHA_VERSION, GROUP, VERSION};

/// A kind of Tekton Triggers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A URL to which events are sent, and what they start.
    EventListener,
    /// What one kind of event starts, apart from a listener.
    Trigger,
    /// Values taken from an event.
    TriggerBinding,
    /// The same, for all namespaces.
    ClusterTriggerBinding,
    /// Objects to create.
    TriggerTemplate,
    /// A service that lets events pass or not, for its namespace.
    Interceptor,
    /// The same, for all namespaces.
    ClusterInterceptor,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::EventListener,
        Self::Trigger,
        Self::TriggerBinding,
        Self::ClusterTriggerBinding,
        Self::TriggerTemplate,
        Self::Interceptor,
        Self::ClusterInterceptor,
    ];

    /// The kind of an object with this `apiVersion` and `kind`; `None` if it is none of Tekton Triggers, or of a version
    /// that the kind does not have.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let (group, version) = api_version.split_once('/')?;
        let kind = Self::ALL.into_iter().find(|known| known.name() == kind)?;
        (group == GROUP && kind.versions().contains(&version)).then_some(kind)
    }

    /// The name, as it stands in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventListener => "EventListener",
            Self::Trigger => "Trigger",
            Self::TriggerBinding => "TriggerBinding",
            Self::ClusterTriggerBinding => "ClusterTriggerBinding",
            Self::TriggerTemplate => "TriggerTemplate",
            Self::Interceptor => "Interceptor",
            Self::ClusterInterceptor => "ClusterInterceptor",
        }
    }

    /// The name of its collection in URLs.
    pub fn plural(self) -> &'static str {
        match self {
            Self::EventListener => "eventlisteners",
            Self::Trigger => "triggers",
            Self::TriggerBinding => "triggerbindings",
            Self::ClusterTriggerBinding => "clustertriggerbindings",
            Self::TriggerTemplate => "triggertemplates",
            Self::Interceptor => "interceptors",
            Self::ClusterInterceptor => "clusterinterceptors",
        }
    }

    /// The versions that it has, the one to ask a cluster for first.
    pub fn versions(self) -> &'static [&'static str] {
        match self {
            Self::Interceptor | Self::ClusterInterceptor => &[ALPHA_VERSION],
            _ => &[VERSION, ALPHA_VERSION],
        }
    }

    /// Whether its objects are in namespaces.
    pub fn is_namespaced(self) -> bool {
        !matches!(self, Self::ClusterTriggerBinding | Self::ClusterInterceptor)
    }
}
