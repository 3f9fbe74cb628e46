//! The roles under `deploy/` are enough for all that the program does, and it does all that they let it.

use std::collections::BTreeSet;

use serde_json::json;
use shipwright_trigger::ListenerMode;
use trigger_devcluster::{AccessRule, DevCluster, Fault, User};
use trigger_simulation::{SimulationOptions, simulate_builds};

use crate::custom_tasks::{FOREVER, by_name};
use crate::images;
use crate::listeners::scene::{github, three_objects, trigger};
use crate::pipelines::{on, settled, started, tekton};
use crate::roles::{PROGRAM, rules};
use crate::world::{KEY, World, usual_rules};

/// Rights that only a replica over PostgreSQL makes use of, which has scenarios of its own.
const OF_REPLICAS: &str = "coordination.k8s.io";

/// Each right by itself: `patch buildruns/status.shipwright.io`.
fn granted(rules: &[AccessRule]) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for AccessRule { verbs, groups, resources, .. } in rules {
        for verb in verbs {
            for group in groups {
                for resource in resources {
                    assert!(![verb, group, resource].contains(&&"*".to_owned()), "say what is meant by `*`");
                    rights.insert(right(verb, resource, group));
                }
            }
        }
    }
    rights
}

fn right(verb: &str, resource: &str, group: &str) -> String {
    if group.is_empty() { format!("{verb} {resource}") } else { format!("{verb} {resource}.{group}") }
}

/// What the program has done so far, in the same words, and what it was refused.
fn done(dev: &DevCluster) -> (BTreeSet<String>, BTreeSet<String>) {
    let requests = dev.requests().log();
    let mut all = (BTreeSet::new(), BTreeSet::new());
    for request in requests.iter().filter(|request| request.user == PROGRAM) {
        if let Some(as_another) = &request.impersonated {
            // A namespace grants it or does not. The request itself has the rights of the other user.
            if as_another.allowed {
                all.0.insert(right("impersonate", as_another.resource, ""));
            }
            continue;
        }
        let (resource, group) = request.kind.resource.split_once('.').unwrap_or((&request.kind.resource, ""));
        let resource = match request.kind.subresource.as_str() {
            "" => resource.to_owned(),
            subresource => format!("{resource}/{subresource}"),
        };
        let set = if request.status == 403 { &mut all.1 } else { &mut all.0 };
        set.insert(right(&request.kind.verb, &resource, group));
    }
    all
}

async fn world_under(rules: Vec<AccessRule>) -> World {
    let crds = trigger_api::crds::all().unwrap().into_iter().chain(trigger_api::crds::tekton_run().unwrap());
    let of_program = "the-token-of-the-program".to_owned();
    let program = User { token: of_program.clone(), name: PROGRAM.to_owned(), groups: Vec::new(), rules };
    let admin = User {
        token: "the-token-of-admin".to_owned(),
        name: "admin".to_owned(),
        groups: vec!["system:masters".to_owned()],
        rules: Vec::new(),
    };
    let dev = DevCluster::builder().crds(crds).user(program).user(admin).authorize().start().await.unwrap();
    World::on_with_token(dev, &of_program, |options| options.listeners.listeners = ListenerMode::Own).await
}

/// A push, an Image object, a PipelineRun, custom tasks that are carried out and cancelled, and somebody who asks
/// what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_roles_are_enough_and_nothing_of_them_is_too_much() {
    let mut granted = granted(&rules());
    // Namespaces grant it by themselves.
    granted.insert("impersonate serviceaccounts".to_owned());
    let world = world_under(rules()).await;
    let Some(dev) = world.dev_only("its requests are counted") else { return };
    dev.spawn(simulate_builds(dev.store(), "", SimulationOptions::default()));
    world.program.ready().await;

    world.hook_secret("team-a", KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    let id = world.deliver(&world.push_main()).await.delivery.id;
    world.events("team-a", "web", "BuildRunCreated").await;
    let ended = || async {
        let told = world.ask("admin", &format!("/deliveries/{id}")).await;
        (told.body["launches"][0]["state"]["phase"] == "ended").then_some(())
    };
    world.until("the run has ended, as who asks is told", ended).await;

    // The first note meets another's change, so that it looks at the PipelineRun again.
    world.build("team-a", "a", json!([on("ci", &["Succeeded"])])).await;
    let pipelines = tekton(&world, "team-a");
    let uid = pipelines.create_of("ci-1", "ci").await;
    dev.faults().add(Fault::refuse(409).on("patch", "pipelineruns").times(1));
    pipelines.replace_end("ci-1").await;
    settled(&world, &uid, "Succeeded").await;
    assert_eq!(started(&world, "team-a").await, ["a", "web"]);
    let run = pipelines.runs.get("ci-1").await.unwrap();
    assert!(run.metadata.annotations.is_some(), "what was started is noted on it");

    let base = "ghcr.io/some/base-image";
    let rule = json!([images::on("base", &[base])]);
    images::build(&world, "team-a", "app", "registry.example/app", rule).await;
    let objects = images::objects(&world, "team-a");
    objects.create("base", base).await;
    objects.import("base", &["one"]).await;
    images::standing(&world, base, |standing| standing.digest.is_some()).await;
    objects.import("base", &["two"]).await;
    images::built(&world, "team-a", "app", 1).await;

    world.delete_build("team-a", "web").await;
    world.scripted("Failed, Succeeded", "50ms").await;
    world.task("image", json!({"retries": 1})).await;
    world.task_reaches("image", "True", "Succeeded").await;
    world.task_of("Run", "old-image", json!({"ref": by_name("web"), "retries": 1})).await;
    world.task_of_kind_reaches("Run", "old-image", "True", "Succeeded").await;
    world.delete_build("team-a", "web").await;
    world.scripted("Succeeded", FOREVER).await;
    world.task("cancelled", json!({})).await;
    world.task_reaches("cancelled", "Unknown", "Running").await;
    world.cancel_task("cancelled").await;
    world.task_reaches("cancelled", "False", "CustomRunCancelled").await;

    // A push to a listener, which creates nothing at the first attempt. Then its trigger is looked for.
    world.account_of_listeners("team-a").await;
    world.listener("team-a", "web", json!({"triggers": [trigger("main", &[github()])]})).await;
    dev.faults().add(Fault::refuse(500).on("create", "configmaps").times(1));
    let record = world.settled_at_listener(&world.push_to_listener("web", "1").await).await;
    assert!(record.attempts > 1, "{record:?}");
    dev.faults().add(Fault::refuse(500).on("create", "configmaps").times(1));
    world.tekton("team-a", "Trigger", "free", json!({"template": {"spec": three_objects()}})).await;
    world.listener("team-a", "free", json!({"triggers": [{"triggerRef": "free"}]})).await;
    let record = world.settled_at_listener(&world.ask_listener("free", &[], "{}").await).await;
    assert!(record.attempts > 1, "{record:?}");
    let listeners = world.objects("team-a", "triggers.tekton.dev", "v1beta1", "EventListener");
    world
        .until("the status of a listener is written", || async {
            let listener = listeners.get("free").await.unwrap();
            listener.data["status"]["conditions"].as_array().map(|_| ())
        })
        .await;

    // An Event that is written before is counted.
    let when = |name: &str| json!([{"name": name, "type": "GitHub", "github": {"events": ["Push"]}}]);
    world.build("team-a", "odd", when("")).await;
    world.events("team-a", "odd", "TriggerNameCanNotBeBlank").await;
    for name in ["push", ""] {
        world.edit_build("team-a", "odd", json!({"spec": {"trigger": {"when": when(name)}}})).await;
    }
    let counted = || async { (dev.requests().count("patch", "events.events.k8s.io") > 1).then_some(()) };
    world.until("the Event is counted", counted).await;

    let (used, refused) = done(dev);
    assert_eq!(refused, BTreeSet::new(), "the roles do not let it");
    let (_, others): (BTreeSet<_>, BTreeSet<_>) =
        granted.into_iter().partition(|right| right.ends_with(OF_REPLICAS));
    assert_eq!(
        others.difference(&used).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "nobody makes use of this"
    );
    assert_eq!(used.difference(&others).collect::<Vec<_>>(), Vec::<&String>::new(), "nobody granted this");
}

/// Without the roles the test above would find out.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_roles_leave_out_is_refused() {
    let mut rules = rules();
    rules.retain(|rule| !rule.resources.contains(&"secrets".to_owned()));
    let world = world_under(rules).await;
    let Some(dev) = world.dev_only("the roles are other ones") else { return };
    world.program.ready().await;
    world.hook_secret("team-a", KEY).await;
    world.build("team-a", "web", usual_rules()).await;
    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, reqwest::StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    assert_eq!(done(dev).1, BTreeSet::from(["get secrets".to_owned()]));
}
