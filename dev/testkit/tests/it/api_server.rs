use std::net::TcpStream;
use std::path::PathBuf;

use trigger_testkit::api_server::{ApiServer, ApiServerError, Purpose};

/// The folder with `kube-apiserver` and `etcd`, if the environment names one. Most machines have neither program.
fn components() -> Option<PathBuf> {
    let folder = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: KUBEBUILDER_ASSETS is not set");
    }
    folder
}

#[tokio::test]
async fn the_error_names_the_missing_program() {
    let folder = tempfile::tempdir().unwrap();
    let error = ApiServer::start(folder.path()).await.unwrap_err();
    assert!(matches!(&error, ApiServerError::Missing(path) if path.ends_with("kube-apiserver")), "{error}");
}

#[tokio::test]
async fn a_server_answers_logs_requests_and_leaves_no_files() {
    let Some(components) = components() else { return };
    let server = ApiServer::start(&components).await.unwrap();
    assert!(server.kubeconfig().unwrap().contains(server.url()));
    let missing = server.kubeconfig_for_service_account("default", "missing").await.unwrap_err();
    assert!(matches!(missing, ApiServerError::Request(_)), "{missing}");
    let log = server.audit_log();
    assert!(std::fs::read_to_string(&log).unwrap().contains("/serviceaccounts/missing/token"));
    let address = server.url().strip_prefix("https://").unwrap().to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    drop(server);
    assert!(TcpStream::connect(&address).is_err() && !log.exists());
}

#[tokio::test]
async fn a_server_for_measurements_keeps_its_objects_in_the_given_folder() {
    let Some(components) = components() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start_for(&components, Purpose::Measurements(folder.path())).await.unwrap();
    let own = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    assert!(own.join("etcd/member/snap/db").is_file());
    assert!(!server.audit_log().exists());
    drop(server);
    assert!(!own.exists());
}
