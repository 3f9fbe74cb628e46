use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use trigger_core::{Commit, RepoId};
use trigger_providers::{Provider, Sample, SampleKind, own_event_name};

use crate::options::{default_provider, provider_by_name};
use crate::sender::fresh_commit;

/// The flags for a payload from a file, in place of a composed event.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// Read the payload from this file, or from standard input for `-`, instead of composing an event.
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    /// The event in the file, such as Push or PullRequest. Other spellings and the provider's names are accepted too.
    #[arg(long, value_name = "NAME", requires = "payload")]
    event: Option<String>,
    /// The provider whose format to use.
    #[arg(long, default_value = default_provider(), value_name = "NAME", global = true)]
    provider: String,
}

/// An event in the format of a provider.
pub(crate) struct Composed {
    pub(crate) provider: &'static dyn Provider,
    pub(crate) event: String,
    pub(crate) body: Vec<u8>,
}

/// An event to compose.
#[derive(Debug, Subcommand)]
pub(crate) enum SampleCommand {
    /// A push of commits to a branch, or of a tag.
    #[command(alias = "Push")]
    Push {
        /// The branch, or a full ref such as `refs/tags/v1`.
        #[arg(long = "ref", default_value = "main", value_name = "REF")]
        reference: String,
        /// A file that the push changes, by its path from the root of the repository. May be repeated. Without any, the
        /// branch is new, and rules cannot know the files.
        #[arg(long = "changed-file", value_name = "PATH")]
        files: Vec<String>,
        #[command(flatten)]
        repository: RepositoryArgs,
    },
    /// A change of a pull request.
    #[command(aliases = ["PullRequest", "pull_request"])]
    PullRequest {
        /// The number of the pull request.
        #[arg(long, default_value_t = 1)]
        number: u64,
        /// The action, by the provider's name: opened, synchronize, reopened, ready_for_review, closed, merged,
        /// labeled, unlabeled, …
        #[arg(long, default_value = "opened")]
        action: String,
        /// The target branch.
        #[arg(long, default_value = "main", value_name = "BRANCH")]
        base: String,
        /// The source branch.
        #[arg(long, default_value = "feature", value_name = "BRANCH")]
        head: String,
        /// The source repository, if the pull request comes from a fork.
        #[arg(long, value_name = "URL")]
        fork: Option<String>,
        /// A label of the pull request. May be repeated.
        #[arg(long = "label", value_name = "NAME")]
        labels: Vec<String>,
        #[command(flatten)]
        repository: RepositoryArgs,
    },
    /// The request by which a provider tests a hook.
    #[command(alias = "Ping")]
    Ping {
        #[command(flatten)]
        repository: RepositoryArgs,
    },
}

/// The repository of an event, and the change in it.
#[derive(Debug, Args)]
pub(crate) struct RepositoryArgs {
    /// URL of the repository. It need not be spelled as in the Build.
    #[arg(long, value_name = "URL")]
    repo: String,
    /// The full commit id. Default: a new one each time.
    #[arg(long, value_name = "ID")]
    commit: Option<String>,
    /// The default branch of the repository.
    #[arg(long, default_value = "main", value_name = "BRANCH")]
    default_branch: String,
    /// Login of the user who causes the event.
    #[arg(long, default_value = "example-user", value_name = "LOGIN")]
    sender: String,
}

impl EventArgs {
    /// The file with the payload.
    pub(crate) fn payload(&self) -> Option<&Path> {
        self.payload.as_deref()
    }

    /// The event: the composed sample, or the payload in the file.
    pub(crate) fn compose(self, sample: Option<SampleCommand>) -> anyhow::Result<Composed> {
        let provider = provider_by_name(&self.provider)?;
        match (sample, self.payload, self.event) {
            (Some(sample), None, None) => {
                let request = provider.compose(&sample.into_sample()?)?;
                Ok(Composed { provider, event: request.event.to_owned(), body: request.body })
            }
            (None, Some(file), Some(event)) => {
                let event = own_event_name(provider, &event).to_owned();
                Ok(Composed { provider, event, body: read(&file)? })
            }
            _ => bail!(
                "specify one event: `push`, `pull-request` or `ping`, or else --payload FILE --event NAME"
            ),
        }
    }
}

impl SampleCommand {
    fn into_sample(self) -> anyhow::Result<Sample> {
        let (args, kind) = match self {
            Self::Ping { repository } => (repository, SampleKind::Ping),
            Self::Push { reference, files, repository } => {
                let is_full = reference.starts_with("refs/");
                let full_ref = if is_full { reference } else { format!("refs/heads/{reference}") };
                let commit = repository.commit()?;
                (repository, SampleKind::Push { full_ref, commit, files })
            }
            Self::PullRequest { number, action, base, head, fork, labels, repository } => {
                let fork = fork.as_deref().map(parse_repository).transpose()?;
                let commit = repository.commit()?;
                (repository, SampleKind::PullRequest { number, action, base, head, commit, fork, labels })
            }
        };
        Ok(Sample {
            repository: parse_repository(&args.repo)?,
            default_branch: args.default_branch,
            sender: args.sender,
            kind,
        })
    }
}

impl RepositoryArgs {
    fn commit(&self) -> anyhow::Result<String> {
        let commit = match &self.commit {
            Some(commit) => Commit::parse(commit).with_context(|| format!("invalid `--commit {commit}`"))?,
            None => fresh_commit()?,
        };
        Ok(commit.to_string())
    }
}

fn parse_repository(url: &str) -> anyhow::Result<RepoId> {
    trigger_providers::parse_repository(url).with_context(|| format!("`{url}` is not a repository URL"))
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut text = Vec::new();
        std::io::stdin().read_to_end(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
