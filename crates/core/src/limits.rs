use crate::credential::MOST_CREDENTIALS;
use crate::dns_name::LONGEST_SUBDOMAIN;
use crate::git::LONGEST_NAME;
use crate::limit::Limit;
use crate::{Events, FileList, Labels, RepoId, Verification};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("events of a delivery", Events::MOST, "the request is malformed: 400"),
    Limit::count("signatures or tokens of a request", MOST_CREDENTIALS, "the request is rejected: 401"),
    Limit::count(
        "keys that verified a delivery, over all its arrivals",
        Verification::MOST_KEYS,
        "keys of earlier arrivals are dropped",
    ),
    Limit::count(
        "namespaces that a delivery records as unseen",
        Verification::MOST_UNSEEN,
        "an arrival after it starts nothing in the others",
    ),
    Limit::bytes("name of a branch, tag or commit", LONGEST_NAME, "the name is invalid"),
    Limit::count(
        "changed files of an event",
        FileList::MOST,
        "they count as unknown: `paths` let the event pass",
    ),
    Limit::bytes("path of a changed file", FileList::LONGEST, "the files of the event count as unknown"),
    Limit::bytes("paths of the changed files of an event", FileList::LARGEST, "the files count as unknown"),
    Limit::count(
        "labels of a pull request",
        Labels::MOST,
        "they count as unknown: `labels` let the event pass",
    ),
    Limit::bytes("label of a pull request", Labels::LONGEST, "its labels count as unknown"),
    Limit::bytes("address of a repository", RepoId::LONGEST, "the address is invalid"),
    Limit::bytes("name of an object that a field refers to", LONGEST_SUBDOMAIN, "the name is invalid"),
];
