//! The objects of a trigger: their types, names, labels and order.

use std::error::Error as _;

use serde_json::json;
use trigger_core::{ResourceRef, value_memory};

use super::*;

const UID: &str = "6f1c-owner";

/// A trigger with these resource templates and the parameter `p`, for the event at `ordinal`.
struct Fixture {
    delivery: DeliveryId,
    ordinal: u32,
    replay: Option<Replay>,
    trigger: &'static str,
    occurrence: u32,
    owner_uid: &'static str,
    annotations: Vec<(&'static str, String)>,
    value: String,
    templates: Vec<Value>,
}

fn fixture(templates: Vec<Value>) -> Fixture {
    Fixture {
        delivery: DeliveryId::derive(&[b"delivery"]),
        ordinal: 0,
        replay: None,
        trigger: "on-push",
        occurrence: 0,
        owner_uid: UID,
        annotations: Vec::new(),
        value: "main".to_owned(),
        templates,
    }
}

impl Fixture {
    fn plans(&self) -> Result<Vec<Plan>, RenderError> {
        let resource =
            ResourceRef::new("triggers.tekton.dev", "Trigger", ObjectKey::new("team-a", self.trigger));
        let owner = Subject { resource, version: "v1beta1".into(), uid: self.owner_uid.to_owned() };
        plans(&FiredTrigger {
            delivery: &self.delivery,
            ordinal: Ordinal::new(self.ordinal),
            replay: self.replay.as_ref(),
            listener: &ObjectKey::new("infra", "hooks"),
            owner: &owner,
            trigger: &ObjectKey::new("team-a", self.trigger),
            occurrence: self.occurrence,
            run_as: &ObjectKey::new("team-a", "runner"),
            annotations: &self.annotations,
            params: vec![Resolved::new("p", self.value.as_str())].into(),
            resource_templates: self.templates.clone().into(),
            old_escape: false,
        })
    }

    /// The object of the first plan.
    fn object(&self) -> Value {
        self.plans().unwrap().remove(0).manifest.object().unwrap()
    }

    /// The name of the first plan.
    fn name(&self) -> String {
        self.plans().unwrap().remove(0).resource.name().to_string()
    }

    /// The message of the error, with that of its source.
    fn error(&self) -> String {
        let error = self.plans().unwrap_err();
        format!("{error}: {}", error.source().unwrap())
    }
}

fn run(metadata: &Value) -> Value {
    json!({"apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "metadata": metadata})
}

#[test]
fn each_resource_template_is_a_plan_in_order() {
    let fixture = fixture(vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "state-$(tt.params.p)"}}),
        json!({
            "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
            "metadata": {"generateName": "ci-", "namespace": "team-b"},
            "spec": {"params": [{"name": "ref", "value": "$(tt.params.p)"}], "retries": 2},
        }),
    ]);
    let plans = fixture.plans().unwrap();
    let [state, run] = plans.as_slice() else { panic!("{plans:?}") };
    assert_eq!(state.resource, ResourceRef::new("", "ConfigMap", ObjectKey::new("team-a", "state-main")));
    assert_eq!(&*state.version, "v1");
    assert!(run.resource.is_a("tekton.dev", "PipelineRun") && &**run.resource.namespace() == "team-b");
    assert_eq!(run.run_as, Some(ObjectKey::new("team-a", "runner")));
    assert_eq!((run.subject.uid.as_str(), run.ordinal), (UID, Ordinal::FIRST));
    assert_eq!(state.sequence, run.sequence, "they are created in order");
    let object = run.manifest.object().unwrap();
    assert_eq!(object["spec"], json!({"params": [{"name": "ref", "value": "main"}], "retries": 2}));
    assert_eq!(object["metadata"]["name"], json!(run.resource.name()));
    assert_eq!(object["metadata"]["generateName"], "ci-");
    assert_eq!(object["metadata"]["namespace"], "team-b");
    assert_eq!(state.manifest.object().unwrap()["metadata"].get("namespace"), None, "the path has it");
    assert_eq!(run.manifest.memory(), value_memory(&object) + 2 * object.to_string().len());
}

#[test]
fn objects_have_tektons_labels_and_our_annotations() {
    let own = json!({
        "generateName": "ci-",
        "labels": {"app": "web", "triggers.tekton.dev/trigger": "forged"},
        "annotations": {"note": "x", "trigger.shipwright.io/delivery": "forged"},
    });
    let mut fixture = fixture(vec![run(&own)]);
    fixture.annotations = vec![(annotations::REF, "refs/heads/main".to_owned())];
    let id = event_id(&fixture.delivery, Ordinal::FIRST);
    let trace = TraceParent::of(&fixture.delivery).to_string();
    let object = fixture.object();
    assert_eq!(
        object["metadata"]["labels"],
        json!({
            "app": "web",
            "triggers.tekton.dev/eventlistener": "hooks",
            "triggers.tekton.dev/trigger": "on-push",
            "triggers.tekton.dev/triggers-eventid": id,
        })
    );
    let mut expected = json!({
        "note": "x",
        "trigger.shipwright.io/delivery": fixture.delivery.as_str(),
        "trigger.shipwright.io/traceparent": trace,
        "trigger.shipwright.io/ref": "refs/heads/main",
    });
    assert_eq!(object["metadata"]["annotations"], expected);

    fixture.replay =
        Some(Replay { of: DeliveryId::derive(&[b"earlier"]), by: "ada".to_owned(), from: "::1".to_owned() });
    expected["trigger.shipwright.io/replay-of"] = json!(DeliveryId::derive(&[b"earlier"]).as_str());
    assert_eq!(fixture.object()["metadata"]["annotations"], expected);

    // Absent and null are empty.
    fixture.templates = vec![run(&json!({"name": "a", "labels": null, "annotations": null}))];
    assert_eq!(fixture.object()["metadata"]["labels"]["triggers.tekton.dev/triggers-eventid"], json!(id));
}

#[test]
fn an_inline_trigger_without_a_name_has_an_empty_label() {
    let mut fixture = fixture(vec![run(&json!({"generateName": "ci-"}))]);
    fixture.trigger = "";
    assert_eq!(fixture.object()["metadata"]["labels"]["triggers.tekton.dev/trigger"], "");
}

#[test]
fn a_name_that_is_left_open_follows_from_delivery_event_and_trigger() {
    let new = || fixture(vec![run(&json!({"generateName": "ci-$(tt.params.p)-"}))]);
    let name = new().name();
    assert_eq!(name, EXPECTED_NAME, "stored deliveries would be run once more");
    assert_eq!(name, new().name());
    let others = [
        Fixture { delivery: DeliveryId::derive(&[b"other"]), ..new() },
        Fixture { ordinal: 1, ..new() },
        Fixture { trigger: "other", ..new() },
        Fixture { occurrence: 1, ..new() },
        Fixture { owner_uid: "other", ..new() },
    ];
    let names: HashSet<_> = others.iter().map(Fixture::name).chain([name.clone()]).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    // Objects of one template differ by their place.
    let twice = Fixture { templates: vec![new().templates[0].clone(); 2], ..new() };
    let names: Vec<_> = twice.plans().unwrap().iter().map(|plan| plan.resource.name().to_string()).collect();
    assert!(names[0] == name && names[1] != name && names[1].starts_with("ci-main-"), "{names:?}");
    // What the event says is no part of it, but for the text before it.
    let other = Fixture { value: "dev".to_owned(), ..new() };
    assert_eq!(other.name().strip_prefix("ci-dev-"), name.strip_prefix("ci-main-"));
}

const EXPECTED_NAME: &str = "ci-main-ogqjmavhut";

#[test]
fn the_uid_follows_from_the_same() {
    let new = || fixture(vec![run(&json!({"name": "run-$(uid)"})), run(&json!({"name": "other-$(uid)"}))]);
    let plans = new().plans().unwrap();
    let uid = plans[0].resource.name().strip_prefix("run-").unwrap().to_owned();
    assert_eq!(uid, EXPECTED_UID, "stored deliveries would be run once more");
    assert_eq!(plans[1].resource.name().strip_prefix("other-"), Some(uid.as_str()), "one for the trigger");
    assert_eq!(plans[0].manifest.object().unwrap()["metadata"]["name"], json!(format!("run-{uid}")));
    let others = [
        Fixture { delivery: DeliveryId::derive(&[b"other"]), ..new() },
        Fixture { ordinal: 1, ..new() },
        Fixture { trigger: "other", ..new() },
        Fixture { occurrence: 1, ..new() },
    ];
    assert!(others.iter().all(|other| other.name() != format!("run-{uid}")));
    assert_ne!(uid, event_id(&new().delivery, Ordinal::FIRST));
}

const EXPECTED_UID: &str = "23257e57-3731-89fc-ab72-1e594071c56d";

#[test]
fn an_object_under_a_fixed_name_counts_only_with_the_labels_of_the_event() {
    let open = fixture(vec![run(&json!({"generateName": "ci-"}))]).plans().unwrap().remove(0);
    assert_eq!(open.existing, Existing::Created);
    assert!(open.existing.is_created(&json!({})));

    let fixed = fixture(vec![run(&json!({"name": "ci", "generateName": "x-"}))]);
    let plan = fixed.plans().unwrap().remove(0);
    assert_eq!(&**plan.resource.name(), "ci");
    assert!(plan.existing.is_created(&fixed.object()));
    let later = Fixture { delivery: DeliveryId::derive(&[b"later"]), ..fixture(fixed.templates.clone()) };
    let beside = Fixture { trigger: "beside", ..fixture(fixed.templates.clone()) };
    for other in [later.object(), beside.object(), json!({"metadata": {"name": "ci"}}), json!(null)] {
        assert!(!plan.existing.is_created(&other), "{other}");
    }
}

#[test]
fn a_template_that_gives_no_object_says_why() {
    for (template, expected) in [
        (json!("text"), "it is no object"),
        (json!({"kind": "ConfigMap", "metadata": {"name": "a"}}), API_VERSION),
        (json!({"apiVersion": "a/b/c", "kind": "ConfigMap", "metadata": {"name": "a"}}), API_VERSION),
        (json!({"apiVersion": "/v1", "kind": "ConfigMap", "metadata": {"name": "a"}}), API_VERSION),
        (json!({"apiVersion": "apps/", "kind": "ConfigMap", "metadata": {"name": "a"}}), API_VERSION),
        (json!({"apiVersion": "v1", "metadata": {"name": "a"}}), "kind is missing"),
        (json!({"apiVersion": "v1", "kind": "ConfigMap"}), NO_NAME),
        (run(&json!({})), NO_NAME),
        (run(&json!({"generateName": ""})), NO_NAME),
        (run(&json!([])), "metadata has to be an object"),
        (run(&json!({"name": 5})), "metadata.name has to be text: put the value in quotes"),
        (
            run(&json!({"name": "a", "namespace": 5})),
            "metadata.namespace has to be text: put the value in quotes",
        ),
        (
            run(&json!({"name": "a", "labels": {"app": 5}})),
            r#"metadata.labels["app"] has to be text: put the value in quotes"#,
        ),
        (run(&json!({"name": "a", "labels": "app"})), "metadata.labels has to be an object"),
        (run(&json!({"name": "a", "annotations": ["x"]})), "metadata.annotations has to be an object"),
    ] {
        let good = run(&json!({"name": "good"}));
        let fixture = fixture(vec![good, template.clone()]);
        assert_eq!(
            fixture.error(),
            format!("resourcetemplates[1] of trigger team-a/on-push: {expected}"),
            "{template}"
        );
    }
}

const API_VERSION: &str = "apiVersion has to be group/version, or a version of the core group";
const NO_NAME: &str = "metadata.name and metadata.generateName are missing: write one of them";

#[test]
fn two_templates_of_one_object_are_an_error() {
    let same =
        [run(&json!({"name": "ci-$(tt.params.p)"})), run(&json!({"name": "ci-main", "namespace": "team-a"}))];
    assert_eq!(
        fixture(same.to_vec()).error(),
        "resourcetemplates[1] of trigger team-a/on-push: the trigger renders PipelineRun team-a/ci-main twice: give \
         the objects different names"
    );
}

#[test]
fn numbers_and_sizes_are_bounded() {
    let template = run(&json!({"generateName": "ci-"}));
    assert_eq!(fixture(vec![template.clone(); MOST_RESOURCES]).plans().unwrap().len(), MOST_RESOURCES);
    let error = fixture(vec![template; MOST_RESOURCES + 1]).error();
    assert!(
        error.ends_with("the trigger has more than 128 resource templates: use several triggers"),
        "{error}"
    );

    let mut large = fixture(vec![json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "$(tt.params.p)$(tt.params.p)"},
    })]);
    large.value = "x".repeat(1 << 20);
    assert!(large.error().contains("larger than 1572864 bytes"), "{}", large.error());

    let parts = vec![json!({"a": 0}); 30_000];
    let many = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": parts});
    let error = fixture(vec![many]).error();
    assert!(error.contains("it takes more than 16 MiB of memory: give it fewer parts"), "{error}");
}

#[test]
fn an_event_cannot_make_the_identity_of_an_object_long() {
    let object = |field: &str| {
        let mut object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}});
        *object.pointer_mut(field).unwrap() = json!("v$(tt.params.p)");
        object
    };
    for (field, path) in [
        ("/apiVersion", "apiVersion"),
        ("/kind", "kind"),
        ("/metadata/namespace", "metadata.namespace"),
        ("/metadata/name", "metadata.name"),
    ] {
        let mut fixture = fixture(vec![object(field)]);
        fixture.value = "x".repeat(511);
        assert!(fixture.plans().is_ok(), "{path}");
        fixture.value = "x".repeat(512);
        let expected = format!("{path} is longer than 512 bytes: shorten the value");
        assert!(fixture.error().ends_with(&expected), "{}", fixture.error());
    }
}

#[test]
fn debug_shows_no_value() {
    let mut fixture = fixture(vec![run(&json!({"generateName": "ci-", "labels": {"a": "$(tt.params.p)"}}))]);
    fixture.value = "hush".to_owned();
    assert_eq!(fixture.object()["metadata"]["labels"]["a"], "hush");
    let shown = format!("{:?}", fixture.plans().unwrap());
    assert!(!shown.contains("hush") && shown.contains("ResourceManifest(team-a/on-push[0]"), "{shown}");
}
