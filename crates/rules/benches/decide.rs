//! `decide` for one event against 1,000 and 100,000 Builds, each with a repository of its own.
//!
//! The budget is 50 µs, and at most twice as much for a hundred times the Builds.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use trigger_api::shipwright::Build;
use trigger_core::{
    Branch, ChangedFiles, Commit, Event, Facts, GitEvent, GitEventKind, KeyRef, KnownHosts, ObjectKey,
    RepoId, Repository, Verification,
};
use trigger_rules::{DecisionInput, Inventory, LazyPayload, decide};

fn build(number: usize) -> Build {
    let when = json!([
        {"name": "push main", "type": "GitHub", "github": {"events": ["Push"], "branches": ["main"]}},
        {"name": "pr main", "type": "GitHub", "github": {"events": ["PullRequest"], "branches": ["main"]}},
    ]);
    serde_json::from_value(json!({
        "metadata": {"namespace": format!("team-{}", number % 50), "name": format!("build-{number}"), "uid": "u"},
        "spec": {
            "source": {"type": "Git", "git": {"url": format!("https://github.com/acme/repository-{number}.git")}},
            "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
            "output": {"image": format!("registry.example/acme/repository-{number}:latest"), "pushSecret": "push"},
            "trigger": {"triggerSecret": "hook", "when": when},
        },
    }))
    .unwrap_or_default()
}

fn push(number: usize) -> Option<Event> {
    let name = RepoId::parse(&format!("https://github.com/acme/repository-{number}")).ok()?;
    let branch = Branch::parse("main").ok()?;
    let commit = Commit::parse("0123456789abcdef0123456789abcdef01234567").ok()?;
    let repository = Repository { names: vec![name], default_branch: None };
    Some(Event::Git(GitEvent {
        repository,
        sender: None,
        kind: GitEventKind::Push { branch, commit: commit.into() },
        push: None,
        changed_files: ChangedFiles::NOT_LISTED,
    }))
}

fn against(criterion: &mut Criterion) {
    for builds in [1_000, 100_000] {
        let inventory = Inventory::new(KnownHosts::NONE);
        for number in 0..builds {
            inventory.apply(&build(number));
        }
        inventory.mark_synced();
        let (Some(rules), Some(event)) = (inventory.current(), push(builds / 2)) else { return };
        let secret = ObjectKey::new(format!("team-{}", (builds / 2) % 50), "hook");
        let keys = vec![KeyRef::new(secret, "webhook-secret")];
        let verification = Verification { keys, ..Verification::default() };
        let (facts, payload) = (Facts::default(), LazyPayload::none());
        let input = DecisionInput {
            event: &event,
            verification: &verification,
            facts: &facts,
            payload: &payload,
            rules: &rules,
        };
        criterion.bench_function(&format!("decide/{builds}_builds"), |bencher| {
            bencher.iter(|| decide(black_box(input)));
        });
    }
}

criterion_group!(benches, against);
criterion_main!(benches);
