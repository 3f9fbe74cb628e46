use std::io::{IsTerminal, stderr};

use anyhow::Context;
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::plain::{LogLines, Written};

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
        self.log.get_or_insert_with(|| format!("error,{WITHOUT_CLIENT}"));
        self
    }
}

/// Begins to log.
pub fn start_logging(options: &LogOptions) -> anyhow::Result<()> {
    let by_default = format!("info,{WITHOUT_CLIENT}");
    let filter = options.log.as_deref().unwrap_or(&by_default);
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!("`--log {filter}` cannot be understood: give a level such as `info` or a list such as `info,kube=warn`")
    })?;
    let format = if stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
    let format = options.log_format.unwrap_or(format);
    let coloured = stderr().is_terminal();
    let written = match format {
        LogFormat::Text => Written::Text { coloured },
        LogFormat::Json => Written::Json,
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter);
    let lines = lines.with_writer(move || LogLines::new(stderr(), written));
    // Only the first call in a process counts; tests start several programs in one.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(coloured).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).try_init(),
    };
    Ok(())
}
