use std::time::Duration;

use trigger_core::Limit;

use crate::client::{
    budget, challenge, challenge_cache, error_response, host_turns, pauses, resolve, tokens,
};
use crate::credentials::docker_config;
use crate::notifications::id_token::{keys, source, token};
use crate::notifications::{MOST_HINTS, credential, key_file};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("requests a second to one host", 10, "requests wait for their turn")
        .set_by("--registry-rate"),
    Limit::count(
        "concurrent requests to one host",
        host_turns::MAX_CONCURRENT,
        "requests wait for their turn",
    ),
    Limit::count(
        "hosts whose requests are counted",
        host_turns::MAX_HOSTS,
        "hosts without requests are forgotten",
    ),
    Limit::time("time for a response", Duration::from_secs(15), "the image is polled again later")
        .set_by("--registry-timeout"),
    Limit::count("requests to resolve an image", budget::MAX_REQUESTS, "the image does not resolve"),
    Limit::count("redirects of a request", resolve::MAX_REDIRECTS, "the image does not resolve"),
    Limit::bytes("manifest", resolve::MAX_MANIFEST, "the image does not resolve"),
    Limit::bytes("error response that is read", error_response::MAX_ERROR_BODY, "the rest is not read"),
    Limit::bytes("response of a token service", tokens::MAX_RESPONSE, "the image does not resolve"),
    Limit::bytes("token that is kept", tokens::MAX_CACHED_TOKEN, "the token is used once"),
    Limit::count(
        "tokens that are kept",
        tokens::MAX_TOKENS,
        "the token that was used longest ago is dropped",
    ),
    Limit::bytes(
        "parameter of an authentication challenge",
        challenge::MAX_PARAMETER,
        "the parameter is ignored",
    ),
    Limit::count(
        "registries whose challenge is kept",
        challenge_cache::MAX_HOSTS,
        "the one that was used longest ago is dropped",
    ),
    Limit::count(
        "registries and credentials that are paused after a 429",
        pauses::MAX_PAUSES,
        "the one that was used longest ago is dropped",
    ),
    Limit::bytes("docker configuration in a Secret", docker_config::MAX_FILE, "an error at the image"),
    Limit::count("entries of a docker configuration", docker_config::MAX_ENTRIES, "an error at the image"),
    Limit::bytes("entry of a docker configuration", docker_config::MAX_CREDENTIAL, "an error at the image"),
    Limit::count("images of a notification", MOST_HINTS, "the notification is rejected: 400"),
    Limit::bytes("key of a notification", credential::MAX_KEY, "the notification is rejected: 401"),
    Limit::bytes(
        "file of notification keys",
        key_file::MAX_FILE,
        "the program does not start, or answers 503",
    ),
    Limit::bytes("ID token of a notification", token::MAX_TOKEN, "the notification is rejected: 401"),
    Limit::bytes("published set of keys", source::MAX_KEY_SET, "the set is not used"),
    Limit::count("keys of a published set", keys::MAX_KEYS, "further ones are ignored"),
];
