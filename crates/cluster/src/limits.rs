use trigger_core::Limit;

use crate::access::{CONCURRENT_REVIEWS, REVIEWS_OF_NEW_TOKENS, REVIEWS_PER_ACCOUNT};
use crate::conditions::{MAX_OWED, MAX_OWED_OF_NAMESPACE};
use crate::discovery::{ASK_AGAIN, SIDE_BY_SIDE, UNSERVED_PER_SECOND};
use crate::feeds::{SET_ASIDE_AFTER, STALE_AFTER};
use crate::list_turns::LISTS_AT_ONCE;
use crate::listener_status::{MOST_OVERWRITTEN, PER_SECOND};
use crate::retention::{BUILDS_AT_A_TIME, EXPIRE_AT_MOST};
use crate::tasks::{LARGEST_TASK_IN_MEMORY, MAX_WATCHED_RUNS, MOST_KEPT};
use crate::watch::{LARGEST_OBJECT_IN_MEMORY, LIST_PAGE};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::time(
        "time for which the others wait for a namespace that cannot be listed",
        SET_ASIDE_AFTER,
        "they go on without it",
    ),
    Limit::time(
        "time for which the watch on Builds may fail",
        STALE_AFTER,
        "an unknown repository gets 503 instead of 404",
    ),
    Limit::count("objects in a page of a list", LIST_PAGE as usize, "the next page is requested"),
    Limit::count("lists of watches that are received at a time", LISTS_AT_ONCE, "it waits for its turn"),
    Limit::bytes(
        "memory of one object of the API server once it is read",
        LARGEST_OBJECT_IN_MEMORY,
        "the object is unreadable and starts nothing",
    ),
    Limit::bytes(
        "the same of a CustomRun or Run",
        LARGEST_TASK_IN_MEMORY,
        "the task is not carried out, which the log says",
    ),
    Limit::bytes(
        "memory of the custom tasks that are kept",
        MOST_KEPT,
        "further ones are read whenever they are worked on",
    ),
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
    Limit::count(
        "Builds whose pinned runs are counted against their retention in one second",
        BUILDS_AT_A_TIME,
        "counted in the next second",
    ),
    Limit::count(
        "pinned runs of a Build that expire in one second",
        EXPIRE_AT_MOST,
        "they expire in the next second",
    ),
    Limit::count(
        "EventListeners whose status is written in one second, a namespace after the other",
        PER_SECOND as usize,
        "they wait",
    ),
    Limit::count(
        "times in ten minutes that another controller replaces the status of an EventListener",
        MOST_OVERWRITTEN as usize,
        "the status is left to it; an Event says so",
    ),
    Limit::count(
        "kinds of objects that are looked up at a time, one of a namespace",
        SIDE_BY_SIDE,
        "they wait",
    ),
    Limit::time(
        "time until kinds are looked up again in a group version that did not serve one",
        ASK_AGAIN,
        "the objects are created with a later attempt",
    ),
    Limit::count(
        "kinds a second that a namespace names and that are not served",
        UNSERVED_PER_SECOND,
        "its other unknown kinds wait",
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
