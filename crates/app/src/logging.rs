use std::borrow::Cow;
use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context;
use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, registry, reload};
use trigger_server::LogFilter;

use crate::panics;
use crate::sanitize::{LineFormat, LogLines};
use crate::traces::{SpanLayer, TARGET, Traces};

/// Logging to standard error, one line per event.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogOptions {
    /// Log filter: error, warn, info, debug, trace, or a list such as `info,trigger_server=debug`.
    ///
    /// Default: info for `serve`, error for other commands. A level alone applies to the program's own log lines. Of the
    /// libraries it shows warnings, without those of the Kubernetes client: add `,h2=debug,hyper=debug,kube_client=debug` for them.
    #[arg(long, global = true, env = "SHIPWRIGHT_TRIGGER_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Log format. Default: text on a terminal, else JSON.
    #[arg(long, global = true, env = "SHIPWRIGHT_TRIGGER_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    #[arg(skip)]
    quiet: bool,
}

impl LogOptions {
    /// Whether the command prints its results, and logs errors only.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }
}

/// The targets of our own log lines.
const OWN: [&str; 2] = ["trigger", "shipwright_trigger"];
/// The Kubernetes client logs every failed connection, and every 403 of a watch. Shipwright Trigger logs them itself,
/// once and with their effect.
const WITHOUT_CLIENT: &str = "kube_client=off,kube_runtime::watcher=off";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl LogOptions {
    /// The options of commands that print their results: log errors only, unless a filter is set.
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self.log.get_or_insert_with(|| "error".to_owned());
        self
    }
}

/// Starts logging.
pub fn start_logging(options: &LogOptions) -> anyhow::Result<()> {
    start_with(options, None)
}

/// Starts logging, of panics too. Starts the export of traces if the environment names an endpoint and the command
/// is not quiet. Call it inside a tokio runtime.
pub(crate) fn start(options: &LogOptions) -> anyhow::Result<Option<Traces>> {
    let started = if options.quiet { None } else { Traces::start()? };
    let (traces, spans) = started.unzip();
    start_with(options, spans)?;
    panics::install_hook();
    Ok(traces)
}

/// A level alone applies to the log lines of Shipwright Trigger. Of libraries it lets warnings pass: at debug level, two
/// of three lines would be theirs. A level at the head of a list applies to everything that the list does not name.
fn expand(filter: &str) -> Cow<'_, str> {
    match filter.parse::<LevelFilter>() {
        Ok(level) if !filter.is_empty() => {
            let others = level.min(LevelFilter::WARN);
            let own: Vec<_> = OWN.iter().map(|target| format!("{target}={level}")).collect();
            format!("{others},{},{WITHOUT_CLIENT}", own.join(",")).into()
        }
        _ => filter.into(),
    }
}

fn start_with(options: &LogOptions, spans: Option<SpanLayer>) -> anyhow::Result<()> {
    let at_start = &*expand(options.log.as_deref().unwrap_or("info"));
    let filter = EnvFilter::try_new(at_start).with_context(|| {
        format!(
            "invalid filter `--log {at_start}`: use a level such as `info` or a list such as `info,kube=warn`"
        )
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    // Spans of traces repeat what the lines say, and would be part of each of them.
    let filter = filter.and(filter_fn(|metadata| metadata.target() != TARGET));
    let format = if stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
    let format = options.log_format.unwrap_or(format);
    let coloured = stderr().is_terminal();
    let line_format = match format {
        LogFormat::Text => LineFormat::Text { coloured },
        LogFormat::Json => LineFormat::Json,
    };
    let lines = fmt::layer().with_writer(move || LogLines::new(stderr(), line_format));
    let lines = match format {
        LogFormat::Text => lines.with_ansi(coloured).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let spans = spans.map(|spans| spans.with_filter(filter_fn(SpanLayer::wants)));
    // Only the first call in a process takes effect: tests start several programs in one.
    if registry().with(lines.with_filter(filter)).with(spans).try_init().is_ok() {
        let at_start = at_start.to_owned();
        let _ = ACTIVE.set(Arc::new(Filter {
            current: Mutex::new(at_start.clone()),
            at_start,
            handle: Some(handle),
        }));
    }
    Ok(())
}

/// The log filter of this process.
static ACTIVE: OnceLock<Arc<Filter>> = OnceLock::new();

struct Filter {
    at_start: String,
    current: Mutex<String>,
    /// `None` if logging has not started, as in tests.
    handle: Option<reload::Handle<EnvFilter, Registry>>,
}

/// The log filter, which the admin API can change.
pub(crate) fn log_filter() -> Arc<dyn LogFilter> {
    let disabled =
        || Filter { at_start: "off".to_owned(), current: Mutex::new("off".to_owned()), handle: None };
    match ACTIVE.get() {
        Some(filter) => Arc::clone(filter) as Arc<dyn LogFilter>,
        None => Arc::new(disabled()),
    }
}

impl LogFilter for Filter {
    fn current(&self) -> String {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn at_start(&self) -> String {
        self.at_start.clone()
    }

    fn set(&self, filter: &str) -> Result<(), String> {
        let filter = if filter == self.at_start { filter.into() } else { expand(filter) };
        let filter = filter.into_owned();
        let parsed = EnvFilter::try_new(&filter).map_err(|error| error.to_string())?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &self.handle {
            handle.reload(parsed).map_err(|error| error.to_string())?;
        }
        *current = filter;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_alone_leaves_out_the_client_and_a_list_stays_as_it_is() {
        for (filter, expected) in [
            (
                "debug",
                "warn,trigger=debug,shipwright_trigger=debug,kube_client=off,kube_runtime::watcher=off",
            ),
            (
                "error",
                "error,trigger=error,shipwright_trigger=error,kube_client=off,kube_runtime::watcher=off",
            ),
            ("info,kube_client=debug", "info,kube_client=debug"),
            (
                "info,kube_client=off,kube_runtime::watcher=off",
                "info,kube_client=off,kube_runtime::watcher=off",
            ),
            ("", ""),
        ] {
            assert_eq!(expand(filter), expected);
            EnvFilter::try_new(expected).unwrap();
        }
    }
}
