//! What is logged, and changing that for a while: what is turned up to look at something would otherwise stay
//! so, and fill disks.

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

/// How long a change lasts if it is not said.
const USUAL: Duration = Duration::from_mins(15);
const LONGEST: Duration = Duration::from_hours(24);
/// No filter that anybody writes is longer.
const LONGEST_FILTER: usize = 1024;

const FORBIDDEN: &str = "you may not change what is logged; ask for `update` on loglevels.trigger.shipwright.io \
                         in all namespaces";

/// The filter, and until when it differs from that of the start.
#[derive(Clone)]
pub(super) struct LogLevels {
    filter: Arc<dyn LogFilter>,
    change: Arc<Mutex<Option<Change>>>,
}

/// A change that is in force.
struct Change {
    until: Timestamp,
    /// What ends it.
    end: AbortHandle,
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
        let end = tokio::spawn(async move {
            tokio::time::sleep(lasts).await;
            this.end(until);
        });
        let before = change.replace(Change { until, end: end.abort_handle() });
        if let Some(before) = before {
            before.end.abort();
        }
        Ok(())
    }

    /// Ends the change that lasts until then, if it still is in force.
    fn end(&self, until: Timestamp) {
        let mut change = self.change();
        if change.as_ref().is_some_and(|change| change.until == until) {
            *change = None;
            self.back();
        }
    }

    fn reset(&self) {
        let mut change = self.change();
        if let Some(before) = change.take() {
            before.end.abort();
        }
        self.back();
    }

    fn back(&self) {
        let filter = self.filter.at_start();
        match self.filter.set(&filter) {
            Ok(()) => info!(filter, "logging as at the start"),
            Err(reason) => error!(filter, reason, "what is logged cannot be changed back"),
        }
    }

    fn change(&self) -> MutexGuard<'_, Option<Change>> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn show(State(api): State<Api>, caller: Caller) -> Result<Json<LogLevel>, ApiError> {
    administrator(&caller).await?;
    Ok(Json(api.log_levels.now()))
}

pub(super) async fn change(
    State(api): State<Api>,
    caller: Caller,
    ApiQuery(LogLevelQuery { r#for: lasts }): ApiQuery<LogLevelQuery>,
    ApiJson(LogLevelRequest { filter }): ApiJson<LogLevelRequest>,
) -> Result<Json<LogLevel>, ApiError> {
    administrator(&caller).await?;
    let lasts = lasts.as_deref().map_or(Ok(USUAL), duration)?;
    if filter.trim().is_empty() || filter.len() > LONGEST_FILTER {
        return Err(ApiError::bad_request(
            "`filter` is a level such as `debug`, or a list such as `info,kube=warn`",
        ));
    }
    api.log_levels.set(&filter, lasts).map_err(|reason| {
        ApiError::bad_request(format!(
            "`filter` cannot be understood ({reason}): give a level such as `debug`"
        ))
    })?;
    warn!(filter, ?lasts, by = caller.name(), from = caller.from, "what is logged was changed");
    Ok(Json(api.log_levels.now()))
}

pub(super) async fn reset(State(api): State<Api>, caller: Caller) -> Result<Json<LogLevel>, ApiError> {
    administrator(&caller).await?;
    api.log_levels.reset();
    Ok(Json(api.log_levels.now()))
}

async fn administrator(caller: &Caller) -> Result<(), ApiError> {
    if caller.may(Action::Administer, None).await? {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, FORBIDDEN))
}

fn duration(text: &str) -> Result<Duration, ApiError> {
    let parsed = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed
        .filter(|duration| !duration.is_zero() && *duration <= LONGEST)
        .ok_or_else(|| ApiError::bad_request("`for` is a time such as `15m`, at most `24h`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Remembers(Mutex<String>);

    impl LogFilter for Remembers {
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
    async fn a_change_ends_by_itself_and_the_last_one_counts() {
        let levels = LogLevels::new(Arc::new(Remembers::default()));
        levels.set("debug", Duration::from_mins(1)).unwrap();
        levels.set("trace", Duration::from_mins(10)).unwrap();
        tokio::time::sleep(Duration::from_mins(5)).await;
        assert_eq!(levels.now().filter, "trace", "the end of the first change is not that of the second");
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
