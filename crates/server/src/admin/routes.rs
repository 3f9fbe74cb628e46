//! The table of the admin API. The router and the OpenAPI document are both made of it.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, delete, get, post, put};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::extract::LARGEST_BODY;
use super::{Api, deliveries, images, log_level, openapi, rejections, replays, stream};
use crate::wire;

/// One route.
pub(super) struct Endpoint {
    /// `get`, `post`, `put` or `delete`.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Its name in the OpenAPI document.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: Option<MakeSchema>,
    pub(super) body: Option<MakeSchema>,
    pub(super) answers: &'static [RouteResponse],
    handler: fn() -> MethodRouter<Api>,
}

/// What is answered if all is well.
pub(super) struct RouteResponse {
    pub(super) status: &'static str,
    pub(super) media: &'static str,
    pub(super) schema: Option<MakeSchema>,
    pub(super) description: &'static str,
}

pub(super) type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

const JSON: &str = "application/json";

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: "get",
        path: "/api/v1/deliveries",
        id: "listDeliveries",
        summary: "The history, newest first.",
        query: Some(schema::<wire::DeliveryQuery>),
        body: None,
        answers: &[answer("200", schema::<wire::Deliveries>, "A page of the history.")],
        handler: || get(deliveries::list),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/deliveries/{id}",
        id: "showDelivery",
        summary: "One delivery with everything known about it, or the refused requests of this id.",
        query: None,
        body: None,
        answers: &[answer("200", schema::<wire::KnownDelivery>, "What is known; `kind` tells what it is.")],
        handler: || get(deliveries::show),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/deliveries/{id}/payload",
        id: "showPayload",
        summary: "The body of a delivery, byte for byte.",
        query: None,
        body: None,
        answers: &[RouteResponse {
            status: "200",
            media: "*/*",
            schema: None,
            description: "The body, with the content type it came with.",
        }],
        handler: || get(deliveries::payload),
    },
    Endpoint {
        method: "post",
        path: "/api/v1/deliveries/{id}/replay",
        id: "replayDelivery",
        summary: "Have a delivery worked on once more, by today's rules; or say what they would decide.",
        query: None,
        body: Some(schema::<wire::ReplayRequest>),
        answers: &[
            answer("200", schema::<wire::ReplayOutcome>, "A dry run, or the same request was made before."),
            answer("202", schema::<wire::ReplayOutcome>, "It is in the queue once more."),
        ],
        handler: || post(replays::one),
    },
    Endpoint {
        method: "post",
        path: "/api/v1/replays",
        id: "replayDeliveries",
        summary: "Have up to 100 deliveries worked on once more; or say what the rules would decide.",
        query: None,
        body: Some(schema::<wire::ReplayRequests>),
        answers: &[answer("200", schema::<wire::ReplayOutcomes>, "What became of each.")],
        handler: || post(replays::several),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/rejections",
        id: "listRefusals",
        summary: "Requests that were refused, newest first. The newest thousand are kept.",
        query: Some(schema::<wire::RefusalQuery>),
        body: None,
        answers: &[answer("200", schema::<wire::Rejections>, "The requests.")],
        handler: || get(rejections::list),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/images",
        id: "listImages",
        summary: "The images that Builds wait for, with what they stand for and when their registries are asked.",
        query: Some(schema::<wire::ImageQuery>),
        body: None,
        answers: &[answer("200", schema::<wire::Images>, "The images, by reference and namespace.")],
        handler: || get(images::list),
    },
    Endpoint {
        method: "post",
        path: "/api/v1/images/check",
        id: "checkImage",
        summary: "Have the registry of an image asked now. The answer waits for it for up to 20 seconds.",
        query: None,
        body: Some(schema::<wire::ImageCheck>),
        answers: &[answer("200", schema::<wire::ImageChecked>, "How the image stands afterwards.")],
        handler: || post(images::check),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/stream",
        id: "streamDeliveries",
        summary: "Server-Sent Events: `delivery` with a delivery as in the list, whenever one appears or its \
                  state changes. `lagged` is the last event of a client that was too slow. A stream ends \
                  after 15 minutes; connect again.",
        query: None,
        body: None,
        answers: &[RouteResponse {
            status: "200",
            media: "text/event-stream",
            schema: Some(schema::<wire::Delivery>),
            description: "The events; their data is of this schema.",
        }],
        handler: || get(stream::open),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/log-level",
        id: "showLogLevel",
        summary: "What is logged, and until when if it was changed.",
        query: None,
        body: None,
        answers: &[answer("200", schema::<wire::LogLevel>, "What is logged.")],
        handler: || get(log_level::show),
    },
    Endpoint {
        method: "put",
        path: "/api/v1/log-level",
        id: "changeLogLevel",
        summary: "Log more, or less, for a while, at this replica.",
        query: Some(schema::<wire::LogLevelQuery>),
        body: Some(schema::<wire::LogLevelRequest>),
        answers: &[answer("200", schema::<wire::LogLevel>, "What is logged now.")],
        handler: || put(log_level::change),
    },
    Endpoint {
        method: "delete",
        path: "/api/v1/log-level",
        id: "resetLogLevel",
        summary: "Log as at the start again.",
        query: None,
        body: None,
        answers: &[answer("200", schema::<wire::LogLevel>, "What is logged now.")],
        handler: || delete(log_level::reset),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/openapi.json",
        id: "openapi",
        summary: "This document.",
        query: None,
        body: None,
        answers: &[RouteResponse {
            status: "200",
            media: JSON,
            schema: None,
            description: "An OpenAPI 3.1 document.",
        }],
        handler: || get(openapi::show),
    },
];

pub(super) fn router() -> Router<Api> {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        router = router.route(endpoint.path, (endpoint.handler)());
    }
    router.layer(DefaultBodyLimit::max(LARGEST_BODY))
}

const fn answer(status: &'static str, schema: MakeSchema, description: &'static str) -> RouteResponse {
    RouteResponse { status, media: JSON, schema: Some(schema), description }
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
