use std::time::Duration;

use clap::Args;
use trigger_journal::{Retention, Settings};

/// Retention of deliveries in the journal.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Journal")]
pub struct RetentionOptions {
    /// Days to keep the bodies of settled deliveries, which take most of the space. A delivery without its body
    /// cannot be replayed.
    #[arg(
        hide_short_help = true,
        long,
        env = "SHIPWRIGHT_TRIGGER_RETAIN_PAYLOADS",
        default_value_t = RETAIN_PAYLOADS,
        value_name = "DAYS"
    )]
    pub retain_payloads: u16,
    /// Days to keep settled deliveries with their decisions.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_RETAIN_DELIVERIES",
        default_value_t = RETAIN_DELIVERIES,
        value_name = "DAYS"
    )]
    pub retain_deliveries: u16,
    /// Days to recognise a redelivery. After this time, the same request starts its runs again.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_RETAIN_KEYS", default_value_t = RETAIN_KEYS, value_name = "DAYS")]
    pub retain_keys: u16,
    /// Maximum number of settled deliveries to keep. The oldest are deleted first.
    #[arg(
        hide_short_help = true,
        long,
        env = "SHIPWRIGHT_TRIGGER_MAX_DELIVERIES",
        default_value_t = MAX_DELIVERIES,
        value_name = "COUNT"
    )]
    pub max_deliveries: u64,
    /// Maximum total size of the bodies of settled deliveries, compressed, in MiB. The oldest are deleted
    /// first.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_MAX_PAYLOADS", default_value_t = MAX_PAYLOADS, value_name = "MIB")]
    pub max_payloads: u64,
    /// How much of the journal one tenant takes while others use it too, in MiB: bodies, decisions and the rest of its
    /// deliveries. Beyond, its oldest settled deliveries are deleted for its new ones. Where that is not enough, its
    /// new ones get 503.
    #[arg(
        hide_short_help = true,
        long,
        env = "SHIPWRIGHT_TRIGGER_TENANT_QUOTA",
        default_value_t = TENANT_QUOTA,
        value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub tenant_quota: u32,
    /// Space to keep free on the volume of a SQLite journal, in MiB, so that deliveries can be settled and deleted when
    /// the volume is full. On a small volume it is a sixteenth of the volume.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_JOURNAL_RESERVE", default_value_t = JOURNAL_RESERVE, value_name = "MIB")]
    pub journal_reserve: u16,
}

const DAY: Duration = Duration::from_hours(24);
const MIB: u64 = 1024 * 1024;

/// Long enough to replay on Monday what failed on Friday.
const RETAIN_PAYLOADS: u16 = 3;
const RETAIN_DELIVERIES: u16 = 7;
/// Longer than any provider keeps a log from which a person can redeliver (14 days at most).
const RETAIN_KEYS: u16 = 30;
const MAX_DELIVERIES: u64 = 1_000_000;
const MAX_PAYLOADS: u64 = 4096;
/// MiB: a quarter of `MAX_PAYLOADS`.
const TENANT_QUOTA: u32 = 1024;
/// MiB: as much as the write-ahead log takes before it is moved into the main file.
const JOURNAL_RESERVE: u16 = 16;

impl RetentionOptions {
    pub(crate) fn retention(&self) -> Retention {
        Retention {
            payloads: DAY * u32::from(self.retain_payloads),
            deliveries: DAY * u32::from(self.retain_deliveries),
            keys: DAY * u32::from(self.retain_keys),
            max_deliveries: self.max_deliveries,
            max_payload_bytes: self.max_payloads.saturating_mul(MIB),
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            tenant_quota: u64::from(self.tenant_quota) * MIB,
            reserve: u64::from(self.journal_reserve) * MIB,
        }
    }
}

impl Default for RetentionOptions {
    fn default() -> Self {
        Self {
            retain_payloads: RETAIN_PAYLOADS,
            retain_deliveries: RETAIN_DELIVERIES,
            retain_keys: RETAIN_KEYS,
            max_deliveries: MAX_DELIVERIES,
            max_payloads: MAX_PAYLOADS,
            tenant_quota: TENANT_QUOTA,
            journal_reserve: JOURNAL_RESERVE,
        }
    }
}
