use std::time::Duration;

use clap::Args;
use trigger_dispatch::Settings;

/// Processing of deliveries by the dispatcher.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Processing")]
pub struct WorkOptions {
    /// Number of deliveries to process concurrently. One tenant uses at most three quarters of it.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_CONCURRENCY", default_value_t = CONCURRENCY, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,
    /// Seconds for which a replica claims a delivery. If the replica dies, another one takes the delivery over
    /// after this time. At most an hour.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_CLAIM_TIMEOUT", default_value_t = CLAIM_TIMEOUT, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub claim_timeout: u64,
    /// Hours to retry a delivery whose runs cannot be created, for example while the API server is down. After
    /// this time the delivery fails.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_GIVE_UP_AFTER", default_value_t = GIVE_UP_AFTER, value_name = "HOURS")]
    pub give_up_after: u32,
    /// Hours to wait for a Secret that cannot be read, when it could verify a delivery that another Secret has
    /// verified already. After this time the delivery fails for the Builds with that Secret.
    #[arg(hide_short_help = true, long, env = "SHIPWRIGHT_TRIGGER_SECRET_WAIT", default_value_t = SECRET_WAIT, value_name = "HOURS")]
    pub secret_wait: u32,
    /// Seconds to wait for the Build controller to begin with a run, before the run gets its condition `Triggered`. It
    /// gets it earlier, one second after the controller's first writes. At most 60.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_CONDITION_DELAY", default_value_t = CONDITION_DELAY, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=60))]
    pub condition_delay: u64,
}

/// A controller begins within a second. Later, it is busy with other runs or away.
const CONDITION_DELAY: u64 = 10;

const CONCURRENCY: u16 = 32;
const CLAIM_TIMEOUT: u64 = 60;
/// An outage of the API server that lasts longer needs a person, who can replay what failed.
const GIVE_UP_AFTER: u32 = 24;

/// A Secret that cannot be read for longer needs a person, who can replay what failed.
const SECRET_WAIT: u32 = 24;

impl WorkOptions {
    /// How long the controller of a run is waited for.
    pub(crate) fn condition_delay(&self) -> Duration {
        Duration::from_secs(self.condition_delay)
    }

    pub(crate) fn settings(&self) -> Settings {
        let claim_timeout = Duration::from_secs(self.claim_timeout);
        let concurrency = usize::from(self.concurrency);
        Settings {
            concurrency,
            // No tenant can occupy more than three quarters of the slots.
            per_tenant: (concurrency * 3).div_ceil(4),
            claim_timeout,
            attempt: claim_timeout.mul_f64(0.75),
            launch: claim_timeout.div_f64(3.0),
            give_up_after: Duration::from_hours(self.give_up_after.into()),
            secret_wait: Duration::from_hours(self.secret_wait.into()),
            ..Settings::default()
        }
    }
}

impl Default for WorkOptions {
    fn default() -> Self {
        Self {
            concurrency: CONCURRENCY,
            claim_timeout: CLAIM_TIMEOUT,
            give_up_after: GIVE_UP_AFTER,
            secret_wait: SECRET_WAIT,
            condition_delay: CONDITION_DELAY,
        }
    }
}
