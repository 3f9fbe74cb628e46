//! The routes of the log filter. A change ends by itself: a forgotten `debug` would fill disks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use tokio::task::AbortHandle;
use tracing::{error, info, warn};
use trigger_runtime::Action;

use super::Api;
use super::caller::Caller;
use super::error::ApiError;
use super::extract::{ApiJson, ApiQuery};
use crate::log_filter::LogFilter;
use crate::wire::{LogLevel, LogLevelQuery, LogLevelRequest};

/// How long a change lasts by default.
const DEFAULT_DURATION: Duration = Duration::from_mins(15);
/// A change for longer belongs into the configuration.
const MAX_DURATION: Duration = Duration::from_hours(24);
/// In bytes. Filters name a few dozen modules at most.
const MAX_FILTER: usize = 1024;

const FORBIDDEN: &str = "you may not change the log filter; ask for `update` on loglevels.trigger.shipwright.io \
                         in all namespaces";

/// The log filter, and the change that is in force.
#[derive(Clone)]
pub(super) struct LogLevels {
    filter: Arc<dyn LogFilter>,
    change: Arc<Mutex<Option<Change>>>,
}

/// A temporary change of the filter.
struct Change {
    until: Timestamp,
    /// The task that ends the change.
    timer: AbortHandle,
}

impl LogLevels {
    pub(super) fn new(filter: Arc<dyn LogFilter>) -> Self {
        Self { filter, change: Arc::default() }
    }

    fn now(&self) -> LogLevel {
        let until = self.change().as_ref().map(|change| change.until);
        LogLevel { filter: self.filter.current(), at_start: self.filter.at_start(), until }
    }

    fn set(&self, filter: &str, lasts: Duration) -> Result<(), String> {
        let mut change = self.change();
        self.filter.set(filter)?;
        let until = Timestamp::now().checked_add(lasts).unwrap_or(Timestamp::MAX);
        let this = self.clone();
        let timer = tokio::spawn(async move {
            tokio::time::sleep(lasts).await;
            this.end(until);
        });
        let before = change.replace(Change { until, timer: timer.abort_handle() });
        if let Some(before) = before {
            before.timer.abort();
        }
        Ok(())
    }

    /// Ends the change that lasts until `until`, if it is still in force.
    fn end(&self, until: Timestamp) {
        let mut change = self.change();
        if change.as_ref().is_some_and(|change| change.until == until) {
            *change = None;
            self.restore();
        }
    }

    fn reset(&self) {
        let mut change = self.change();
        if let Some(before) = change.take() {
            before.timer.abort();
        }
        self.restore();
    }

    fn restore(&self) {
        let filter = self.filter.at_start();
        match self.filter.set(&filter) {
            Ok(()) => info!(filter, "restored the log filter of the start"),
            Err(reason) => error!(filter, reason, "cannot restore the log filter of the start"),
        }
    }

    fn change(&self) -> MutexGuard<'_, Option<Change>> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn show(State(api): State<Api>, caller: Caller) -> Result<Json<LogLevel>, ApiError> {
    require_administrator(&caller).await?;
    Ok(Json(api.log_levels.now()))
}

pub(super) async fn change(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(LogLevelQuery { r#for: lasts }): ApiQuery<LogLevelQuery>,
    ApiJson(LogLevelRequest { filter }): ApiJson<LogLevelRequest>,
) -> Result<Json<LogLevel>, ApiError> {
    require_administrator(&caller).await?;
    let lasts = lasts.as_deref().map_or(Ok(DEFAULT_DURATION), duration)?;
    if filter.trim().is_empty() || filter.len() > MAX_FILTER {
        return Err(ApiError::bad_request(
            "`filter` must be a level such as `debug`, or a list such as `info,kube=warn`",
        ));
    }
    api.log_levels.set(&filter, lasts).map_err(|reason| {
        ApiError::bad_request(format!("`filter` cannot be parsed ({reason}); write a level such as `debug`"))
    })?;
    warn!(filter, ?lasts, by = caller.name(), from = caller.from, "changed the log filter");
    Ok(Json(api.log_levels.now()))
}

pub(super) async fn reset(State(api): State<Api>, caller: Caller) -> Result<Json<LogLevel>, ApiError> {
    require_administrator(&caller).await?;
    api.log_levels.reset();
    Ok(Json(api.log_levels.now()))
}

async fn require_administrator(caller: &Caller) -> Result<(), ApiError> {
    if caller.may(Action::Administer, None).await? {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, FORBIDDEN))
}

fn duration(text: &str) -> Result<Duration, ApiError> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed
        .filter(|duration| !duration.is_zero() && *duration <= MAX_DURATION)
        .ok_or_else(|| ApiError::bad_request("`for` must be a duration such as `15m`, at most `24h`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct StoredFilter(Mutex<String>);

    impl LogFilter for StoredFilter {
        fn current(&self) -> String {
            self.0.lock().unwrap().clone()
        }

        fn at_start(&self) -> String {
            "info".to_owned()
        }

        fn set(&self, filter: &str) -> Result<(), String> {
            filter.clone_into(&mut self.0.lock().unwrap());
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_ends_by_itself_and_replaces_the_one_before() {
        let levels = LogLevels::new(Arc::new(StoredFilter::default()));
        levels.set("debug", Duration::from_mins(1)).unwrap();
        levels.set("trace", Duration::from_mins(10)).unwrap();
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(levels.now().filter, "trace", "the first change's timer does not end the second");
        tokio::time::sleep(Duration::from_mins(6)).await;
        assert_eq!((levels.now().filter.as_str(), levels.now().until), ("info", None));
        levels.set("debug", Duration::from_mins(1)).unwrap();
        levels.reset();
        assert_eq!((levels.now().filter.as_str(), levels.now().until), ("info", None));
    }

    #[test]
    fn a_change_lasts_a_day_at_most() {
        for (text, expected) in [("15m", Some(900)), ("24h", Some(86_400)), ("1h 30m", Some(5_400))] {
            assert_eq!(duration(text).ok().map(|found| found.as_secs()), expected, "{text}");
        }
        for bad in ["", "0s", "-5m", "25h", "a while", "15"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
