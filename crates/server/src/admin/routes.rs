//! The table of the admin API. The router and the OpenAPI document are built from it.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, delete, get, post, put};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::extract::MAX_BODY;
use super::{Api, deliveries, images, log_level, openapi, rejections, replays, status, stream};
use crate::wire;

/// One route.
pub(super) struct Endpoint {
    /// `get`, `post`, `put` or `delete`.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// `operationId` in the OpenAPI document.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: Option<MakeSchema>,
    pub(super) body: Option<MakeSchema>,
    pub(super) responses: &'static [RouteResponse],
    handler: fn() -> MethodRouter<Api>,
}

/// A success response.
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
        summary: "List deliveries, newest first.",
        query: Some(schema::<wire::DeliveryQuery>),
        body: None,
        responses: &[response("200", schema::<wire::Deliveries>, "A page of deliveries.")],
        handler: || get(deliveries::list),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/deliveries/{id}",
        id: "showDelivery",
        summary: "Show a delivery with its decisions and runs, or the rejected requests with this id.",
        query: None,
        body: None,
        responses: &[response(
            "200",
            schema::<wire::KnownDelivery>,
            "The delivery or the rejected requests, as `kind` says.",
        )],
        handler: || get(deliveries::show),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/deliveries/{id}/payload",
        id: "showPayload",
        summary: "Read the body of a delivery, byte for byte.",
        query: None,
        body: None,
        responses: &[RouteResponse {
            status: "200",
            media: "*/*",
            schema: None,
            description: "The body, with the content type of the request.",
        }],
        handler: || get(deliveries::payload),
    },
    Endpoint {
        method: "post",
        path: "/api/v1/deliveries/{id}/replay",
        id: "replayDelivery",
        summary: "Replay a delivery with today's rules, or only return their decisions (dry run). Only the rules of \
                  namespaces in which the caller may create BuildRuns act on the replay.",
        query: None,
        body: Some(schema::<wire::ReplayRequest>),
        responses: &[
            response("200", schema::<wire::ReplayOutcome>, "A dry run, or a repeated request."),
            response("202", schema::<wire::ReplayOutcome>, "The replay is in the queue."),
        ],
        handler: || post(replays::one),
    },
    Endpoint {
        method: "post",
        path: "/api/v1/replays",
        id: "replayDeliveries",
        summary: "Replay up to 100 deliveries, or only return the decisions (dry run).",
        query: None,
        body: Some(schema::<wire::ReplayRequests>),
        responses: &[response("200", schema::<wire::ReplayOutcomes>, "The outcome for each delivery.")],
        handler: || post(replays::several),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/rejections",
        id: "listRejections",
        summary: "List rejected requests, newest first. The newest 1000 are stored.",
        query: Some(schema::<wire::RejectionQuery>),
        body: None,
        responses: &[response("200", schema::<wire::Rejections>, "The rejected requests.")],
        handler: || get(rejections::list),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/images",
        id: "listImages",
        summary: "List the images that Builds have rules for, with their digests and poll times.",
        query: Some(schema::<wire::ImageQuery>),
        body: None,
        responses: &[response("200", schema::<wire::Images>, "The images, by reference and namespace.")],
        handler: || get(images::list),
    },
    Endpoint {
        method: "post",
        path: "/api/v1/images/check",
        id: "checkImage",
        summary: "Resolve an image at its registry now. The response waits for up to 20 seconds.",
        query: None,
        body: Some(schema::<wire::ImageCheckRequest>),
        responses: &[response(
            "200",
            schema::<wire::ImageCheckOutcome>,
            "The image, one item per namespace.",
        )],
        handler: || post(images::check),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/status",
        id: "showStatus",
        summary: "Show how much the namespaces use of what they share, the largest first.",
        query: Some(schema::<wire::StatusQuery>),
        body: None,
        responses: &[response("200", schema::<wire::Status>, "The visible namespaces.")],
        handler: || get(status::show),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/stream",
        id: "streamDeliveries",
        summary: "Stream changes as Server-Sent Events. Event `delivery` carries a delivery as in the list, \
                  whenever one appears or its state changes. Only for callers who may see a namespace with rules. Event \
                  `lagged` ends the stream of a client that is \
                  too slow. Every stream ends after 15 minutes; connect again.",
        query: None,
        body: None,
        responses: &[RouteResponse {
            status: "200",
            media: "text/event-stream",
            schema: Some(schema::<wire::Delivery>),
            description: "The events. The data of `delivery` has this schema.",
        }],
        handler: || get(stream::open),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/log-level",
        id: "showLogLevel",
        summary: "Show the log filter of this replica.",
        query: None,
        body: None,
        responses: &[response("200", schema::<wire::LogLevel>, "The log filter.")],
        handler: || get(log_level::show),
    },
    Endpoint {
        method: "put",
        path: "/api/v1/log-level",
        id: "changeLogLevel",
        summary: "Change the log filter of this replica for a limited time.",
        query: Some(schema::<wire::LogLevelQuery>),
        body: Some(schema::<wire::LogLevelRequest>),
        responses: &[response("200", schema::<wire::LogLevel>, "The log filter now in force.")],
        handler: || put(log_level::change),
    },
    Endpoint {
        method: "delete",
        path: "/api/v1/log-level",
        id: "resetLogLevel",
        summary: "Restore the log filter that this replica started with.",
        query: None,
        body: None,
        responses: &[response("200", schema::<wire::LogLevel>, "The log filter now in force.")],
        handler: || delete(log_level::reset),
    },
    Endpoint {
        method: "get",
        path: "/api/v1/openapi.json",
        id: "openapi",
        summary: "Show this document.",
        query: None,
        body: None,
        responses: &[RouteResponse {
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
    router.layer(DefaultBodyLimit::max(MAX_BODY))
}

const fn response(status: &'static str, schema: MakeSchema, description: &'static str) -> RouteResponse {
    RouteResponse { status, media: JSON, schema: Some(schema), description }
}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
