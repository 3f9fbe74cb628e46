//! The bounds of what the resource templates of a trigger create.

use trigger_core::Limit;

/// The most resource templates of a trigger: each is an object on the cluster.
pub const MOST_RESOURCES: usize = 128;
/// The largest object in memory while it is created, in bytes. One of the largest that the API server stores takes 5 MiB,
/// unless it has many small parts.
pub(crate) const LARGEST_IN_MEMORY: usize = 16 << 20;
/// The longest type, namespace or name of an object, in bytes: more than the API server takes for any of them.
pub(crate) const LONGEST_IDENTITY: usize = 512;

const NOTHING: &str = "the trigger creates nothing for the event";

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("resource templates of a trigger", MOST_RESOURCES, NOTHING),
    Limit::bytes("object that a trigger creates, in memory", LARGEST_IN_MEMORY, NOTHING),
    Limit::bytes(
        "`apiVersion`, `kind`, namespace or name of an object that a trigger creates",
        LONGEST_IDENTITY,
        NOTHING,
    ),
];
