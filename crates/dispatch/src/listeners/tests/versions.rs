//! A task drops its version of a listener before it awaits Secrets, servers or rights: a tenant can make many versions.

use trigger_rules::listeners::ListenerObject;

use super::*;

/// Answers everything, and changes the listener before it does.
struct Changing {
    inventory: Arc<ListenerInventory>,
    /// For each answer, whether a task still held the previous version.
    held: Mutex<Vec<bool>>,
}

impl Changing {
    fn change(&self) {
        let current = || self.inventory.current().unwrap();
        let listener = Arc::downgrade(current().listener("team-a", "web").unwrap());
        let set = Arc::downgrade(&current());
        let another = trigger("another", &[cel("true")]);
        let (kind, object) = object(Kind::Trigger, "open", "another", &another);
        self.inventory.apply(kind, object);
        self.inventory.delete(&ListenerObject::new(Kind::Trigger, Arc::from("open"), "another"));
        self.held.lock().unwrap().push(set.upgrade().is_some() || listener.upgrade().is_some());
    }
}

impl Secrets for Changing {
    fn read<'a>(&'a self, _: &'a ObjectKey) -> BoxFuture<'a, Result<Arc<SecretData>, SecretError>> {
        self.change();
        std::future::ready(Ok(Arc::new(SecretData::new([("key".to_owned(), KEY.to_vec())])))).boxed()
    }
}

impl AnswerSource for Changing {
    fn answer<'a>(&'a self, _: &'a Ask, _: &'a str) -> BoxFuture<'a, Answer> {
        self.change();
        std::future::ready(Answer::Unknown("no route".to_owned())).boxed()
    }
}

impl ListenerRights for Changing {
    fn may_select<'a>(&'a self, _: &'a ObjectKey, _: &'a str) -> BoxFuture<'a, Result<bool, AccessError>> {
        self.change();
        std::future::ready(Ok(true)).boxed()
    }
}

#[tokio::test]
async fn no_version_is_held_while_secrets_servers_and_rights_are_asked() {
    let webhook = json!({"webhook": {"objectRef": {"kind": "Service", "name": "check", "apiVersion": "v1"}}});
    let spec = |interceptors: &[Value]| {
        let mut spec = trigger("", interceptors);
        spec.as_object_mut().unwrap().remove("name");
        spec
    };
    let further = vec![
        object(Kind::Trigger, "open", "asks", &spec(&[hook("github", "hook"), webhook])),
        object(Kind::Trigger, "open", "fires", &spec(&[hook("github", "hook")])),
    ];
    let inventory = Arc::new(inventory(&[trigger("own", &[hook("github", "hook")])], further));
    let changing = Changing { inventory: Arc::clone(&inventory), held: Mutex::default() };
    let memory = Memory { bodies: 1, ..Memory::default() };
    let (request, until) = (push(KEY), Instant::now() + Duration::from_secs(4));
    let id = request.delivery_id(&[7; 16]);
    let screened = screen(&inventory, request, id, &memory, &changing, until).await;
    let Screened::Accepted(mut accepted) = screened else { panic!("the key is right") };
    let events = events_of(&accepted.delivery).unwrap();
    let Some(Event::Webhook(event)) = events.first() else { panic!("no request to a listener") };
    let turns = Turns::default();
    let tools = turns.tools(&inventory, &changing, &changing, &changing);
    let (id, verification) = (accepted.delivery.id.clone(), Verification::default());
    let subject = Subject { event, id: &id, replay: None, verification: &verification };
    let plan = plan(subject, &mut accepted.facts, tools, Asked::Servers, until).await;
    assert_eq!(plan.plans.len(), 4, "{:?}", texts(&plan));
    let held = changing.held.lock().unwrap();
    assert!(held.len() >= 3, "the Secret, the server and the rights: {held:?}");
    assert!(!held.contains(&true), "{held:?}");
}
