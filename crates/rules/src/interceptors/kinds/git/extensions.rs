use serde_json::{Map, Value, json};
use trigger_core::{Branch, GitEvent, GitEventKind, Origin, PullRequest, RepoId, Tag};

/// The key of the event in words of our own.
const GIT: &str = "git";
/// The keys that the webhooks extension of the Tekton Dashboard adds to a payload.
const EXTENSION_BRANCH: &str = "webhooks-tekton-git-branch";
const EXTENSION_IMAGE_TAG: &str = "webhooks-tekton-image-tag";

/// Digits of a commit in the name of an image.
const IMAGE_TAG_DIGITS: usize = 7;

/// The extensions that the interceptor adds to an event: `git`, with the event in the same words for all providers, and
/// the two keys of the webhooks extension.
///
/// Each field of `git` is there for every event: a binding must not fail because of it. A field that an event does not
/// have is an empty string. `repository` is the name `host/path`, and `url` its address over HTTPS.
///
/// The keys of the webhooks extension follow its rules. The branch is the part behind the last slash. The image is called
/// by the tag, or by the first seven digits of the commit.
pub(super) fn extensions(event: &GitEvent) -> Map<String, Value> {
    let fields = Fields::of(event);
    let commit = event.commit().map_or("", |commit| commit.as_str());
    let short = event.commit().map_or("", |commit| commit.short());
    let name = |repository: Option<&RepoId>| repository.map_or("", RepoId::as_str).to_owned();
    let url =
        |repository: Option<&RepoId>| repository.map_or(String::new(), |name| format!("https://{name}"));
    let repository = event.repository.names.first();
    let default_branch = event.repository.default_branch.as_ref();
    let git = json!({
        "event": event.kind.name(),
        "ref": fields.full_ref,
        "branch": fields.branch,
        "tag": fields.tag,
        "commit": commit,
        "shortCommit": short,
        "number": fields.number,
        "action": fields.action,
        "base": fields.base,
        "head": fields.head,
        "fork": fields.fork,
        "sender": event.sender.as_deref().unwrap_or_default(),
        "repository": name(repository),
        "url": url(repository),
        "headRepository": name(fields.head_repository),
        "headUrl": url(fields.head_repository),
        "defaultBranch": default_branch.map_or("", Branch::as_str),
    });
    let last_segment = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let named = [fields.tag, fields.head, fields.branch].into_iter().find(|name| !name.is_empty());
    let image_tag = if fields.tag.is_empty() {
        commit.get(..IMAGE_TAG_DIGITS).unwrap_or(commit).to_owned()
    } else {
        last_segment(fields.tag)
    };
    let mut extensions = Map::new();
    extensions.insert(GIT.to_owned(), git);
    extensions.insert(EXTENSION_BRANCH.to_owned(), last_segment(named.unwrap_or_default()).into());
    extensions.insert(EXTENSION_IMAGE_TAG.to_owned(), image_tag.into());
    extensions
}

/// The fields that depend on the kind of the event.
#[derive(Default)]
struct Fields<'a> {
    full_ref: String,
    branch: &'a str,
    tag: &'a str,
    number: String,
    action: String,
    base: &'a str,
    head: &'a str,
    fork: bool,
    /// The repository that holds the commit.
    head_repository: Option<&'a RepoId>,
}

impl<'a> Fields<'a> {
    fn of(event: &'a GitEvent) -> Self {
        let head_repository = event.repository.names.first();
        match &event.kind {
            GitEventKind::Push { branch, .. } | GitEventKind::BranchDeleted { branch } => {
                Self { head_repository, ..Self::of_branch(branch) }
            }
            GitEventKind::Tag { tag, .. } | GitEventKind::TagDeleted { tag } => {
                Self { head_repository, ..Self::of_tag(tag) }
            }
            GitEventKind::PullRequest(pull_request) => Self::of_pull_request(pull_request, head_repository),
            _ => Self { head_repository, ..Self::default() },
        }
    }

    fn of_branch(branch: &'a Branch) -> Self {
        let branch = branch.as_str();
        Self { full_ref: format!("refs/heads/{branch}"), branch, ..Self::default() }
    }

    fn of_tag(tag: &'a Tag) -> Self {
        let tag = tag.as_str();
        Self { full_ref: format!("refs/tags/{tag}"), tag, ..Self::default() }
    }

    fn of_pull_request(pull_request: &'a PullRequest, base_repository: Option<&'a RepoId>) -> Self {
        let PullRequest { number, action, base, head, origin, .. } = pull_request;
        let head_repository = match origin {
            Origin::SameRepository => base_repository,
            Origin::Fork(fork) => fork.as_ref(),
        };
        Self {
            full_ref: format!("refs/heads/{}", head.as_str()),
            number: number.to_string(),
            action: action.to_string(),
            base: base.as_str(),
            head: head.as_str(),
            fork: *origin != Origin::SameRepository,
            head_repository,
            ..Self::default()
        }
    }
}
