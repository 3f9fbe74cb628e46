//! Why a BuildRun exists: as annotations for programs, and as one sentence for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use trigger_api::annotations;
use trigger_core::{
    Cause, Digest, Event, GitEvent, GitEventKind, ImageChange, ImageEvent, PipelineRunEvent, PullRequest,
    TraceParent,
};

use crate::plan::Request;

/// An annotation is for people; the event it stands for is in the journal whole.
const LONGEST_VALUE: usize = 1024;
/// So many images are named in a sentence.
const NAMED_AT_MOST: usize = 3;

pub(super) fn annotations(request: &Request<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut set = |key: &str, value: &str| {
        if !value.is_empty() {
            found.insert(key.to_owned(), cut(value));
        }
    };
    set(annotations::WHEN_NAME, &request.cause.name);
    set(annotations::WHEN_TYPE, request.cause.kind);
    for (key, value) in &request.cause.details {
        set(key, value);
    }
    set(annotations::DELIVERY, request.delivery.as_str());
    set(annotations::TRACE_PARENT, &TraceParent::of(request.delivery).to_string());
    if let Some(replay) = request.replay {
        set(annotations::REPLAY_OF, replay.of.as_str());
    }
    match request.event {
        Event::Git(event) => of_git(event, &mut set),
        Event::PipelineRun(event) => {
            set(annotations::PIPELINE_RUN, &event.run.name);
            set(annotations::OWNED_BY_PIPELINE_RUN, &event.run.name);
        }
        Event::Image(event) => of_images(&matched(event, request), &mut set),
        // No rule of a Build waits for a listener.
        Event::Webhook(_) => {}
    }
    found
}

fn of_git(event: &GitEvent, set: &mut impl FnMut(&str, &str)) {
    if let Some(repository) = event.repository.names.first() {
        set(annotations::REPOSITORY, &repository.to_string());
    }
    set(annotations::SENDER, event.sender.as_deref().unwrap_or_default());
    match &event.kind {
        GitEventKind::Push { branch, commit } => {
            set(annotations::REF, &format!("refs/heads/{branch}"));
            set(annotations::COMMIT, commit.as_str());
        }
        GitEventKind::Tag { tag, commit } => {
            set(annotations::REF, &format!("refs/tags/{tag}"));
            set(annotations::COMMIT, commit.as_str());
        }
        GitEventKind::PullRequest(pull_request) => {
            set(annotations::REF, &format!("refs/heads/{}", pull_request.head));
            set(annotations::COMMIT, pull_request.commit.as_str());
            set(annotations::PULL_REQUEST, &pull_request.number.to_string());
        }
        _ => {}
    }
}

/// The changes that the rules which matched wait for: an event may hold others, for other Builds.
fn matched<'a>(event: &'a ImageEvent, request: &Request<'_>) -> Vec<&'a ImageChange> {
    let causes = || std::iter::once(request.cause).chain(request.also.iter().copied());
    event.changes.iter().filter(|change| causes().any(|cause| is_part(cause, change))).collect()
}

fn is_part(cause: &Cause, change: &ImageChange) -> bool {
    cause.parts.iter().any(|part| **part == *change.image.as_str())
}

/// Comma-joined, in one order: the n-th digest is that of the n-th image.
fn of_images(changes: &[&ImageChange], set: &mut impl FnMut(&str, &str)) {
    let joined = |parts: Vec<&str>| parts.join(",");
    set(annotations::IMAGE, &joined(changes.iter().map(|change| change.image.as_str()).collect()));
    set(annotations::DIGEST, &joined(changes.iter().map(|change| change.to.as_str()).collect()));
    if changes.iter().any(|change| change.from.is_some()) {
        let before = changes.iter().map(|change| change.from.as_ref().map_or("", Digest::as_str));
        set(annotations::PREVIOUS_DIGEST, &joined(before.collect()));
    }
}

pub(super) fn sentence(request: &Request<'_>) -> String {
    let what = match request.event {
        Event::Git(event) => git_sentence(event),
        Event::PipelineRun(event) => pipeline_sentence(event),
        Event::Image(event) => image_sentence(&matched(event, request)),
        Event::Webhook(event) => format!("Request to the listener {}", event.listener),
    };
    let mut sentence = format!("{what} matched rule \"{}\"", cut(&request.cause.name));
    for (place, cause) in request.also.iter().enumerate() {
        sentence.push_str(if place == 0 { ", and also \"" } else { ", \"" });
        sentence.push_str(&cut(&cause.name));
        sentence.push('"');
    }
    sentence.push_str(" (delivery ");
    sentence.push_str(request.delivery.as_str());
    if let Some(replay) = request.replay {
        let _ = write!(sentence, ", a replay of {} asked for by {}", replay.of, cut(&replay.by));
    }
    sentence.push(')');
    sentence
}

fn git_sentence(event: &GitEvent) -> String {
    let repository = event.repository.names.first().map(ToString::to_string).unwrap_or_default();
    let by = event.sender.as_ref().map(|sender| format!(" by {}", cut(sender))).unwrap_or_default();
    match &event.kind {
        GitEventKind::Push { branch, commit } => {
            format!("push of {} to branch {branch} of {repository}{by}", commit.short())
        }
        GitEventKind::Tag { tag, commit } => format!("tag {tag} at {} in {repository}{by}", commit.short()),
        GitEventKind::PullRequest(PullRequest { number, action, base, commit, .. }) => format!(
            "pull request {number} of {repository} ({action}{by}, commit {}, for branch {base})",
            commit.short()
        ),
        other => format!("{} of {repository}{by}", other.name()),
    }
}

fn pipeline_sentence(event: &PipelineRunEvent) -> String {
    format!("PipelineRun {} in status {}", event.run.name, event.class.name())
}

/// A condition is read by people: the annotations name every image, this names a few.
fn image_sentence(changes: &[&ImageChange]) -> String {
    let one = |change: &&ImageChange| {
        let before = change.from.as_ref().map(|from| format!("from {} ", from.short())).unwrap_or_default();
        format!("image {} changed {before}to {}", change.image, change.to.short())
    };
    let (named, others) = changes.split_at(changes.len().min(NAMED_AT_MOST));
    let mut sentence = named.iter().map(one).collect::<Vec<_>>().join(", ");
    if !others.is_empty() {
        let _ = write!(sentence, ", and {} more", others.len());
    }
    sentence
}

/// The text without control characters, cut to what an annotation should hold.
fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_VALUE).collect()
}
