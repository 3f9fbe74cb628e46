use serde_json::{Map, Value};
use trigger_core::{KnownHosts, ObjectKey, RepoId, is_dns_label, is_dns_subdomain};

use crate::interceptors::params::{Params, ParamsError, is_secret_entry};
use crate::limits::LONGEST_SECRET_ENTRY;
use crate::text::quoted;

/// The parameters of the interceptor `git`. An absent list restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitParams {
    /// The repository, under any of its addresses; absent: any.
    pub repository: Option<RepoId>,
    /// The name of the provider; absent: that of the repository's host, or of the route.
    pub provider: Option<Box<str>>,
    /// The Secret with the webhook key; absent: senders are not authenticated.
    pub secret: Option<GitSecret>,
    /// The events; absent: those that change code.
    pub events: Option<Box<[GitEventName]>>,
    /// Branches, or patterns of them.
    pub branches: Option<Box<[Box<str>]>>,
    /// Tags, or patterns of them.
    pub tags: Option<Box<[Box<str>]>>,
    /// Paths of files of which one must change, or patterns of them.
    pub paths: Option<Box<[Box<str>]>>,
    /// Paths of files that do not count, or patterns of them.
    pub paths_ignore: Option<Box<[Box<str>]>>,
    /// Labels of which a pull request must have one.
    pub labels: Option<Box<[Box<str>]>>,
    /// Actions on pull requests.
    pub actions: Option<Box<[Box<str>]>>,
    /// Whether pull requests from forks count.
    pub forks: GitForks,
}

/// The Secret that authenticates senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSecret {
    /// The Secret, in the trigger's namespace.
    pub secret: ObjectKey,
    /// Its entry; absent: those that the provider reads.
    pub entry: Option<Box<str>>,
}

/// An event that the interceptor can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GitEventName {
    /// Commits arrived on a branch.
    Push,
    /// A tag was created or moved.
    Tag,
    /// Something happened to a pull request.
    PullRequest,
}

/// Whether pull requests from forks count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GitForks {
    /// They do not: every author of a pull request would use the trigger's service account. The default.
    #[default]
    Deny,
    /// They do.
    Allow,
}

impl GitParams {
    /// Reads the parameters of a trigger in `namespace`. Names are compared without regard to case, and unknown ones are
    /// ignored, as with all interceptors. `hosts` says how addresses at public services are compared.
    pub fn read(
        params: &Map<String, Value>,
        namespace: &str,
        hosts: &KnownHosts,
    ) -> Result<Self, ParamsError> {
        let params = Params::new(params);
        Ok(Self {
            repository: repository(params, hosts)?,
            provider: provider(params)?,
            secret: secret(params, namespace)?,
            events: events(params)?,
            branches: entries(params, "branches")?,
            tags: entries(params, "tags")?,
            paths: entries(params, "paths")?,
            paths_ignore: entries(params, "pathsIgnore")?,
            labels: entries(params, "labels")?,
            actions: entries(params, "actions")?,
            forks: forks(params)?,
        })
    }
}

impl GitEventName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Push, Self::Tag, Self::PullRequest];

    /// The name in the parameters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "Push",
            Self::Tag => "Tag",
            Self::PullRequest => "PullRequest",
        }
    }
}

fn repository(params: Params<'_>, hosts: &KnownHosts) -> Result<Option<RepoId>, ParamsError> {
    const NAME: &str = "repository";
    let Some(address) = params.text(NAME)? else { return Ok(None) };
    let refuse = |error| params.wrong_value(NAME, address, format!("{error}"));
    RepoId::parse_with(address, hosts).map(Some).map_err(refuse)
}

fn provider(params: Params<'_>) -> Result<Option<Box<str>>, ParamsError> {
    const NAME: &str = "provider";
    let Some(provider) = params.text(NAME)? else { return Ok(None) };
    if !is_dns_label(provider) {
        return Err(params.wrong_value(
            NAME,
            provider,
            "the name of a provider such as `github` is expected",
        ));
    }
    Ok(Some(provider.into()))
}

fn secret(params: Params<'_>, namespace: &str) -> Result<Option<GitSecret>, ParamsError> {
    const ENTRY: &str = "secretKey";
    let Some(fields) = params.object("secretRef", "secretRef.")? else { return Ok(None) };
    let name = fields.text("secretName")?.unwrap_or_default();
    if !is_dns_subdomain(name) {
        let (name, secret) = ("secretRef.secretName".to_owned(), quoted(name));
        return Err(ParamsError::SecretName { name, secret });
    }
    let entry = fields.text(ENTRY)?.filter(|entry| !entry.is_empty());
    if let Some(entry) = entry.filter(|entry| !is_secret_entry(entry)) {
        let expected =
            format!("at most {LONGEST_SECRET_ENTRY} letters, digits, `-`, `_` and `.` are expected");
        return Err(fields.wrong_value(ENTRY, entry, expected));
    }
    Ok(Some(GitSecret { secret: ObjectKey::new(namespace, name), entry: entry.map(Into::into) }))
}

fn events(params: Params<'_>) -> Result<Option<Box<[GitEventName]>>, ParamsError> {
    const NAME: &str = "events";
    let Some(names) = entries(params, NAME)? else { return Ok(None) };
    let read = |name: &str| {
        let known = GitEventName::ALL.into_iter().find(|event| event.name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| params.wrong_value(NAME, name, "`Push`, `Tag` or `PullRequest` is expected"))
    };
    names.iter().map(|name| read(name)).collect::<Result<_, _>>().map(Some)
}

/// A list that restricts something. An empty one would let nothing pass, which is a mistake.
fn entries(params: Params<'_>, name: &str) -> Result<Option<Box<[Box<str>]>>, ParamsError> {
    let Some(entries) = params.texts(name)? else { return Ok(None) };
    if entries.is_empty() {
        return Err(params.wrong_value(name, "[]", "list at least one entry, or remove the parameter"));
    }
    if entries.iter().any(|entry| entry.trim().is_empty()) {
        return Err(params.wrong_value(name, "", "remove the empty entry"));
    }
    Ok(Some(entries))
}

fn forks(params: Params<'_>) -> Result<GitForks, ParamsError> {
    const NAME: &str = "forks";
    match params.text(NAME)? {
        None | Some("deny") => Ok(GitForks::Deny),
        Some("allow") => Ok(GitForks::Allow),
        Some(other) => Err(params.wrong_value(NAME, other, "`allow` or `deny` is expected")),
    }
}
