use std::fs;
use std::io::{Write as _, stderr};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use trigger_journal::postgres::OpenError;
use trigger_journal::{Intake as _, PostgresJournal};
use trigger_testkit::postgres::PostgresServer;

use super::{long_timeouts, open, server};

/// Whether `openssl` is installed, which makes the certificates.
fn openssl_is_there() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok_and(|run| run.status.success());
    if !there {
        stderr().write_all(b"skipped because openssl is not installed: PostgreSQL under TLS\n").unwrap();
    }
    there
}

fn openssl(directory: &Path, arguments: &str) {
    let run = Command::new("openssl").current_dir(directory).args(arguments.split(' ')).output().unwrap();
    assert!(run.status.success(), "{arguments}: {}", String::from_utf8_lossy(&run.stderr));
}

/// Makes an authority and its certificate for `localhost`, and restarts the server with it.
fn certify(server: &PostgresServer) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(path, &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    openssl(path, &format!("req -x509 {key} -keyout no.key -out other.pem -days 2 -subj /CN=other"));
    openssl(path, &format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
    fs::write(path.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem";
    openssl(path, &format!("{sign} -extfile names"));
    server.add_private_file("server.key", &fs::read(path.join("server.key")).unwrap()).unwrap();
    server.add_private_file("server.crt", &fs::read(path.join("server.pem")).unwrap()).unwrap();
    server.set("ssl = on").unwrap();
    server.stop().unwrap();
    server.start_again().unwrap();
    directory
}

async fn rejected(url: &str) -> OpenError {
    PostgresJournal::open(url, long_timeouts()).await.expect_err("the certificate is rejected")
}

#[tokio::test]
async fn a_server_needs_a_certificate_for_its_name() {
    if !openssl_is_there() {
        return;
    }
    let Some((server, plain)) = server() else { return };
    let error = rejected(&format!("{plain}?sslmode=require")).await;
    assert!(matches!(error, OpenError::Tls { .. }), "it offers no TLS yet: {error:?}");

    let directory = certify(&server);
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (authority, other) = (file("ca.pem"), file("other.pem"));
    let by_name = plain.replace("127.0.0.1", "localhost");
    for url in [
        format!("{plain}?sslmode=disable"),
        // Any certificate is accepted: this one is for another name.
        plain.clone(),
        format!("{by_name}?sslmode=require&sslrootcert={authority}"),
        format!("{by_name}?sslmode=verify-ca&sslrootcert={authority}"),
        format!("{by_name}?sslmode=verify-full&sslrootcert={authority}"),
        format!("{by_name}?sslrootcert={authority}"),
    ] {
        open(&url).await.check().await.unwrap();
    }
    for url in [
        // Not by an authority of the system, by another one, for another name.
        format!("{by_name}?sslmode=require"),
        format!("{by_name}?sslmode=verify-full&sslrootcert={other}"),
        format!("{plain}?sslmode=verify-ca&sslrootcert={authority}"),
        format!("{by_name}?sslrootcert={other}"),
    ] {
        let error = rejected(&url).await;
        let text = error.to_string();
        assert!(matches!(error, OpenError::Tls { .. } | OpenError::Authorities { .. }), "{url}: {error:?}");
        assert!(text.contains("sslrootcert"), "{text}");
    }
    let error = rejected(&format!("{by_name}?sslmode=require&sslrootcert={}", file("nowhere.pem"))).await;
    assert!(matches!(error, OpenError::Authorities { .. }), "{error:?}");
    assert!(error.to_string().contains("nowhere.pem"), "{error}");
}
