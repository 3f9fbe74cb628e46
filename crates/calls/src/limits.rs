use trigger_core::Limit;

use crate::cloud_event::{LONGEST_SENDING, MOST_RETRIES};
use crate::forge::{LARGEST_FILE_LIST, LONGEST_QUERY, MOST_PAGES};
use crate::forge_access::{LARGEST_RESPONSE, LONGEST_REQUEST};
use crate::hop::MOST_REDIRECTS;
use crate::interceptor::{LARGEST_HEADERS, LONGEST_TRY};
use crate::tries::LONGEST_PAUSE;
use crate::trusting::MOST_CLIENTS;
use crate::{calls, trusting};

const STOPS: &str = "the event stops at the interceptor";

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("calls of a namespace at a time", calls::MOST_OF_NAMESPACE, "calls wait for their turn"),
    Limit::count("calls at a time", calls::MOST, "calls wait for their turn"),
    Limit::time("one try of a call", LONGEST_TRY, "it is tried again, or the event stops at the interceptor"),
    Limit::time(
        "pause between two tries",
        LONGEST_PAUSE,
        "it is tried again earlier than the server asks for",
    ),
    Limit::count("redirects of a call", MOST_REDIRECTS, STOPS),
    Limit::bytes("headers of an interceptor's answer", LARGEST_HEADERS, STOPS),
    Limit::count(
        "clients for interceptors with a `caBundle`",
        MOST_CLIENTS,
        "the one unused for longest is dropped",
    ),
    Limit::time(
        "life of such a client without a call",
        trusting::CLIENT_IDLE,
        "it is dropped when another one needs room",
    ),
    Limit::time("one try to send a CloudEvent", LONGEST_SENDING, "it is tried again, or lost"),
    Limit::count("further tries to send a CloudEvent", MOST_RETRIES as usize, "it is lost"),
    Limit::time(
        "a request to the API of a Git provider",
        LONGEST_REQUEST,
        "it is tried again, or the event stops",
    ),
    Limit::time("all pages of a list of a Git provider", LONGEST_QUERY, STOPS),
    Limit::count("pages of such a list", MOST_PAGES, STOPS),
    Limit::bytes("page of such a list", LARGEST_RESPONSE, STOPS),
    Limit::bytes("paths of the files that a pull request changes", LARGEST_FILE_LIST, STOPS),
];
