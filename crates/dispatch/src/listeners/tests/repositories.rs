//! Of triggers of different repositories, those of the repository that a request is about are evaluated.

use super::*;

/// Triggers of so many repositories other than that of the push: more than are all evaluated.
const MANY: usize = 20;

/// Triggers of one repository each, with the Secret that `secret` names.
fn of_repositories(secret: impl Fn(usize) -> String) -> Vec<Value> {
    let filter = |number: usize| cel(&format!("body.repository.name == 'r-{number}'"));
    (0..MANY)
        .map(|number| trigger(&format!("r-{number}"), &[hook("github", &secret(number)), filter(number)]))
        .collect()
}

#[tokio::test]
async fn only_the_secret_of_the_repositorys_trigger_is_read() {
    let mut triggers = of_repositories(|number| format!("hook-{number}"));
    triggers.push(trigger("web", &[hook("github", "web"), cel("body.repository.name == 'web'")]));
    let (inventory, cluster) = (inventory(&triggers, Vec::new()), Cluster::default());
    let mut kept = accepted(&inventory, push(KEY), &cluster).await;
    assert!(!kept.is_open && kept.decided.is_none());
    assert_eq!(*cluster.reads.lock().unwrap(), ["team-a/web"]);
    let plan = attempt(&inventory, &mut kept, &cluster, &silent()).await;
    assert_eq!(texts(&plan), ["web: fired 2"]);
    let refused = screened(&inventory, push(b"wrong"), &cluster).await;
    let Screened::Unauthenticated { tried } = refused else { panic!("another Secret verifies nothing") };
    assert_eq!(tried.len(), 1);
}

#[tokio::test]
async fn a_push_to_a_repository_without_a_trigger_is_verified_by_the_secrets_of_the_others() {
    let shared = inventory(&of_repositories(|_| "hook".to_owned()), Vec::new());
    let own = inventory(&of_repositories(|number| format!("hook-{number}")), Vec::new());
    for (inventory, most) in [(&shared, 1), (&own, MANY)] {
        let cluster = Cluster::default();
        let kept = accepted(inventory, push(KEY), &cluster).await;
        assert!(!kept.is_open, "it takes nothing of the budget of open listeners");
        let decisions = kept.decided.expect("nothing starts").decisions;
        assert_eq!(decisions.len(), 0);
        assert_eq!(cluster.reads.lock().unwrap().len(), most);

        let refused = screened(inventory, push(b"wrong"), &Cluster::default()).await;
        let Screened::Unauthenticated { tried } = refused else { panic!("no key verifies it") };
        assert_eq!(tried.len(), most, "each Secret is tried once");
        let unsigned = screened(inventory, request(&[("X-GitHub-Event", "push")]), &cluster).await;
        assert!(matches!(unsigned, Screened::Unauthenticated { .. }));
    }
    let away = inventory(&of_repositories(|_| "away".to_owned()), Vec::new());
    let cluster = Cluster { away: true, ..Cluster::default() };
    assert!(matches!(screened(&away, push(KEY), &cluster).await, Screened::Unavailable { .. }));
}

#[tokio::test]
async fn a_push_whose_body_has_no_such_field_concerns_every_trigger() {
    let triggers = (0..MANY).map(|number| {
        let filter = cel(&format!("body.repository.full_name == 'acme/r-{number}'"));
        trigger(&format!("r-{number}"), &[hook("github", "hook"), filter])
    });
    let (inventory, cluster) = (inventory(&triggers.collect::<Vec<_>>(), Vec::new()), Cluster::default());
    let kept = accepted(&inventory, push(KEY), &cluster).await;
    assert!(!kept.is_open);
    let decisions = kept.decided.expect("nothing starts").decisions;
    assert_eq!(decisions.len(), MANY);
    let OutcomeRecord::Skipped { message, .. } = &decisions[3].outcome else { panic!("it fires") };
    assert!(message.contains("no such key: full_name"), "{message}");
    assert_eq!(cluster.reads.lock().unwrap().len(), 1);
    let refused = screened(&inventory, push(b"wrong"), &cluster).await;
    assert!(matches!(refused, Screened::Unauthenticated { .. }));
}

#[tokio::test]
async fn an_open_trigger_beside_those_of_other_repositories_leaves_their_secrets_in_use() {
    let mut triggers = of_repositories(|_| "hook".to_owned());
    triggers.push(trigger("any", &[]));
    let inventory = inventory(&triggers, Vec::new());
    let kept = accepted(&inventory, push(KEY), &Cluster::default()).await;
    assert!(!kept.is_open && kept.decided.is_none());
    let kept = accepted(&inventory, push(b"wrong"), &Cluster::default()).await;
    assert!(kept.is_open && !kept.facts.is_empty(), "a key was asked in vain");
}

#[tokio::test]
async fn the_triggers_of_groups_know_senders_of_other_repositories_too() {
    let spec = |number: usize| {
        let filter = cel(&format!("body.repository.name == 'r-{number}'"));
        json!({"template": {"ref": "run"}, "interceptors": [hook("github", "hook"), filter]})
    };
    let mut objects: Vec<_> = (0..MANY)
        .map(|number| object(Kind::Trigger, "team-a", &format!("r-{number}"), &spec(number)))
        .collect();
    let grouped = |interceptors: &[Value]| {
        let group =
            json!({"name": "g", "interceptors": interceptors, "triggerSelector": {"labelSelector": {}}});
        object(Kind::EventListener, "team-a", "web", &json!({"triggerGroups": [group]}))
    };
    objects.push(grouped(&[]));
    let inventory = inventory(&[], objects);
    let kept = accepted(&inventory, push(KEY), &Cluster::default()).await;
    assert!(!kept.is_open && kept.decided.is_some());
    let refused = screened(&inventory, push(b"wrong"), &Cluster::default()).await;
    assert!(matches!(refused, Screened::Unauthenticated { .. }));

    let (kind, listener) = grouped(&[hook("github", "of-group")]);
    inventory.apply(kind, listener);
    let cluster = Cluster::default();
    assert!(!accepted(&inventory, push(KEY), &cluster).await.is_open);
    assert_eq!(cluster.reads.lock().unwrap()[0], "team-a/of-group");
    let refused = screened(&inventory, push(b"wrong"), &Cluster::default()).await;
    assert!(matches!(refused, Screened::Unauthenticated { .. }));
}

#[tokio::test]
async fn a_preview_says_why_a_trigger_of_another_repository_does_not_run() {
    let inventory = inventory(&of_repositories(|_| "hook".to_owned()), Vec::new());
    let AcceptedRequest { delivery, facts, .. } = accepted(&inventory, push(KEY), &Cluster::default()).await;
    let event = event(&delivery).unwrap();
    let decisions = preview(&delivery, &event, &facts, &inventory.current().unwrap());
    let records = decisions.records();
    assert_eq!(records.len(), MANY);
    let found = &records[7].checks.last().unwrap().found;
    assert_eq!(found, "body.repository.name == 'r-7' is false (body.repository.name is \"web\")");
}
