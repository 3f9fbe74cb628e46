use trigger_core::Limit;

use crate::history::PAGE_BYTES;
use crate::{LONGEST_WAIT, REJECTIONS, Settings, Shares};

/// The bounds of this crate.
pub const LIMITS: &[Limit] = &[
    Limit::count("rejected requests in the journal", REJECTIONS, "the oldest is dropped"),
    Limit::bytes(
        "page of the history, as stored",
        PAGE_BYTES,
        "the page ends after the record that exceeds it, with a cursor",
    ),
    Limit::bytes(
        "deliveries of one tenant in a journal that others use too",
        Settings::TENANT_QUOTA,
        "its oldest settled deliveries make room, else it gets 503",
    )
    .set_by("--tenant-quota"),
    Limit::count(
        "tenants whose shares of the journal are listed one by one",
        Shares::MOST,
        "further ones are summed up; ask for one by its namespace",
    ),
    Limit::time("wait of a delivery for its next attempt", LONGEST_WAIT, "a clock was ahead: it is due now"),
];
