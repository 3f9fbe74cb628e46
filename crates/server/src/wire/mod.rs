//! The types of the admin API: the server writes them, clients read them, and the OpenAPI document is generated
//! from them.
//!
//! Field names are camelCase. An absent field and `null` mean the same: no value. Clients should ignore fields
//! that they do not know.

mod decision;
mod delivery;
mod image;
mod log_level;
mod problem;
mod query;
mod rejection;
mod replay;
mod resource;
mod run;
mod status;

pub use decision::{Check, Decision, Outcome};
pub use delivery::{
    Deliveries, Delivery, DeliveryDetail, Header, KeyRef, KnownDelivery, Request, State, Summary,
    Verification, Waiting,
};
pub use image::{
    Image, ImageChange, ImageCheckOutcome, ImageCheckRequest, ImageError, ImageQuery, ImageSource, Images,
};
pub use log_level::{LogLevel, LogLevelQuery, LogLevelRequest};
pub use problem::Problem;
pub use query::{DeliveryQuery, RejectionQuery};
pub use rejection::{Rejection, RejectionDetail, Rejections, TriedSecret};
pub use replay::{ReplayOrigin, ReplayOutcome, ReplayOutcomes, ReplayRequest, ReplayRequests, ReplayResult};
pub use resource::{ObjectName, ResourceRef};
pub use run::{Launch, RunState};
pub use status::{JournalStatus, NamespaceStatus, Status, StatusQuery};

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The schema of a [`jiff::Timestamp`]: a date and time as of RFC 3339.
struct DateTime;

impl JsonSchema for DateTime {
    fn schema_name() -> Cow<'static, str> {
        "DateTime".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}
