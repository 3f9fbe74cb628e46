use std::fs;
use std::io::{Write as _, stderr};
use std::path::Path;
use std::process::Command;

use trigger_calls::{Calls, CallsSettings};
use trigger_devregistry::DevRegistry;
use trigger_rules::interceptors::{Origin, WireRequest};

use crate::scene::{address, calls, request, response, unknown};

fn has_openssl() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok_and(|run| run.status.success());
    if !found {
        stderr().write_all(b"skipped because openssl is missing: interceptors with TLS\n").unwrap();
    }
    found
}

/// Makes the files `NAME.key` and `NAME.pem`, a certificate for `localhost` that signs itself.
fn certificate(directory: &Path, name: &str) -> (Vec<u8>, Vec<u8>) {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=lint";
    let files = format!("-addext subjectAltName=DNS:localhost -keyout {name}.key -out {name}.pem");
    let arguments = format!("{new} {files}");
    let run = Command::new("openssl").current_dir(directory).args(arguments.split(' ')).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let read = |suffix: &str| fs::read(directory.join(format!("{name}.{suffix}"))).unwrap();
    (read("pem"), read("key"))
}

#[tokio::test]
async fn a_server_is_trusted_by_the_bundle_of_its_interceptor_alone() {
    if !has_openssl() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (own, key) = certificate(directory.path(), "own");
    let (other, _) = certificate(directory.path(), "other");
    // Any server will do: it answers a POST with a status.
    let server = DevRegistry::builder().tls(&own, &key).start().await.unwrap();
    let url = format!("https://localhost:{}/check", server.port());
    let with = |authorities: &[u8]| -> Calls {
        calls(CallsSettings {
            private: vec!["127.0.0.0/8".parse().unwrap()],
            authorities: if authorities.is_empty() { vec![] } else { vec![authorities.to_vec()] },
            ..CallsSettings::default()
        })
    };
    let asked =
        |bundle: &[u8]| WireRequest { address: address(&url, bundle, Origin::Cluster), ..request(&url) };
    let usual = with(b"");
    for bundle in [&own[..], &[&other[..], &own].concat()] {
        for _ in 0..2 {
            assert!(response(&usual, asked(bundle)).await.status >= 400, "the server has answered");
        }
    }
    server.clear_requests();
    for bundle in [&other[..], b""] {
        let reason = unknown(&usual, asked(bundle)).await;
        assert!(reason.contains("`localhost` cannot be reached"), "{reason}");
    }
    // The authorities of the operator are for servers without a bundle.
    let reason = unknown(&with(&own), asked(&other)).await;
    assert!(reason.contains("certificate"), "{reason}");
    assert!(server.requests().is_empty());
    for bad in [&b"no certificate"[..], b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let reason = unknown(&usual, asked(bad)).await;
        assert!(reason.starts_with("the `caBundle` of the interceptor: cannot use"), "{reason}");
    }
}
