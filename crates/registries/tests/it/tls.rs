use std::fs;
use std::io::{Write as _, stderr};
use std::path::Path;
use std::process::Command;

use trigger_core::ImageRef;
use trigger_devregistry::DevRegistry;
use trigger_registries::{PrivateAllowed, Registries, RegistrySettings, ResolveErrorKind};

use crate::scene::{MANIFEST, digest, settings};

fn openssl_is_there() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok_and(|run| run.status.success());
    if !there {
        stderr().write_all(b"skipped for want of openssl: registries under TLS\n").unwrap();
    }
    there
}

fn openssl(directory: &Path, arguments: &str) {
    let run = Command::new("openssl").current_dir(directory).args(arguments.split(' ')).output().unwrap();
    assert!(run.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&run.stderr));
}

#[tokio::test]
async fn a_registry_is_believed_that_a_further_authority_vouches_for() {
    if !openssl_is_there() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(directory.path(), &format!("req -x509 {new} -keyout ca.key -out ca.pem -subj /CN=authority"));
    openssl(directory.path(), &format!("req {new} -keyout key -out csr -subj /CN=registry"));
    fs::write(at("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
    openssl(
        directory.path(),
        "x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out pem",
    );
    let read = |name: &str| fs::read(at(name)).unwrap();
    let builder = DevRegistry::builder().tls(&read("pem"), &read("key"));
    let registry = builder.start().await.unwrap();
    registry.push("team/base", "latest", MANIFEST);
    let hosts = [format!("localhost:{}", registry.port()), registry.host()];
    for (host, authorities, expected) in [
        (&hosts[0], vec![read("ca.pem")], Ok(digest())),
        (&hosts[0], vec![], Err(ResolveErrorKind::Unreachable)),
        (&hosts[1], vec![read("ca.pem")], Err(ResolveErrorKind::Unreachable)),
    ] {
        let private = hosts.iter().map(|host| PrivateAllowed::Host(host.clone())).collect();
        let settings = RegistrySettings { authorities, private, ..settings(&[]) };
        let image = ImageRef::of(host, "team/base", "latest").unwrap();
        let found = Registries::new(settings).unwrap().digest(&image, None).await;
        if let Err(fault) = &found {
            assert!(fault.message().contains("certificate"), "{fault}");
        }
        assert_eq!(found.map_err(|fault| fault.kind), expected, "{host}");
    }
}
