use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args as ClapArgs, Subcommand};
use owo_colors::OwoColorize;
use trigger_event::{Commit, RepoId};
use trigger_providers::{Provider, Sample, SampleKind, by_name};

use crate::sender::{fresh_commit, post};

/// Flags of `send`.
#[derive(Debug, ClapArgs)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  shipwright-trigger send push --repo https://github.com/acme/web --ref main --secret-file key
  shipwright-trigger send pull-request --repo https://github.com/acme/web --base main --head feature
  shipwright-trigger send --payload push.json --event push --secret-file key

The exit status is 0 if the hook answered 2xx, else 1."
)]
pub struct Args {
    #[command(subcommand)]
    sample: Option<SampleCommand>,
    /// Post this file as it is (`-` for the standard input) instead of composing an event.
    #[arg(long, value_name = "FILE", requires = "event")]
    payload: Option<PathBuf>,
    /// The provider's name of the event in the file, such as `push`.
    #[arg(long, value_name = "NAME", requires = "payload")]
    event: Option<String>,
    #[command(flatten)]
    to: To,
}

#[derive(Debug, Subcommand)]
enum SampleCommand {
    /// Commits arrive on a branch, or a tag is made.
    Push {
        /// The branch, or a full ref such as `refs/tags/v1`.
        #[arg(long = "ref", default_value = "main", value_name = "REF")]
        reference: String,
        #[command(flatten)]
        about: About,
        #[command(flatten)]
        to: To,
    },
    /// Something happens to a pull request.
    PullRequest {
        /// The number of the pull request.
        #[arg(long, default_value_t = 1)]
        number: u64,
        /// What happens: opened, synchronize, reopened, ready_for_review, closed, …
        #[arg(long, default_value = "opened")]
        action: String,
        /// The branch it is for.
        #[arg(long, default_value = "main", value_name = "BRANCH")]
        base: String,
        /// The branch it comes from.
        #[arg(long, default_value = "feature", value_name = "BRANCH")]
        head: String,
        /// The repository it comes from, if that is another one.
        #[arg(long, value_name = "URL")]
        fork: Option<String>,
        #[command(flatten)]
        about: About,
        #[command(flatten)]
        to: To,
    },
    /// The provider checks that the hook works.
    Ping {
        #[command(flatten)]
        about: About,
        #[command(flatten)]
        to: To,
    },
}

#[derive(Debug, ClapArgs)]
struct About {
    /// The repository the event is about, as a Build spells it or in any other way.
    #[arg(long, value_name = "URL")]
    repo: String,
    /// The full id of the commit. Default: a new one every time.
    #[arg(long, value_name = "ID")]
    commit: Option<String>,
    /// The default branch of the repository.
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    default_branch: String,
    /// Who causes the event.
    #[arg(long, default_value = "somebody", value_name = "LOGIN")]
    sender: String,
}

#[derive(Debug, ClapArgs)]
struct To {
    /// The address of the hook.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_URL",
        default_value = "http://127.0.0.1:8080/hooks/github",
        value_name = "URL"
    )]
    url: String,
    /// The provider to play.
    #[arg(long, default_value = "github", value_name = "NAME")]
    provider: String,
    /// The key to sign with. Other users of this machine may see it; prefer the environment or a file.
    #[arg(
        long,
        env = "SHIPWRIGHT_TRIGGER_SECRET",
        hide_env_values = true,
        value_name = "KEY",
        conflicts_with = "secret_file"
    )]
    secret: Option<String>,
    /// A file that holds the key to sign with, and nothing else.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let (to, composed) = match (args.sample, args.payload, args.event) {
        (Some(sample), _, _) => sample.compose()?,
        (None, Some(file), Some(event)) => (args.to, Composed { event, body: read(&file)? }),
        _ => bail!("say what to send: `push`, `pull-request`, `ping`, or --payload FILE --event NAME"),
    };
    let key = to.key()?;
    let answer = post(&to.url, to.provider()?, &composed.event, composed.body, key.as_deref()).await?;
    let good = answer.status.is_success();
    let status = if good { answer.status.green().to_string() } else { answer.status.red().to_string() };
    anstream::println!("{status}\n{}", answer.body.trim_end());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Composed {
    event: String,
    body: Vec<u8>,
}

impl SampleCommand {
    fn compose(self) -> anyhow::Result<(To, Composed)> {
        let (to, about, kind) = match self {
            Self::Ping { about, to } => (to, about, SampleKind::Ping),
            Self::Push { reference, about, to } => {
                let full_ref = if reference.starts_with("refs/") {
                    reference
                } else {
                    format!("refs/heads/{reference}")
                };
                let commit = about.commit()?;
                (to, about, SampleKind::Push { full_ref, commit })
            }
            Self::PullRequest { number, action, base, head, fork, about, to } => {
                let fork = fork.as_deref().map(repository).transpose()?;
                let commit = about.commit()?;
                (to, about, SampleKind::PullRequest { number, action, base, head, commit, fork })
            }
        };
        let request = to.provider()?.compose(&Sample {
            repository: repository(&about.repo)?,
            default_branch: about.default_branch,
            sender: about.sender,
            kind,
        });
        Ok((to, Composed { event: request.event.to_owned(), body: request.body }))
    }
}

impl About {
    fn commit(&self) -> anyhow::Result<String> {
        let commit = match &self.commit {
            Some(commit) => Commit::parse(commit).with_context(|| format!("`--commit {commit}`"))?,
            None => fresh_commit()?,
        };
        Ok(commit.to_string())
    }
}

impl To {
    fn provider(&self) -> anyhow::Result<&'static dyn Provider> {
        by_name(&self.provider).with_context(|| {
            let known: Vec<_> = trigger_providers::ALL.iter().map(|provider| provider.name()).collect();
            format!("`{}` is no provider; known are: {}", self.provider, known.join(", "))
        })
    }

    fn key(&self) -> anyhow::Result<Option<Vec<u8>>> {
        match (&self.secret, &self.secret_file) {
            (Some(secret), _) => Ok(Some(secret.clone().into_bytes())),
            (None, Some(file)) => {
                let mut key = read(file)?;
                // Editors and `echo` end files with a line break that is no part of the key.
                while key.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                    key.pop();
                }
                Ok(Some(key))
            }
            (None, None) => Ok(None),
        }
    }
}

fn repository(url: &str) -> anyhow::Result<RepoId> {
    RepoId::parse(url).with_context(|| format!("`{url}` names no repository"))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).context("the standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}
