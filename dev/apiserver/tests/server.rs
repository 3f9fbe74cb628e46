//! A server is there when it should be, and gone when it should be.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking")]

use std::net::TcpStream;
use std::path::PathBuf;

use trigger_devapiserver::{Purpose, Server, StartError};

/// The two programs, where they are named; they are not what a machine just has.
fn components() -> Option<PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)
}

#[tokio::test]
async fn a_folder_without_the_programs_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let error = Server::start(folder.path()).await.unwrap_err();
    assert!(matches!(&error, StartError::Missing(path) if path.ends_with("kube-apiserver")), "{error}");
}

#[tokio::test]
async fn a_server_serves_tells_who_asked_and_leaves_nothing() {
    let Some(components) = components() else {
        eprintln!("skipped for want of KUBEBUILDER_ASSETS");
        return;
    };
    let server = Server::start(&components).await.unwrap();
    assert!(server.kubeconfig().unwrap().contains(server.url()));
    // There is no such account.
    let refused = server.kubeconfig_for_service_account("default", "nobody").await.unwrap_err();
    assert!(matches!(refused, StartError::Ask(_)), "{refused}");
    let log = server.audit_log();
    assert!(std::fs::read_to_string(&log).unwrap().contains("/serviceaccounts/nobody/token"));
    let address = server.url().strip_prefix("https://").unwrap().to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    drop(server);
    assert!(TcpStream::connect(&address).is_err() && !log.exists());
}

#[tokio::test]
async fn a_server_for_measurements_keeps_its_objects_where_it_is_told() {
    let Some(components) = components() else {
        eprintln!("skipped for want of KUBEBUILDER_ASSETS");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_for(&components, Purpose::Measurements(folder.path())).await.unwrap();
    let own = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    assert!(own.join("etcd/member/snap/db").is_file());
    assert!(!server.audit_log().exists());
    drop(server);
    assert!(!own.exists());
}
