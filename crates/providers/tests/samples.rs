//! Every provider verifies and reads the events that it composes and signs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use jiff::Timestamp;
use trigger_core::{ChangedFiles, Event, GitEvent, GitEventKind, Labels, Origin, PullRequestAction, RepoId};
use trigger_providers::{ALL, Provider, Sample, SampleError, SampleKind, Selector};

const COMMIT: &str = "5f00cfffe0307177686c0bec53a2f218fc96c9c7";
const ZERO: &str = "0000000000000000000000000000000000000000";

/// A plain key, and one of Standard Webhooks.
const KEYS: [&[u8]; 2] =
    [b"correct horse battery staple", b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="];

fn web() -> RepoId {
    RepoId::parse("git.example.com:8443/acme/apps/web").unwrap()
}

fn sample(kind: SampleKind) -> Sample {
    Sample { repository: web(), default_branch: "main".to_owned(), sender: "ada".to_owned(), kind }
}

fn push(full_ref: &str, commit: &str) -> Sample {
    sample(SampleKind::Push { full_ref: full_ref.to_owned(), commit: commit.to_owned(), files: Vec::new() })
}

fn pull_request(action: &str, fork: Option<&str>) -> Sample {
    sample(SampleKind::PullRequest {
        number: 7,
        action: action.to_owned(),
        base: "main".to_owned(),
        head: "feature".to_owned(),
        commit: COMMIT.to_owned(),
        fork: fork.map(|fork| RepoId::parse(fork).unwrap()),
        labels: Vec::new(),
    })
}

/// The sample, composed and signed with each key, verified and read.
fn received(provider: &dyn Provider, sample: &Sample) -> GitEvent {
    let now = Timestamp::from_second(1_700_000_000).unwrap();
    let request = provider.compose(sample).unwrap_or_else(|error| panic!("{}: {error}", provider.title()));
    for key in KEYS {
        let headers = provider.sign(request.event, "id", &request.body, Some(key), now);
        let credentials = provider.credentials(&headers, now).unwrap();
        for other in KEYS {
            assert_eq!(
                credentials.are_verified_by(other, &request.body),
                key == other,
                "{}",
                provider.title()
            );
        }
    }
    let headers = provider.sign(request.event, "id", &request.body, None, now);
    let payload = provider.payload(&headers, &request.body).unwrap();
    assert_eq!((payload.event, payload.delivery), (request.event, Some("id")));
    let events = provider.events(&payload).unwrap_or_else(|error| panic!("{}: {error}", provider.title()));
    assert_eq!(provider.selector(&payload), Ok(Selector::of(&events)), "{}", provider.title());
    let Some(Event::Git(event)) = events.first() else { panic!("{}: {events:?}", provider.title()) };
    assert_eq!((event.repository.names.first(), event.sender.as_deref()), (Some(&web()), Some("ada")));
    assert_eq!(event.repository.default_branch.as_ref().map(ToString::to_string).as_deref(), Some("main"));
    event.clone()
}

#[test]
fn every_provider_reads_the_pushes_it_composes() {
    for provider in ALL {
        for (full_ref, commit, expected) in [
            ("refs/heads/main", COMMIT, "Push main"),
            ("refs/heads/a/b", COMMIT, "Push a/b"),
            ("refs/tags/v1", COMMIT, "Tag v1"),
            ("refs/heads/main", ZERO, "BranchDeleted main"),
            ("refs/tags/v1", ZERO, "TagDeleted v1"),
        ] {
            let event = received(*provider, &push(full_ref, commit));
            let name = match &event.kind {
                GitEventKind::Push { branch, .. } | GitEventKind::BranchDeleted { branch } => branch.as_str(),
                GitEventKind::Tag { tag, .. } | GitEventKind::TagDeleted { tag } => tag.as_str(),
                other => panic!("{}: {other:?}", provider.title()),
            };
            assert_eq!(format!("{} {name}", event.kind.name()), expected, "{}", provider.title());
            assert!(event.commit().is_none_or(|commit| commit.as_str() == COMMIT), "{}", provider.title());
        }
    }
}

#[test]
fn every_provider_reads_the_pull_requests_it_composes() {
    for provider in ALL {
        for (action, expected) in [
            ("opened", PullRequestAction::Opened),
            ("synchronize", PullRequestAction::Synchronize),
            ("reopened", PullRequestAction::Reopened),
            ("ready_for_review", PullRequestAction::ReadyForReview),
            ("closed", PullRequestAction::Other("closed".to_owned())),
            ("labeled", PullRequestAction::Other("labeled".to_owned())),
            ("unlabeled", PullRequestAction::Other("unlabeled".to_owned())),
            ("merged", PullRequestAction::Other("merged".to_owned())),
        ] {
            for fork in [None, Some("git.example.com:8443/ada/web")] {
                let event = received(*provider, &pull_request(action, fork));
                let GitEventKind::PullRequest(pull_request) = event.kind else { panic!("{:?}", event.kind) };
                assert_eq!(pull_request.action, expected, "{}", provider.title());
                let (base, head) = (pull_request.base.as_str(), pull_request.head.as_str());
                assert_eq!((pull_request.number, base, head), (7, "main", "feature"));
                assert_eq!(pull_request.commit.as_str(), COMMIT);
                let origin = fork
                    .map_or(Origin::SameRepository, |fork| Origin::Fork(Some(RepoId::parse(fork).unwrap())));
                assert_eq!(pull_request.origin, origin, "{}", provider.title());
            }
        }
    }
}

#[test]
fn every_provider_reads_the_files_and_labels_it_composes() {
    for provider in ALL {
        let full_ref = "refs/heads/main".to_owned();
        for files in [vec![], vec!["docs/a b.md".to_owned(), "web/ü.go".to_owned()]] {
            let kind = SampleKind::Push {
                full_ref: full_ref.clone(),
                commit: COMMIT.to_owned(),
                files: files.clone(),
            };
            match received(*provider, &sample(kind)).changed_files {
                ChangedFiles::Known(found) => assert_eq!(found.iter().collect::<Vec<_>>(), files),
                ChangedFiles::Unknown(why) => assert!(files.is_empty(), "{why}"),
            }
        }
        let mut labeled = pull_request("labeled", None);
        let SampleKind::PullRequest { labels, .. } = &mut labeled.kind else { panic!("{labeled:?}") };
        labels.push("ready".to_owned());
        let GitEventKind::PullRequest(found) = received(*provider, &labeled).kind else {
            panic!("{labeled:?}")
        };
        assert_eq!(found.labels, Labels::new(["ready"]), "{}", provider.title());
    }
}

#[test]
fn a_provider_without_a_ping_says_so() {
    for provider in ALL {
        match provider.compose(&sample(SampleKind::Ping)) {
            Ok(_) => assert_eq!(received(*provider, &sample(SampleKind::Ping)).kind, GitEventKind::Ping),
            Err(error) => assert_eq!(error, SampleError::NoPing(provider.title())),
        }
    }
}

#[test]
fn a_delivery_that_is_sent_again_is_the_same() {
    for provider in ALL {
        let request = provider.compose(&push("refs/heads/main", COMMIT)).unwrap();
        let id = |seconds: i64| {
            let now = Timestamp::from_second(seconds).unwrap();
            let headers = provider.sign(request.event, "id", &request.body, Some(KEYS[1]), now);
            let payload = provider.payload(&headers, &request.body).unwrap();
            provider.delivery_identity().key("/hooks", payload.delivery, &request.body).id()
        };
        assert_eq!(id(1_700_000_000), id(1_700_003_600), "{}", provider.title());
    }
}
