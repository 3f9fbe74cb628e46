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
use crate::sanitize::{LogLines, Written};
use crate::traces::{SpanLayer, TARGET, Traces};

/// How the program logs. Logs go to the standard error stream, one line each.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogOptions {
    /// What is logged: error, warn, info, debug, trace, or a list such as `info,trigger_server=debug`.
    /// Default: info for `serve`, error for the other commands, both without what the Kubernetes client says of
    /// itself.
    #[arg(long, global = true, env = "SHIPWRIGHT_TRIGGER_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How log lines are written. Default: text on a terminal, JSON elsewhere.
    #[arg(long, global = true, env = "SHIPWRIGHT_TRIGGER_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    #[arg(skip)]
    quiet: bool,
}

/// The client logs every connection that fails; so do we, once and with what it means.
const WITHOUT_CLIENT: &str = "kube_client=off";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

impl LogOptions {
    /// For commands whose output is a text of its own: log nothing but errors unless asked to.
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self.log.get_or_insert_with(|| format!("error,{WITHOUT_CLIENT}"));
        self
    }
}

/// Begins to log.
pub fn start_logging(options: &LogOptions) -> anyhow::Result<()> {
    start_with(options, None)
}

/// Begins to log, panics too, and to send traces if the environment says where to and the command is not a quiet one.
/// To be called within a tokio runtime.
pub(crate) fn start(options: &LogOptions) -> anyhow::Result<Option<Traces>> {
    let started = if options.quiet { None } else { Traces::start()? };
    let (traces, spans) = started.unzip();
    start_with(options, spans)?;
    panics::log_from_now_on();
    Ok(traces)
}

fn start_with(options: &LogOptions, spans: Option<SpanLayer>) -> anyhow::Result<()> {
    let by_default = format!("info,{WITHOUT_CLIENT}");
    let at_start = options.log.as_deref().unwrap_or(&by_default);
    let filter = EnvFilter::try_new(at_start).with_context(|| {
        format!("`--log {at_start}` cannot be understood: give a level such as `info` or a list such as `info,kube=warn`")
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    // Spans of traces say the same as the lines, and would stand in each of them.
    let filter = filter.and(filter_fn(|metadata| metadata.target() != TARGET));
    let format = if stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
    let format = options.log_format.unwrap_or(format);
    let coloured = stderr().is_terminal();
    let written = match format {
        LogFormat::Text => Written::Text { coloured },
        LogFormat::Json => Written::Json,
    };
    let lines = fmt::layer().with_writer(move || LogLines::new(stderr(), written));
    let lines = match format {
        LogFormat::Text => lines.with_ansi(coloured).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let spans = spans.map(|spans| spans.with_filter(filter_fn(SpanLayer::wants)));
    // Only the first call in a process counts; tests start several programs in one.
    if registry().with(lines.with_filter(filter)).with(spans).try_init().is_ok() {
        let at_start = at_start.to_owned();
        let _ = IN_FORCE.set(Arc::new(Filter {
            current: Mutex::new(at_start.clone()),
            at_start,
            handle: Some(handle),
        }));
    }
    Ok(())
}

/// What is logged by this process.
static IN_FORCE: OnceLock<Arc<Filter>> = OnceLock::new();

struct Filter {
    at_start: String,
    current: Mutex<String>,
    /// Absent where nothing is logged, as in tests.
    handle: Option<reload::Handle<EnvFilter, Registry>>,
}

/// What is logged, to be changed while the program runs.
pub(crate) fn log_filter() -> Arc<dyn LogFilter> {
    let nothing =
        || Filter { at_start: "off".to_owned(), current: Mutex::new("off".to_owned()), handle: None };
    match IN_FORCE.get() {
        Some(filter) => Arc::clone(filter) as Arc<dyn LogFilter>,
        None => Arc::new(nothing()),
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
        // A level alone is meant for what we say ourselves.
        let is_level = filter != self.at_start && filter.parse::<LevelFilter>().is_ok();
        let filter = if is_level { format!("{filter},{WITHOUT_CLIENT}") } else { filter.to_owned() };
        let parsed = EnvFilter::try_new(&filter).map_err(|error| error.to_string())?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &self.handle {
            handle.reload(parsed).map_err(|error| error.to_string())?;
        }
        *current = filter;
        Ok(())
    }
}
