use trigger_core::Limit;

use crate::admin::{
    CONCURRENT_PAGES, CONCURRENT_RECORDS, DOWNLOAD_TIMEOUT, DOWNLOADS, EXAMINE_WITHIN, MAX_BODY,
    MAX_SUBSCRIBERS, PAGE_BYTES, REQUESTS_PER_ACCOUNT, RESERVED_SUBSCRIBERS, SUBSCRIBERS_PER_ACCOUNT,
    TURN_TIMEOUT,
};
use crate::ingest::{
    ALL_LARGE_DECODED, ALL_SMALL_DECODED, DECODED_OF_NAMESPACE, IngestSettings, LARGEST_NOTIFICATION,
    MAX_LISTED, MAX_WAITING, MOST_WAITING, READ_WITHIN, SHARES, SMALL_BODY, SMALL_DECODED, WORK,
};
use crate::listener::{Limits, MAX_HEAD, MAX_HEADERS};

const INGEST: IngestSettings = IngestSettings::DEFAULT;
const PORT: Limits = Limits::DEFAULT;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("headers of a request", MAX_HEADERS, "431"),
    Limit::bytes("request line and headers together", MAX_HEAD, "431 or 414"),
    Limit::bytes("body of a delivery", INGEST.largest_body, "413").set_by("--max-body"),
    Limit::bytes("body of a notification of a registry", LARGEST_NOTIFICATION, "413"),
    Limit::bytes(
        "all bodies that are being received",
        INGEST.bodies_in_flight,
        "503 with Retry-After; of large bodies for the youngest",
    )
    .set_by("--max-bodies"),
    Limit::bytes(
        "the part of a body that counts in the half for small ones",
        SMALL_BODY,
        "the rest counts in the other half",
    ),
    Limit::bytes(
        "bodies above that size that are worked on, with their copies",
        WORK * INGEST.largest_body,
        "the request waits for 4 s, then 503 with Retry-After",
    )
    .set_by("--max-body"),
    Limit::time("time for a body", INGEST.body, "408").set_by("--body-timeout"),
    Limit::time("time to store a delivery", INGEST.store, "503 with Retry-After"),
    Limit::count("paths in the answer to a request for a path that is not served", MAX_LISTED, "left out"),
    Limit::count("requests that wait because of wrong keys", MAX_WAITING, "429 with Retry-After"),
    Limit::bytes(
        "body of a request to a listener that counts as small while it is read as JSON, in memory",
        SMALL_DECODED,
        "it counts as large",
    ),
    Limit::bytes(
        "small ones at a time",
        ALL_SMALL_DECODED,
        "the request waits for 4 s, then 503 with Retry-After",
    ),
    Limit::bytes(
        "large ones at a time, or one alone",
        ALL_LARGE_DECODED,
        "the request waits for 4 s, then 503 with Retry-After",
    ),
    Limit::bytes(
        "requests to listeners whose sender no key verifies, kept in a day",
        INGEST.open_listener_budget,
        "503 with Retry-After; one that starts nothing is answered and not kept",
    )
    .set_by("--open-listener-budget"),
    Limit::bytes(
        "the same of the listeners of one namespace",
        INGEST.open_listener_budget / SHARES,
        "the same; other namespaces are not affected",
    ),
    Limit::count(
        "connections of a port",
        PORT.connections,
        "one that waits for its client is closed for the new one",
    )
    .set_by("--max-connections"),
    Limit::count(
        "connections of one address, or IPv6 network of 64 bits",
        PORT.connections_per_peer,
        "one of them that waits for its client is closed, else the new one",
    )
    .set_by("--max-connections-per-peer"),
    Limit::time("time for the headers, and between two requests", PORT.headers, "the connection is closed")
        .set_by("--header-timeout"),
    Limit::time(
        "time in which a client takes in nothing of a response",
        PORT.response,
        "the connection is closed",
    )
    .set_by("--response-timeout"),
    Limit::bytes("body of a request to the admin API", MAX_BODY, "413"),
    Limit::count(
        "requests of one user to the admin API at a time",
        REQUESTS_PER_ACCOUNT,
        "they wait, then 503",
    ),
    Limit::count("pages of the history in memory at a time", CONCURRENT_PAGES, "requests wait, then 503"),
    Limit::count(
        "deliveries with their bodies in memory at a time, for the admin API",
        CONCURRENT_RECORDS,
        "requests wait, then 503",
    ),
    Limit::time("wait for one of these turns", TURN_TIMEOUT, "503"),
    Limit::bytes("texts of a page of deliveries", PAGE_BYTES, "the page ends early"),
    Limit::time(
        "looking for deliveries that the caller may see",
        EXAMINE_WITHIN,
        "the page ends early, with a cursor",
    ),
    Limit::bytes("bodies of deliveries that are being sent to clients", DOWNLOADS, "503"),
    Limit::time("sending one of these bodies", DOWNLOAD_TIMEOUT, "the connection is closed"),
    Limit::count("event streams", MAX_SUBSCRIBERS, "503"),
    Limit::count(
        "event streams of one user; ServiceAccounts of a namespace are one",
        SUBSCRIBERS_PER_ACCOUNT,
        "503",
    ),
    Limit::count(
        "event streams kept for users who may see all namespaces",
        RESERVED_SUBSCRIBERS,
        "503 for others",
    ),
    Limit::time("reading the Secrets of a delivery", READ_WITHIN, "503, or the delivery waits for them"),
    Limit::count(
        "requests to the listeners of a namespace that are decided at a time",
        DECODED_OF_NAMESPACE,
        "they wait for their turn, and get 503 after 4 s",
    ),
    Limit::count(
        "namespaces for which a delivery waits for Secrets",
        MOST_WAITING,
        "further ones do not get it",
    ),
];
