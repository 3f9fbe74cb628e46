use std::fs;
use std::io::{Write as _, stderr};
use std::path::Path;
use std::process::Command;

use http::StatusCode;
use trigger_devregistry::DevRegistry;
use trigger_egress::{Egress, EgressErrorKind, EgressSettings};

use crate::scene::{get, server, settings};

fn has_openssl() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok_and(|run| run.status.success());
    if !found {
        stderr().write_all(b"skipped because openssl is missing: servers with TLS\n").unwrap();
    }
    found
}

fn openssl(directory: &Path, arguments: &str) {
    let run = Command::new("openssl").current_dir(directory).args(arguments.split(' ')).output().unwrap();
    assert!(run.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&run.stderr));
}

#[tokio::test]
async fn a_server_is_trusted_if_an_additional_authority_signed_its_certificate() {
    if !has_openssl() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(directory.path(), &format!("req -x509 {new} -keyout ca.key -out ca.pem -subj /CN=authority"));
    openssl(directory.path(), &format!("req {new} -keyout key -out csr -subj /CN=server"));
    fs::write(at("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(
        directory.path(),
        "x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out pem",
    );
    let read = |name: &str| fs::read(at(name)).unwrap();
    let server = server(DevRegistry::builder().tls(&read("pem"), &read("key"))).await;
    let hosts = [format!("localhost:{}", server.port()), server.host()];
    for (host, authorities, expected) in [
        (&hosts[0], vec![read("ca.pem")], Ok(StatusCode::OK)),
        (&hosts[0], vec![], Err(EgressErrorKind::Unreachable)),
        // The certificate has the name only.
        (&hosts[1], vec![read("ca.pem")], Err(EgressErrorKind::Unreachable)),
    ] {
        let egress = Egress::new(EgressSettings { authorities, ..settings(&hosts) }).unwrap();
        let sent = egress.send(get("https", host)).await;
        if let Err(error) = &sent {
            assert!(error.message().contains("certificate"), "{error}");
        }
        assert_eq!(sent.map(|response| response.status()).map_err(|error| error.kind), expected, "{host}");
    }
}

#[tokio::test]
async fn a_client_can_trust_the_authorities_of_one_server_alone() {
    if !has_openssl() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server";
    let names = "-addext subjectAltName=DNS:localhost";
    let make = |name: &str| {
        openssl(directory.path(), &format!("{new} {names} -keyout {name}.key -out {name}.pem"));
        ["pem", "key"].map(|suffix| fs::read(directory.path().join(format!("{name}.{suffix}"))).unwrap())
    };
    let [own, key] = make("own");
    let [other, _] = make("other");
    let server = server(DevRegistry::builder().tls(&own, &key)).await;
    let hosts = [format!("localhost:{}", server.port()), server.host()];
    let operators = EgressSettings { authorities: vec![own.clone()], ..settings(&hosts) };
    let (plain, trusted) = (Egress::new(settings(&hosts)).unwrap(), Egress::new(operators).unwrap());
    let unreachable = || Err(EgressErrorKind::Unreachable);
    for (egress, authorities, host, expected) in [
        // The certificate is one of an authority too, as `openssl req -x509` makes it.
        (&plain, &own, &hosts[0], Ok(StatusCode::OK)),
        (&plain, &[&other[..], &own].concat(), &hosts[0], Ok(StatusCode::OK)),
        // It has the name only.
        (&plain, &own, &hosts[1], unreachable()),
        (&plain, &other, &hosts[0], unreachable()),
        // The authorities of the settings do not count.
        (&trusted, &other, &hosts[0], unreachable()),
    ] {
        let sent = egress.trusting(authorities).unwrap().send(get("https", host)).await;
        assert_eq!(sent.map(|response| response.status()).map_err(|error| error.kind), expected, "{host}");
    }
    for bad in [&b"nothing"[..], b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(plain.trusting(bad).is_err());
    }
}

#[test]
fn authorities_without_a_valid_certificate_are_rejected() {
    let usual = EgressSettings::default;
    assert!(Egress::new(usual()).is_ok());
    for bad in [
        &b"nothing"[..],
        b"",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n",
    ] {
        let settings = EgressSettings { authorities: vec![bad.to_vec()], ..usual() };
        let error = Egress::new(settings).unwrap_err();
        assert!(error.to_string().starts_with("cannot use the certificate authorities"), "{error}");
    }
}
