//! Content negotiation: the form of a response.

/// The form of a list, an object or a watch event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Objects.
    Object,
    /// A `Table`, at `meta.k8s.io/v1` or `v1beta1`.
    Table,
    /// Only `metadata`.
    Metadata,
}

impl Shape {
    /// The first form in `accept` that is served, or `None` if there is none.
    pub(super) fn negotiate(accept: &str) -> Option<Self> {
        if accept.trim().is_empty() {
            return Some(Self::Object);
        }
        accept.split(',').find_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            if !matches!(media_type, "application/json" | "application/*" | "*/*") {
                return None;
            }
            match parts.find_map(|parameter| parameter.strip_prefix("as=")) {
                None => Some(Self::Object),
                Some("Table") => Some(Self::Table),
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Some(Self::Metadata),
                Some(_) => None,
            }
        })
    }
}

/// The version of aggregated discovery that the client prefers over the unaggregated form.
pub(super) fn aggregated_discovery(accept: &str) -> Option<&'static str> {
    for range in accept.split(',') {
        let parts: Vec<&str> = range.split(';').map(str::trim).collect();
        if parts.first() != Some(&"application/json") {
            continue;
        }
        if !parts.contains(&"as=APIGroupDiscoveryList") {
            return None;
        }
        if parts.contains(&"v=v2") {
            return Some("v2");
        }
        if parts.contains(&"v=v2beta1") {
            return Some("v2beta1");
        }
    }
    None
}
