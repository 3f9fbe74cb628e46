use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Selects what the status shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusQuery {
    /// Only this namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// How much the namespaces use of what they share.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The share of the journal that a namespace has while others use it too, in bytes.
    pub tenant_quota: u64,
    /// The namespaces that use most of the journal, the largest first; at most 100. Ask for another one by its name.
    pub items: Vec<NamespaceStatus>,
    /// The whole journal. Only for callers who may see all namespaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalStatus>,
}

/// How much one namespace uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceStatus {
    /// The namespace. Empty for unsigned deliveries that no Secret's namespace pays for.
    pub namespace: Arc<str>,
    /// What its deliveries take in the journal, in bytes: bodies, decisions, keys and the rest.
    pub journal_bytes: u64,
    /// Its deliveries that wait for an attempt or have one now.
    pub unsettled: u64,
    /// The images that its Builds have rules for.
    pub images: usize,
}

/// The journal as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JournalStatus {
    /// Its size in its file or database, in bytes.
    pub bytes: u64,
    /// The free space on the volume of its file, in bytes; absent for a database.
    pub free_bytes: Option<u64>,
    /// How many namespaces have deliveries in it.
    pub namespaces: u64,
    /// What the deliveries of all namespaces take, in bytes.
    pub namespace_bytes: u64,
}
