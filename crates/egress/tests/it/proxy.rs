use std::process::Command;

use http::StatusCode;
use trigger_devregistry::DevRegistry;
use trigger_egress::{EgressErrorKind, EgressSettings};

use crate::scene::{server, settings, status};

/// Set in the process that has a proxy: the server that is accessed directly.
const DIRECT: &str = "TRIGGER_TEST_DIRECT";

/// The variables that choose a proxy.
const VARIABLES: [&str; 9] = [
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "REQUEST_METHOD",
];

/// A process has a proxy from its start, so the test starts itself again, once per environment.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_is_used_for_public_hosts_only() {
    if let Ok(direct) = std::env::var(DIRECT) {
        return with_a_proxy(&direct).await;
    }
    let direct = server(DevRegistry::builder()).await;
    // It responds for every host, as a proxy does.
    let proxy = server(DevRegistry::builder()).await;
    for (no_proxy, by_proxy) in [(None, 2), (Some("excepted.invalid"), 1)] {
        for server in [&direct, &proxy] {
            server.clear_requests();
        }
        let mut child = Command::new(std::env::current_exe().unwrap());
        let this = "proxy::a_proxy_of_the_environment_is_used_for_public_hosts_only";
        child.args(["--exact", this, "--nocapture"]);
        for variable in VARIABLES {
            child.env_remove(variable);
        }
        for variable in ["HTTP_PROXY", "http_proxy"] {
            child.env(variable, format!("http://localhost:{}", proxy.port()));
        }
        child.envs(no_proxy.map(|hosts| ("NO_PROXY", hosts)));
        child.env(DIRECT, direct.host());
        let ended = tokio::task::block_in_place(|| child.output()).unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!((direct.requests().len(), proxy.requests().len()), (2, by_proxy), "{no_proxy:?}");
    }
}

async fn with_a_proxy(direct: &str) {
    let hosts = [direct, "registry.invalid", "excepted.invalid", "10.1.2.3"].map(ToOwned::to_owned);
    let by_name = settings(&hosts[..1]);
    let by_network = EgressSettings { private: vec!["127.0.0.0/8".parse().unwrap()], ..settings(&hosts) };
    let excepted = std::env::var("NO_PROXY").is_ok();
    for (settings, host, expected) in [
        (by_name, direct, Ok(StatusCode::OK)),
        (by_network.clone(), direct, Ok(StatusCode::OK)),
        (by_network.clone(), "registry.invalid", Ok(StatusCode::OK)),
        (
            by_network.clone(),
            "excepted.invalid",
            if excepted { Err(EgressErrorKind::Unreachable) } else { Ok(StatusCode::OK) },
        ),
        (by_network, "10.1.2.3", Err(EgressErrorKind::Refused)),
    ] {
        assert_eq!(status(settings, "http", host).await, expected, "{host}");
    }
}
