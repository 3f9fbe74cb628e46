use std::path::PathBuf;
use std::process::ExitCode;

use owo_colors::OwoColorize;
use trigger_providers::Provider;

use super::event_args::{EventArgs, SampleCommand, read};
use crate::options::HookPath;
use crate::sanitize::escape_lines_for_terminal;
use crate::sender::post;

/// Flags of `send`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  shipwright-trigger send push --repo https://github.com/acme/web --ref main --secret-file key
  shipwright-trigger send pull-request --repo https://github.com/acme/web --base main --head feature
  shipwright-trigger send --payload push.json --event push --secret-file key

The exit status is 0 if the hook responded with 2xx, else 1.")]
pub struct Args {
    #[command(subcommand)]
    sample: Option<SampleCommand>,
    #[command(flatten)]
    event: EventArgs,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, clap::Args)]
struct TargetArgs {
    /// URL of the hook. Default: `http://127.0.0.1:8080/hooks/PROVIDER`.
    #[arg(long, env = "SHIPWRIGHT_TRIGGER_URL", value_name = "URL", global = true)]
    url: Option<String>,
    /// The key to sign with. Other users of this machine can read it; prefer the environment or a file.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_SECRET",
        hide_env_values = true,
        value_name = "KEY",
        conflicts_with = "secret_file",
        global = true
    )]
    secret: Option<String>,
    /// A file that contains only the key to sign with.
    #[arg(long, value_name = "FILE", global = true)]
    secret_file: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let composed = args.event.compose(args.sample)?;
    let key = args.target.key()?;
    let url = args.target.url.unwrap_or_else(|| default_url(composed.provider));
    let response = post(&url, composed.provider, &composed.event, composed.body, key.as_deref()).await?;
    let succeeded = response.status.is_success();
    let status =
        if succeeded { response.status.green().to_string() } else { response.status.red().to_string() };
    anstream::println!("{status}\n{}", escape_lines_for_terminal(response.body.trim_end()));
    Ok(if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The hook of a `serve` or `dev` on this machine that runs with default flags.
fn default_url(provider: &'static dyn Provider) -> String {
    format!("http://127.0.0.1:8080{}", HookPath::default_of(provider).path)
}

impl TargetArgs {
    fn key(&self) -> anyhow::Result<Option<Vec<u8>>> {
        match (&self.secret, &self.secret_file) {
            (Some(secret), _) => Ok(Some(secret.clone().into_bytes())),
            (None, Some(file)) => {
                let mut key = read(file)?;
                // Editors and `echo` end a file with a line break that is not part of the key.
                while key.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                    key.pop();
                }
                Ok(Some(key))
            }
            (None, None) => Ok(None),
        }
    }
}
