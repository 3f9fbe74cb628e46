//! What a BuildRun looks like: by name, or embedded and pinned to the commit.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use trigger_api::annotations;
use trigger_api::shipwright::Build;
use trigger_core::{
    Branch, Cause, ChangedFiles, Commit, DeliveryId, Digest, Event, GitEvent, GitEventKind, ImageChange,
    ImageEvent, ImageRef, ImageSource, ObjectKey, Ordinal, Origin, PipelineRunEvent, PullRequest,
    PullRequestAction, RepoId, Repository, RunClass, Target,
};

use super::{BuildTemplate, PullRequestOutput, RevisionPolicy};
use crate::{Plan, Request, render};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn target(revision: Option<&str>, policy: RevisionPolicy) -> Target {
    target_with(revision, policy, PullRequestOutput::Build)
}

fn target_with(revision: Option<&str>, policy: RevisionPolicy, output: PullRequestOutput) -> Target {
    let git = json!({"url": "https://github.com/acme/web.git", "revision": revision, "depth": 2});
    let spec = json!({
        "source": {"type": "Git", "git": git, "contextDir": "docker"},
        "strategy": {"kind": "ClusterBuildStrategy", "name": "buildah"},
        "output": {"image": "registry.example/acme/web", "pushSecret": "push"},
    });
    let metadata = json!({"namespace": "team-a", "name": "web", "uid": "uid", "generation": 4});
    let build: Build = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
    BuildTemplate::target(&build, ObjectKey::new("team-a", "web"), policy, output)
}

fn git(kind: GitEventKind) -> Event {
    let repository = Repository {
        names: vec![RepoId::parse("https://github.com/acme/web").unwrap()],
        default_branch: Some(Branch::parse("main").unwrap()),
    };
    Event::Git(GitEvent {
        repository,
        sender: Some("ada".to_owned()),
        kind,
        push: None,
        changed_files: ChangedFiles::NOT_LISTED,
    })
}

fn push(branch: &str) -> Event {
    git(GitEventKind::Push {
        branch: Branch::parse(branch).unwrap(),
        commit: Commit::parse(SHA).unwrap().into(),
    })
}

fn pull_request() -> Event {
    git(GitEventKind::PullRequest(PullRequest {
        number: 7,
        action: PullRequestAction::Opened,
        base: Branch::parse("main").unwrap(),
        head: Branch::parse("feature").unwrap(),
        commit: Commit::parse(SHA).unwrap().into(),
        origin: Origin::SameRepository,
        labels: None,
    }))
}

fn plan(target: &Target, event: &Event, also: &[&str]) -> Plan {
    let details = vec![
        (annotations::WHEN_GITHUB_EVENTS, "Push,PullRequest".to_owned()),
        (annotations::WHEN_GITHUB_BRANCHES, "main".to_owned()),
    ];
    let cause =
        |name: &str| Cause { name: name.into(), kind: "GitHub", details: Vec::new(), parts: Vec::new() };
    let also: Vec<_> = also.iter().copied().map(cause).collect();
    plan_of(target, event, &Cause { details, ..cause("push main") }, &also)
}

fn object(plan: &Plan) -> Value {
    plan.manifest.object().unwrap()
}

fn plan_of(target: &Target, event: &Event, cause: &Cause, also: &[Cause]) -> Plan {
    let (delivery, also) = (DeliveryId::derive(&[b"delivery"]), also.iter().collect::<Vec<_>>());
    let ordinal = Ordinal::FIRST;
    let target = &Arc::new(target.clone());
    let request = Request { delivery: &delivery, ordinal, event, target, cause, also: &also, replay: None };
    let mut plans = render(&request).unwrap();
    assert_eq!(plans.len(), 1);
    plans.remove(0)
}

#[test]
fn a_push_to_the_builds_own_branch_runs_it_by_name() {
    let plan = plan(&target(Some("main"), RevisionPolicy::Auto), &push("main"), &["second"]);
    assert_eq!(plan.resource.name().as_ref(), object(&plan)["metadata"]["name"]);
    assert_eq!(
        plan.condition.as_ref().unwrap().message,
        "push of 0123456789 to branch main of github.com/acme/web by ada matched rule \"push main\", and also \
         \"second\" (delivery wghxhl5cwdzrxvfchwqabbykhe)"
            .replace("wghxhl5cwdzrxvfchwqabbykhe", DeliveryId::derive(&[b"delivery"]).as_str())
    );
    insta::assert_yaml_snapshot!(object(&plan));
}

#[test]
fn a_pull_request_runs_the_spec_at_its_head() {
    let plan = plan(&target(None, RevisionPolicy::Auto), &pull_request(), &[]);
    insta::assert_yaml_snapshot!(object(&plan));
}

#[test]
fn a_pinned_run_carries_what_keeps_the_retention_of_its_build() {
    for (retention, is_owned, is_limited) in [
        (json!({}), false, false),
        (json!({"atBuildDeletion": true}), true, false),
        (json!({"atBuildDeletion": false, "succeededLimit": 3}), false, true),
        (json!({"failedLimit": 3, "ttlAfterFailed": "1h"}), false, true),
    ] {
        let git = json!({"url": "https://github.com/acme/web.git"});
        let spec = json!({"source": {"type": "Git", "git": git}, "retention": retention});
        let metadata = json!({"namespace": "team-a", "name": "web", "uid": "uid"});
        let build: Build = serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap();
        let key = ObjectKey::new("team-a", "web");
        let target = BuildTemplate::target(&build, key, RevisionPolicy::Auto, PullRequestOutput::Build);
        let pinned = object(&plan(&target, &push("dev"), &[]));
        let owner =
            json!([{"apiVersion": "shipwright.io/v1beta1", "kind": "Build", "name": "web", "uid": "uid"}]);
        assert_eq!(pinned["metadata"]["ownerReferences"], if is_owned { owner } else { Value::Null });
        assert_eq!(pinned["metadata"]["labels"][annotations::LABEL_LIMITED] == "true", is_limited);
        assert_eq!(
            pinned["spec"]["build"]["spec"]["retention"]["ttlAfterFailed"], retention["ttlAfterFailed"],
            "the Build controller reads it there"
        );
        let by_name = object(&plan(&target, &push("main"), &[]));
        assert!(by_name["metadata"]["ownerReferences"].is_null(), "that is the Build controller's");
        assert!(by_name["metadata"]["labels"][annotations::LABEL_LIMITED].is_null());
    }
}

#[test]
fn a_pull_request_pushes_where_the_build_says() {
    let image = PullRequestOutput::Image("registry.example/acme/web:pr-$(number)-$(commit)".into());
    let expected = json!({"image": format!("registry.example/acme/web:pr-7-{SHA}"), "pushSecret": "push"});
    let skip_chain = annotations::SKIP_CHAIN;
    for (policy, place) in
        [(RevisionPolicy::Auto, "/spec/build/spec/output"), (RevisionPolicy::Build, "/spec/output")]
    {
        let rendered = |output: &PullRequestOutput, event: &Event| {
            object(&plan(&target_with(Some("main"), policy, output.clone()), event, &[]))
        };
        let pinned = rendered(&image, &pull_request());
        assert_eq!(pinned.pointer(place), Some(&expected));
        let pushed = rendered(&image, &push("main"));
        assert!(!pushed.to_string().contains("pr-"), "{pushed}");

        let skipping = rendered(&PullRequestOutput::SkipChain, &pull_request());
        assert_eq!(skipping["metadata"]["annotations"][skip_chain], "true");
        let pushed = rendered(&PullRequestOutput::SkipChain, &push("main"));
        assert!(pushed["metadata"]["annotations"][skip_chain].is_null(), "{pushed}");
    }
}

#[test]
fn what_would_be_checked_out_anyway_is_built_by_name() {
    for (revision, policy, event, by_name) in [
        (Some("main"), RevisionPolicy::Auto, push("main"), true),
        (Some("refs/heads/main"), RevisionPolicy::Auto, push("main"), true),
        (None, RevisionPolicy::Auto, push("main"), true),
        (None, RevisionPolicy::Auto, push("dev"), false),
        (Some("main"), RevisionPolicy::Auto, push("dev"), false),
        (Some("main"), RevisionPolicy::Event, push("main"), false),
        (Some("main"), RevisionPolicy::Build, push("dev"), true),
        (Some("main"), RevisionPolicy::Auto, pull_request(), false),
        (Some("main"), RevisionPolicy::Build, pull_request(), true),
    ] {
        let build = object(&plan(&target(revision, policy), &event, &[]))["spec"]["build"].clone();
        let expected = if by_name { json!("web") } else { Value::Null };
        assert_eq!(build["name"], expected, "{revision:?} {policy:?} {event:?}");
        let pinned = build.pointer("/spec/source/git/revision");
        assert_eq!(pinned, (!by_name).then(|| json!(SHA)).as_ref(), "{revision:?} {policy:?} {event:?}");
    }
}

#[test]
fn a_pipeline_run_is_named_as_the_cause() {
    let event = Event::PipelineRun(PipelineRunEvent {
        run: ObjectKey::new("team-a", "ci-run-1"),
        uid: "run-uid".to_owned(),
        pipeline: Some("ci".to_owned()),
        labels: std::collections::BTreeMap::new(),
        class: RunClass::Succeeded,
        reason: None,
        since: None,
        builds: Vec::new(),
        carries_out: None,
        recorded: Vec::new(),
        seen: Arc::new(json!({"metadata": {"name": "ci-run-1", "namespace": "team-a"}})),
    });
    let object = object(&plan(&target(None, RevisionPolicy::Auto), &event, &[]));
    for key in [annotations::PIPELINE_RUN, annotations::OWNED_BY_PIPELINE_RUN] {
        assert_eq!(object["metadata"]["annotations"][key], "ci-run-1");
    }
    assert_eq!(object["metadata"].get("ownerReferences"), None, "it outlives the PipelineRun");
    assert_eq!(object["spec"]["build"], json!({"name": "web"}));
}

#[test]
fn all_images_that_its_rules_wait_for_are_named_as_the_cause() {
    let digest = |letter: &str| Digest::parse(&format!("sha256:{}", letter.repeat(64))).unwrap();
    let change = |image: &str, from: Option<&str>, to: &str| ImageChange {
        image: ImageRef::parse(image).unwrap(),
        from: from.map(digest),
        to: digest(to),
        source: ImageSource::Registry,
        since: Timestamp::UNIX_EPOCH,
    };
    let changes =
        vec![change("base", Some("a"), "b"), change("other", None, "c"), change("tools", None, "d")];
    let event = Event::Image(ImageEvent { namespace: "team-a".into(), changes });
    let cause = |name: &str, image: &str| Cause {
        name: name.into(),
        kind: "Image",
        details: Vec::new(),
        parts: vec![ImageRef::parse(image).unwrap().as_str().into()],
    };
    let also = [cause("second", "tools")];
    let plan = plan_of(&target(None, RevisionPolicy::Event), &event, &cause("first", "base"), &also);
    let annotations = &object(&plan)["metadata"]["annotations"];
    let images = "docker.io/library/base:latest,docker.io/library/tools:latest";
    assert_eq!(annotations[annotations::IMAGE], images);
    assert_eq!(annotations[annotations::DIGEST], format!("{},{}", digest("b"), digest("d")));
    assert_eq!(annotations[annotations::PREVIOUS_DIGEST], format!("{},", digest("a")));
    assert_eq!(object(&plan)["spec"]["build"], json!({"name": "web"}));
    let sentence = "image docker.io/library/base:latest changed from sha256:aaaaaaaaaaaa to \
                    sha256:bbbbbbbbbbbb, image docker.io/library/tools:latest changed to sha256:dddddddddddd \
                    matched rule \"first\", and also \"second\"";
    assert!(
        plan.condition.as_ref().unwrap().message.starts_with(sentence),
        "{}",
        plan.condition.as_ref().unwrap().message
    );
}

#[test]
fn plans_share_the_spec_of_their_build_until_they_are_created() {
    let target = Arc::new(target(None, RevisionPolicy::Event));
    let delivery = DeliveryId::derive(&[b"delivery"]);
    let event = push("main");
    let cause = Cause { name: "rule".into(), kind: "GitHub", details: Vec::new(), parts: Vec::new() };
    let render = |ordinal| {
        let (target, ordinal) = (&target, Ordinal::new(ordinal));
        let request = Request {
            delivery: &delivery,
            ordinal,
            event: &event,
            target,
            cause: &cause,
            also: &[],
            replay: None,
        };
        render(&request).unwrap().remove(0)
    };
    let plans: Vec<_> = (0..10).map(render).collect();
    assert_eq!(Arc::strong_count(&target), 1 + plans.len());
    assert_eq!(plans[0].manifest.memory(), 40 * target.template.len());
    assert!(object(&plans[0])["spec"]["build"]["spec"]["source"].is_object());
}
