use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use trigger_core::{Commit, RepoId};
use trigger_providers::{Provider, Sample, SampleKind};

use crate::options::{default_provider, provider_by_name};
use crate::sender::fresh_commit;

/// The flags by which an event is taken from a file, instead of being composed from a few facts.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// Take this file as it is (`-` for the standard input) instead of composing an event.
    #[arg(long, value_name = "FILE", requires = "event")]
    payload: Option<PathBuf>,
    /// The provider's name of the event in the file, such as `push`.
    #[arg(long, value_name = "NAME", requires = "payload")]
    event: Option<String>,
    /// The provider to play.
    #[arg(long, default_value = default_provider(), value_name = "NAME", global = true)]
    provider: String,
}

/// An event as a provider would send it.
pub(crate) struct Composed {
    pub(crate) provider: &'static dyn Provider,
    pub(crate) event: String,
    pub(crate) body: Vec<u8>,
}

/// An event in a few facts.
#[derive(Debug, Subcommand)]
pub(crate) enum SampleCommand {
    /// Commits arrive on a branch, or a tag is made.
    Push {
        /// The branch, or a full ref such as `refs/tags/v1`.
        #[arg(long = "ref", default_value = "main", value_name = "REF")]
        reference: String,
        #[command(flatten)]
        about: About,
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
    },
    /// The provider checks that the hook works.
    Ping {
        #[command(flatten)]
        about: About,
    },
}

/// What there is to know about any event of a repository.
#[derive(Debug, Args)]
pub(crate) struct About {
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

impl EventArgs {
    /// The event: the sample, or what is in the file.
    pub(crate) fn compose(self, sample: Option<SampleCommand>) -> anyhow::Result<Composed> {
        let provider = provider_by_name(&self.provider)?;
        match (sample, self.payload, self.event) {
            (Some(sample), None, None) => {
                let request = provider.compose(&sample.into_sample()?);
                Ok(Composed { provider, event: request.event.to_owned(), body: request.body })
            }
            (None, Some(file), Some(event)) => Ok(Composed { provider, event, body: read(&file)? }),
            _ => bail!(
                "say which event: either `push`, `pull-request` or `ping`, or --payload FILE --event NAME"
            ),
        }
    }
}

impl SampleCommand {
    fn into_sample(self) -> anyhow::Result<Sample> {
        let (about, kind) = match self {
            Self::Ping { about } => (about, SampleKind::Ping),
            Self::Push { reference, about } => {
                let full = reference.starts_with("refs/");
                let full_ref = if full { reference } else { format!("refs/heads/{reference}") };
                let commit = about.commit()?;
                (about, SampleKind::Push { full_ref, commit })
            }
            Self::PullRequest { number, action, base, head, fork, about } => {
                let fork = fork.as_deref().map(repository).transpose()?;
                let commit = about.commit()?;
                (about, SampleKind::PullRequest { number, action, base, head, commit, fork })
            }
        };
        Ok(Sample {
            repository: repository(&about.repo)?,
            default_branch: about.default_branch,
            sender: about.sender,
            kind,
        })
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

fn repository(url: &str) -> anyhow::Result<RepoId> {
    RepoId::parse(url).with_context(|| format!("`{url}` names no repository"))
}

/// A file, or the standard input for `-`.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).context("the standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}
