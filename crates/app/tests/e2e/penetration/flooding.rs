//! Taking up what others need: connections above all.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::{World, usual_rules};

/// Longer than any time-out that these scenarios set.
const SOON: Duration = Duration::from_secs(20);

/// What comes back until the program closes the connection.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut answer));
    let _ = read.await.expect("the program does not close the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn impatient() -> World {
    World::with(|options| {
        options.header_timeout = 1;
        options.body_timeout = 1;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_or_rest_are_closed_on_both_ports() {
    let world = impatient().await;
    for address in [world.program.hooks, world.program.admin] {
        assert_eq!(until_closed(connect(address).await).await, "", "nothing was said");
        let mut resting = connect(address).await;
        resting.write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let answer = until_closed(resting).await;
        assert_eq!(answer.matches("HTTP/1.1 404").count(), 1, "{answer}");
    }
}

/// A byte now and then does not keep a connection: the head as a whole has its time, and so has the body.
#[tokio::test(flavor = "multi_thread")]
async fn a_trickle_is_cut_off() {
    let world = impatient().await;
    let path = world.hook_path();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n");
    for (what, first) in [("head", head.clone()), ("body", format!("{head}content-length: 1000\r\n\r\n"))] {
        let (mut reading, mut writing) = connect(world.program.hooks).await.into_split();
        writing.write_all(first.as_bytes()).await.unwrap();
        let trickle = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(100));
            loop {
                pace.tick().await;
                if writing.write_all(b"x").await.is_err() {
                    return;
                }
            }
        });
        let mut answer = Vec::new();
        let read = tokio::time::timeout(SOON, reading.read_to_end(&mut answer));
        let _ = read.await.unwrap_or_else(|_| panic!("a {what} that never ends is read on and on"));
        trickle.abort();
        assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 2"), "{what}");
    }
}

/// Whoever holds all connections holds them for the time-outs only, and then whoever waits is served.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_behind_idle_connections_is_served() {
    let world = World::with(|options| {
        options.max_connections = 4;
        // All clients here have one address.
        options.max_connections_per_peer = Some(5);
        options.header_timeout = 2;
    })
    .await;
    world.build("team-a", "web", usual_rules()).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(world.program.hooks).await;
        stream.write_all(format!("POST {} HTTP/1.1\r\n", world.hook_path()).as_bytes()).await.unwrap();
        held.push(stream);
    }
    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    // Those on the other port do not count.
    let ready = world.http.get(format!("{}/readyz", world.admin_url())).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
    drop(held);
}

/// A sender who goes away in the middle leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn half_a_delivery_is_none() {
    let world = World::with(|options| {
        options.max_body = 1;
        options.max_bodies = 1;
    })
    .await;
    world.build("team-a", "web", usual_rules()).await;
    let path = world.hook_path();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n"
    );
    for _ in 0..50 {
        let mut stream = connect(world.program.hooks).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[b' '; 4096]).await.unwrap();
        drop(stream);
    }
    world
        .until("there is room for a delivery", || async {
            let answer = world.send(&world.push_main()).await;
            answer.status.is_success().then_some(())
        })
        .await;
}
