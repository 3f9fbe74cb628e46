use std::process::Command;

use trigger_core::ImageRef;
use trigger_devregistry::DevRegistry;
use trigger_registries::{Registries, RegistrySettings, ResolveErrorKind};

use crate::scene::{MANIFEST, digest, settings};

/// Set in the process that has a proxy: the registry that it may ask directly.
const OWN: &str = "TRIGGER_TEST_REGISTRY";

/// A process has a proxy from its start, so this one starts itself again with one.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_used_for_public_hosts_only() {
    if let Ok(own) = std::env::var(OWN) {
        return with_a_proxy(&own).await;
    }
    let own = DevRegistry::builder().start().await.unwrap();
    // It answers whatever host it is asked for, as a proxy does.
    let proxy = DevRegistry::builder().start().await.unwrap();
    for registry in [&own, &proxy] {
        registry.push("team/base", "latest", MANIFEST);
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "proxy::a_proxy_of_the_environment_is_used_for_public_hosts_only", "--nocapture"]);
    for variable in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(variable);
    }
    for variable in ["HTTP_PROXY", "http_proxy"] {
        child.env(variable, format!("http://localhost:{}", proxy.port()));
    }
    child.env(OWN, own.host());
    let ended = tokio::task::block_in_place(|| child.output()).unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!((own.requests().len(), proxy.requests().len()), (2, 1));
}

async fn with_a_proxy(own: &str) {
    let hosts = [own.to_owned(), "registry.invalid".to_owned(), "10.1.2.3".to_owned()];
    let by_name = settings(&hosts[..1]);
    let by_network = RegistrySettings { private: vec!["127.0.0.0/8".parse().unwrap()], ..settings(&hosts) };
    for (settings, host, expected) in [
        (by_name, own, Ok(digest())),
        (by_network.clone(), own, Ok(digest())),
        (by_network.clone(), "registry.invalid", Ok(digest())),
        (by_network, "10.1.2.3", Err(ResolveErrorKind::Refused)),
    ] {
        let image = ImageRef::of(host, "team/base", "latest").unwrap();
        let found = Registries::new(settings).unwrap().digest(&image, None).await;
        assert_eq!(found.map_err(|fault| fault.kind), expected, "{host}");
    }
}
