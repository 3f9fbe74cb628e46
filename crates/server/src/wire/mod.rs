//! What the admin API says, as types: for the server that writes it, for clients that read it, and for the
//! OpenAPI document, which is made of them.
//!
//! Names are camelCase. Fields that are absent or null mean that there is nothing to say. Clients should
//! let pass what they do not know.

mod decision;
mod delivery;
mod image;
mod log_level;
mod problem;
mod query;
mod rejection;
mod replay;
mod run;

pub use decision::{Check, Decision, Outcome};
pub use delivery::{
    Deliveries, Delivery, DeliveryDetail, Header, KnownDelivery, Request, State, Summary, Verification,
};
pub use image::{Image, ImageChange, ImageCheck, ImageChecked, ImageError, ImageQuery, ImageTeller, Images};
pub use log_level::{LogLevel, LogLevelQuery, LogLevelRequest};
pub use problem::Problem;
pub use query::{DeliveryQuery, RefusalQuery};
pub use rejection::{Rejection, RejectionDetail, Rejections, Tried};
pub use replay::{ReplayOrigin, ReplayOutcome, ReplayOutcomes, ReplayRequest, ReplayRequests, ReplayResult};
pub use run::{Launch, RunNow};

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use trigger_core::ObjectKey;

/// A namespaced object of a kind known from the context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectName {
    /// The namespace it lives in.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

impl From<&ObjectKey> for ObjectName {
    fn from(key: &ObjectKey) -> Self {
        Self { namespace: Arc::clone(&key.namespace), name: Arc::clone(&key.name) }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The schema of a [`jiff::Timestamp`].
struct Moment;

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}
