use std::net::TcpStream;

use trigger_testkit::postgres::{PostgresServer, shared};

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn a_server_stops_crashes_starts_again_and_leaves_no_files() {
    if shared().is_none() {
        return;
    }
    let server = PostgresServer::start().unwrap();
    server.create_database("one").unwrap();
    assert!(server.url("one").ends_with(&format!("@127.0.0.1:{}/one", server.port())));
    assert!(answers(server.port()));
    server.stop().unwrap();
    assert!(!answers(server.port()));
    server.start_again().unwrap();
    server.kill().unwrap();
    assert!(!answers(server.port()));
    server.start_again().unwrap();
    let error = server.create_database("one").unwrap_err().to_string();
    assert!(error.contains("already exists"), "{error}");
    let (data, port) = (server.data(), server.port());
    drop(server);
    assert!(!answers(port) && !data.exists());
}
