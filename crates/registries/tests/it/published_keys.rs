use trigger_devregistry::{DevRegistry, Fault};
use trigger_egress::{Egress, EgressErrorKind, EgressSettings};
use trigger_registries::notifications::{KeySource as _, KeySourceError, KeysByHttp};

use crate::scene::settings;

/// The largest set of keys, in bytes.
const LARGEST: usize = 64 * 1024;

/// The URL of keys that `server` publishes. Any server would do.
fn url(server: &DevRegistry, json: &[u8]) -> String {
    server.push("keys", "latest", json);
    format!("http://{}/v2/keys/manifests/latest", server.host())
}

#[tokio::test]
async fn published_keys_are_fetched_up_to_a_size() {
    let server = DevRegistry::builder().start().await.unwrap();
    let egress = Egress::new(settings(&[server.host()])).unwrap();
    let keys = KeysByHttp::new(&url(&server, &vec![b' '; LARGEST]), egress).unwrap();
    assert_eq!(keys.fetch().await.unwrap().json.len(), LARGEST);
    server.push("keys", "latest", &vec![b' '; LARGEST + 1]);
    let error = keys.fetch().await.unwrap_err();
    assert!(
        matches!(&error, KeySourceError::Request(error) if error.kind == EgressErrorKind::TooLarge),
        "{error:?}"
    );
    server.faults().set("keys", Fault::Redirect("https://keys.example/".to_owned()));
    let error = keys.fetch().await.unwrap_err();
    assert!(matches!(error, KeySourceError::Status(307)), "{error:?}");
}

#[tokio::test]
async fn published_keys_are_fetched_from_allowed_hosts_only() {
    let server = DevRegistry::builder().start().await.unwrap();
    let url = url(&server, b"{}");
    let allowed = || settings(&[server.host()]);
    for settings in
        [EgressSettings { private: vec![], ..allowed() }, EgressSettings { plain_http: vec![], ..allowed() }]
    {
        let keys = KeysByHttp::new(&url, Egress::new(settings).unwrap()).unwrap();
        let error = keys.fetch().await.unwrap_err();
        assert!(
            matches!(&error, KeySourceError::Request(error) if error.kind == EgressErrorKind::Refused),
            "{error:?}"
        );
    }
    assert!(server.requests().is_empty());
    let egress = Egress::new(allowed()).unwrap();
    assert!(matches!(KeysByHttp::new("no URL", egress), Err(KeySourceError::Url)));
}
