use trigger_core::Limit;

use crate::arrivals::MOST_FURTHER;
use crate::cloud_events::{MOST_OF_NAMESPACE, MOST_SENT, MOST_WAITING, WARN_AGAIN as WARN_OF_LOST};
use crate::dispatcher::SECRET_WAIT;
use crate::facts::{MOST_FACTS, MOST_ROUNDS};
use crate::listeners;
use crate::render_turns::{ALL_LARGE, LARGE_OF_NAMESPACE};
use crate::same_push::{MAX_PUSHES, MAX_TARGETS};
use crate::start_turns::{MOST_LARGE, MOST_LARGE_OF_TENANT};
use crate::under_way::CLAIMED_BODIES;
use crate::webhook_key::{MOST_CHECKED, MOST_WARNED, WARN_AGAIN};
use crate::why::{LONGEST_REASON, MAX_REASONS};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::bytes("bodies of claimed deliveries", CLAIMED_BODIES, "further deliveries wait in the journal"),
    Limit::count(
        "pushes to refs that share an entry, known by what they started",
        MAX_PUSHES,
        "a hook that is later than that builds a push once more",
    ),
    Limit::count("targets of these pushes", MAX_TARGETS, "the oldest pushes are forgotten, as above"),
    Limit::count("questions of a delivery to providers", MOST_FACTS, "further ones are answered as unknown"),
    Limit::count(
        "hooks of a namespace with keys of their own that send one event",
        MOST_FURTHER + 1,
        "ignored",
    ),
    Limit::time("wait of a delivery for a Secret that cannot be read", SECRET_WAIT, "the delivery fails")
        .set_by("--secret-wait"),
    Limit::count(
        "changed Builds whose Secrets are checked at one time",
        MOST_CHECKED,
        "their deliveries tell",
    ),
    Limit::count(
        "Builds on which a rejected delivery warns of a missing key",
        MOST_WARNED,
        "the next one warns on",
    ),
    Limit::time("pause between two warnings of a missing key on a Build", WARN_AGAIN, "it is left out"),
    Limit::bytes(
        "large objects that are rendered and created at a time, in memory",
        ALL_LARGE,
        "objects wait for their turn",
    ),
    Limit::bytes("the same of one namespace", LARGE_OF_NAMESPACE, "objects wait for their turn"),
    Limit::count(
        "deliveries that start more than 100 objects, at a time",
        MOST_LARGE,
        "they wait for their turn, or are tried again",
    ),
    Limit::count(
        "the same of one tenant",
        MOST_LARGE_OF_TENANT,
        "they wait for their turn, or are tried again",
    ),
    Limit::count("rounds of questions of a delivery", MOST_ROUNDS, "the rules that ask on are not decided"),
    Limit::count(
        "questions of the interceptors of a listener about one event",
        listeners::MOST_ANSWERS,
        "further ones are answered as unknown",
    ),
    Limit::count(
        "rounds of questions of a delivery to a listener",
        listeners::MOST_ROUNDS,
        "the triggers that ask on are not decided",
    ),
    Limit::count(
        "deliveries to the listeners of a namespace that are decided at a time",
        listeners::DECIDED_AT_ONCE,
        "they wait for their turn",
    ),
    Limit::count(
        "objects that the triggers of a listener create of one event",
        listeners::MOST_OBJECTS,
        "the others do not run; their decisions say so",
    ),
    Limit::bytes(
        "these objects together in memory, if several triggers run",
        listeners::LARGEST_OBJECTS,
        "the others do not run; their decisions say so",
    ),
    Limit::time(
        "time for which a server that interceptors ask is asked again",
        listeners::ANSWERS_WITHIN,
        "its trigger stops",
    ),
    Limit::count(
        "recorded decisions of a listener about one event",
        listeners::MOST_RECORDED,
        "further ones are counted; those that fire are recorded always, without details",
    ),
    Limit::count(
        "CloudEvents of a namespace that wait, and twice those of refused requests",
        MOST_WAITING,
        "further ones are dropped and counted",
    ),
    Limit::count("CloudEvents of a namespace that are sent at a time", MOST_OF_NAMESPACE, "the others wait"),
    Limit::count("CloudEvents that are sent at a time", MOST_SENT, "the others wait"),
    Limit::time(
        "pause between two log lines about lost CloudEvents of a listener",
        WARN_OF_LOST,
        "it is logged at level debug",
    ),
    Limit::count(
        "reasons in the log line of a delivery that started nothing",
        MAX_REASONS,
        "the others are counted; `deliveries show` has all",
    ),
    Limit::count("characters of one of these reasons", LONGEST_REASON, "the rest is left out"),
];
