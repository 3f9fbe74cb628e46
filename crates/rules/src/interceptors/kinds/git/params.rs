use trigger_core::{KeyRef, KnownHosts, ObjectKey, RepoId, is_dns_subdomain};
use trigger_providers::Provider;

use crate::interceptors::params::{Params, ParamsError, is_secret_entry};
use crate::limits::LONGEST_SECRET_ENTRY;
use crate::text::quoted;
use crate::triggers::git::ForkPolicy;

/// The parameters of the interceptor. An absent list restricts nothing.
#[derive(Clone, Default)]
pub(super) struct GitParams {
    /// The repository, under any of its addresses; absent: any.
    pub(super) repository: Option<RepoId>,
    /// The provider; absent: the one that the headers of a request name.
    pub(super) provider: Option<&'static dyn Provider>,
    /// The Secret and entry with the webhook key; absent: senders are not authenticated.
    pub(super) secret: Option<KeyRef>,
    /// The events; absent: those that change code.
    pub(super) events: Option<Box<[GitEventName]>>,
    /// Branches, or patterns of them.
    pub(super) branches: List,
    /// Tags, or patterns of them.
    pub(super) tags: List,
    /// Paths of files of which one must change, or patterns of them.
    pub(super) paths: List,
    /// Paths of files that do not count, or patterns of them.
    pub(super) paths_ignore: List,
    /// Labels of which a pull request must have one.
    pub(super) labels: List,
    /// Actions on pull requests.
    pub(super) actions: List,
    /// Whether pull requests from forks count.
    pub(super) forks: ForkPolicy,
}

/// A list that restricts something, or nothing if it is absent.
pub(super) type List = Option<Box<[Box<str>]>>;

/// An event that the interceptor can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum GitEventName {
    /// Commits arrived on a branch.
    Push,
    /// A tag was created or moved.
    Tag,
    /// Something happened to a pull request.
    PullRequest,
}

/// The entry of a Secret that holds the webhook key, unless the parameters name another: that of the webhooks extension
/// of the Tekton Dashboard.
const ENTRY: &str = "secretToken";

impl GitParams {
    /// Reads the parameters of a trigger in `namespace`. Names are compared without regard to case, and unknown ones are
    /// ignored, as with all interceptors.
    pub(super) fn read(params: Params<'_>, namespace: &str) -> Result<Self, ParamsError> {
        Ok(Self {
            repository: repository(params, &trigger_providers::known_hosts())?,
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

    /// Whether an event of this name can pass. A list of tags takes pushes of tags beside those of branches, as it does for
    /// a Build.
    pub(super) fn takes(&self, event: GitEventName) -> bool {
        let is_named = |event| match &self.events {
            Some(events) => events.contains(&event),
            None => event != GitEventName::Tag,
        };
        let of_push = event == GitEventName::Tag && self.tags.is_some() && is_named(GitEventName::Push);
        is_named(event) || of_push
    }
}

impl GitEventName {
    /// All of them.
    const ALL: [Self; 3] = [Self::Push, Self::Tag, Self::PullRequest];

    /// The name in the parameters.
    fn name(self) -> &'static str {
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

fn provider(params: Params<'_>) -> Result<Option<&'static dyn Provider>, ParamsError> {
    const NAME: &str = "provider";
    let Some(name) = params.text(NAME)? else { return Ok(None) };
    let known = || {
        let names: Vec<_> =
            trigger_providers::ALL.iter().map(|provider| format!("`{}`", provider.name())).collect();
        format!("one of {} is expected", names.join(", "))
    };
    let provider = trigger_providers::by_name(name);
    provider.map(Some).ok_or_else(|| params.wrong_value(NAME, name, known()))
}

fn secret(params: Params<'_>, namespace: &str) -> Result<Option<KeyRef>, ParamsError> {
    const KEY: &str = "secretKey";
    let Some(fields) = params.object("secretRef", "secretRef.")? else { return Ok(None) };
    let name = fields.text("secretName")?.unwrap_or_default();
    if !is_dns_subdomain(name) {
        let (name, secret) = ("secretRef.secretName".to_owned(), quoted(name));
        return Err(ParamsError::SecretName { name, secret });
    }
    let entry = fields.text(KEY)?.filter(|entry| !entry.is_empty()).unwrap_or(ENTRY);
    if !is_secret_entry(entry) {
        let expected =
            format!("at most {LONGEST_SECRET_ENTRY} letters, digits, `-`, `_` and `.` are expected");
        return Err(fields.wrong_value(KEY, entry, expected));
    }
    Ok(Some(KeyRef::new(ObjectKey::new(namespace, name), entry)))
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
fn entries(params: Params<'_>, name: &str) -> Result<List, ParamsError> {
    let Some(entries) = params.texts(name)? else { return Ok(None) };
    if entries.is_empty() {
        return Err(params.wrong_value(name, "[]", "list at least one entry, or remove the parameter"));
    }
    if entries.iter().any(|entry| entry.trim().is_empty()) {
        return Err(params.wrong_value(name, "", "remove the empty entry"));
    }
    Ok(Some(entries))
}

fn forks(params: Params<'_>) -> Result<ForkPolicy, ParamsError> {
    const NAME: &str = "forks";
    let Some(text) = params.text(NAME)? else { return Ok(ForkPolicy::default()) };
    ForkPolicy::parse(text).ok_or_else(|| params.wrong_value(NAME, text, "`allow` or `deny` is expected"))
}
