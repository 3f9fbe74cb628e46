use trigger_core::Limit;

use crate::access::{CONCURRENT_REVIEWS, REVIEWS_OF_NEW_TOKENS, REVIEWS_PER_ACCOUNT};
use crate::conditions::{MAX_OWED, MAX_OWED_OF_NAMESPACE};
use crate::tasks::MAX_WATCHED_RUNS;
use crate::watch::LIST_PAGE;

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("objects in a page of a list", LIST_PAGE as usize, "the next page is requested"),
    Limit::count(
        "runs that wait for their condition, remembered",
        MAX_OWED,
        "the others are listed again when there is room",
    ),
    Limit::count(
        "the same of one namespace",
        MAX_OWED_OF_NAMESPACE,
        "the others are listed again when there is room",
    ),
    Limit::count(
        "BuildRuns of custom tasks under way, remembered",
        MAX_WATCHED_RUNS,
        "the others are read from the API server",
    ),
    Limit::count("access reviews at a time", CONCURRENT_REVIEWS, "they wait"),
    Limit::count(
        "access reviews of one user at a time; ServiceAccounts of a namespace are one",
        REVIEWS_PER_ACCOUNT,
        "they wait",
    ),
    Limit::count(
        "reviews of tokens that were not accepted before, at a time",
        REVIEWS_OF_NEW_TOKENS,
        "they wait",
    ),
];
