use trigger_calls::CallsSettings;
use trigger_rules::interceptors::{Origin, WireRequest};

use crate::scene::{address, calls, request, response, unknown};
use crate::server::{Server, reply};

#[tokio::test]
async fn loopback_is_for_the_operator_to_allow() {
    let server = Server::always(reply("200 OK", &[], "")).await;
    let (literal, named) = (server.url("/"), format!("http://localhost:{}/", server.port()));
    let private =
        |text: &str| CallsSettings { private: vec![text.parse().unwrap()], ..CallsSettings::default() };
    for origin in [Origin::Cluster, Origin::Namespace("team-a".into())] {
        for url in [&literal, &named] {
            let asked = || WireRequest { address: address(url, b"", origin.clone()), ..request(url) };
            let reason = unknown(&calls(CallsSettings::default()), asked()).await;
            assert!(reason.contains("has no address that may be contacted"), "{reason}");
            assert!(server.seen().is_empty());
        }
    }
    for (url, allowed) in [
        (&literal, "127.0.0.0/8".to_owned()),
        (&named, "127.0.0.0/8".to_owned()),
        (&named, format!("localhost:{}", server.port())),
    ] {
        assert_eq!(response(&calls(private(&allowed)), request(url)).await.status, 200, "{allowed}");
    }
}

/// Nothing is sent to these: the addresses are refused as they are read.
#[tokio::test]
async fn metadata_services_are_never_reached_and_private_networks_not_by_namespaces() {
    let (cluster, namespace) = (|| Origin::Cluster, || Origin::Namespace("team-a".into()));
    for (url, origin) in [
        ("http://10.0.0.1/", namespace()),
        ("https://192.168.1.1/", namespace()),
        ("http://[fd00::1]/", namespace()),
        ("http://169.254.169.254/latest/meta-data/", namespace()),
        ("http://169.254.169.254/latest/meta-data/", cluster()),
        ("http://[::ffff:169.254.169.254]/", cluster()),
        ("http://0xa9fea9fe/", cluster()),
        ("http://[fe80::1]/", cluster()),
        ("http://100.100.100.200/", cluster()),
        ("http://[fd00:ec2::254]/", cluster()),
        ("http://168.63.129.16/", cluster()),
        ("http://0.0.0.0/", cluster()),
    ] {
        let asked = WireRequest { address: address(url, b"", origin), retries: 5, ..request(url) };
        let reason = unknown(&calls(CallsSettings::default()), asked).await;
        assert!(reason.contains("has no address that may be contacted"), "{url}: {reason}");
        assert!(!reason.contains("tried"), "trying again does not help: {reason}");
    }
}
