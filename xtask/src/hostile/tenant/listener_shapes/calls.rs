//! Interceptors that other servers would answer.

use serde_json::{Value, json};

use crate::hostile::addresses::Addresses;
use crate::hostile::tenant::listeners::{github, listener, object, trigger};
use crate::hostile::tenant::{NAMESPACE, SECRET};
use crate::hostile::victim;

/// Interceptors that never answer.
pub(in crate::hostile::tenant) fn hanging_interceptors(name: &str, addresses: &Addresses) -> Vec<Value> {
    let urls = [
        format!("http://{}/hang", addresses.silent),
        "http://127.0.0.1:1/".to_owned(),
        "http://192.0.2.1/".to_owned(),
        "https://192.0.2.1:9/".to_owned(),
        "http://[fe80::1]/".to_owned(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://no-such.hostile.svc:80/".to_owned(),
        "http://el-web.victim.svc.cluster.local/".to_owned(),
        "https://no-such.invalid/".to_owned(),
        "gopher://no-such.invalid/".to_owned(),
        format!("http://no-such.invalid/{}", "x".repeat(10_000)),
    ];
    let webhook = |service: &str, namespace: &str| {
        json!({"webhook": {
            "objectRef": {"kind": "Service", "apiVersion": "v1", "name": service, "namespace": namespace},
            "header": [{"name": "X-Any\r\nHost", "value": "x"}, {"name": "authorization", "value": ["a", "b"]}],
        }})
    };
    let webhooks =
        [webhook("no-such", NAMESPACE), webhook("el-web", victim::NAMESPACE), webhook("a/../b", "..")];
    calling(name, &urls, webhooks.into())
}

/// Interceptors that redirect to themselves, to others that do, and to servers that must not be reached.
pub(in crate::hostile::tenant) fn redirecting_interceptors(name: &str, addresses: &Addresses) -> Vec<Value> {
    let urls: Vec<_> = (0..10).map(|number| format!("http://{}/{number}", addresses.redirecting)).collect();
    calling(name, &urls, Vec::new())
}

/// Listeners whose triggers call interceptors at these addresses: one each, and as many as there may be.
fn calling(name: &str, urls: &[String], webhooks: Vec<Value>) -> Vec<Value> {
    let reference =
        |number: usize| json!({"ref": {"name": format!("{name}-{number}"), "kind": "NamespacedInterceptor"}});
    let mut calls: Vec<_> = (0..urls.len()).map(reference).collect();
    calls.extend(webhooks);
    let each: Vec<_> = calls.iter().map(|call| trigger("each", &[github(SECRET), call.clone()])).collect();
    let chain: Vec<_> = calls.iter().cycle().take(30).cloned().collect();
    let chains: Vec<_> = (0..50).map(|_| trigger("chain", &chain)).collect();
    let mut patient = listener(&format!("{name}-chains"), &chains);
    patient["metadata"]["annotations"] = json!({
        "trigger.shipwright.io/interceptor-timeout": "60s", "trigger.shipwright.io/interceptor-retries": "5",
    });
    let interceptors = urls.iter().enumerate().map(|(number, url)| {
        object("Interceptor", &format!("{name}-{number}"), json!({"clientConfig": {"url": url}}))
    });
    interceptors.chain([listener(name, &each), patient]).collect()
}
