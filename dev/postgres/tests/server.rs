//! A server is there when it should be, and gone when it should be.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpStream;

use trigger_devpostgres::{Server, shared};

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn a_server_stops_crashes_comes_back_and_leaves_nothing() {
    if shared().is_none() {
        return;
    }
    let server = Server::start().unwrap();
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
