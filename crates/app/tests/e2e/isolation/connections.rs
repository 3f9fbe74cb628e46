//! Clients that hold connections, beside a sender and a probe that need one for a moment.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::world::{World, usual_rules};

/// A client that could write nothing for so long is blocked.
const BLOCKED: Duration = Duration::from_millis(500);
/// Genuine requests are answered within this time. A provider waits ten seconds.
const SOON: Duration = Duration::from_secs(5);
const REQUEST: &str = "GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n";

/// A connection from an address of the loopback network, with small buffers.
async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// Sends requests and reads no response, until nothing more can be sent: then the server's buffers are full. True if the
/// server still holds the connection then.
async fn pipeline(stream: &mut TcpStream) -> bool {
    let requests = REQUEST.repeat(1000);
    loop {
        match tokio::time::timeout(BLOCKED, stream.write_all(requests.as_bytes())).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return false,
            Err(_) => return true,
        }
    }
}

/// Clients that never read, as many as the port has places and some more.
async fn fill(port: SocketAddr, places: u8) -> Vec<TcpStream> {
    let mut clients = JoinSet::new();
    for number in 0..places + 4 {
        clients.spawn(async move {
            // From different addresses, so that no bound on one of them helps.
            let mut stream = connect([127, 0, 1, number + 1], port).await;
            pipeline(&mut stream).await.then_some(stream)
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_never_read_keep_no_sender_and_no_probe_out() {
    const PLACES: u8 = 16;
    let world = World::with(|options| options.max_connections = PLACES.into()).await;
    world.build("team-a", "web", usual_rules()).await;
    let (hooks, admin) = tokio::join!(fill(world.program.hooks, PLACES), fill(world.program.admin, PLACES));
    assert!(hooks.is_empty(), "the first response to a stranger is the last on its connection");
    assert!(admin.len() >= usize::from(PLACES) - 1, "only {} hold a place", admin.len());
    let began = Instant::now();
    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    for probe in ["healthz", "readyz"] {
        let probe = world.http.get(format!("{}/{probe}", world.admin_url())).send().await.unwrap();
        assert_eq!(probe.status(), StatusCode::OK);
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

/// The same with bodies that never end: they arrive steadily, so no time-out has passed yet.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_half_a_body_keep_no_sender_out() {
    const PLACES: u8 = 8;
    let world = World::with(|options| options.max_connections = PLACES.into()).await;
    world.build("team-a", "web", usual_rules()).await;
    let mut held = Vec::new();
    for number in 0..PLACES {
        let mut stream = connect([127, 0, 1, number + 1], world.program.hooks).await;
        let request =
            format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nx", world.hook_path());
        stream.write_all(request.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let began = Instant::now();
    let answer = world.send(&world.push_main()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_takes_its_share_of_the_connections_and_no_more() {
    let world = World::with(|options| {
        options.max_connections = 8;
        options.max_connections_per_peer = Some(3);
    })
    .await;
    let hooks = world.program.hooks;
    // A slow client elsewhere is in the middle of its request, and waits longest of all.
    let mut other = connect([127, 0, 1, 1], hooks).await;
    other.write_all(b"GET /nowhere HTTP/1.1\r\n").await.unwrap();
    let mut greedy = Vec::new();
    for _ in 0..20 {
        let mut stream = connect([127, 0, 1, 2], hooks).await;
        stream.write_all(b"GET /nowhere HTTP/1.1\r\n").await.unwrap();
        greedy.push(stream);
    }
    // All but three are closed, without a response.
    let ends = greedy.iter_mut().enumerate().map(|(place, stream)| async move {
        assert!(!matches!(stream.read(&mut [0]).await, Ok(1..)), "a response to half a request");
        place
    });
    let ends: FuturesUnordered<_> = ends.collect();
    let closed: HashSet<_> = tokio::time::timeout(SOON, ends.take(17).collect())
        .await
        .expect("one address has more than its share");
    for (_, stream) in greedy.iter_mut().enumerate().filter(|(place, _)| !closed.contains(place)) {
        let answer = finish(stream).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
    let answer = finish(&mut other).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

/// Sends the rest of a request, and reads the response.
async fn finish(stream: &mut TcpStream) -> String {
    stream.write_all(b"host: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
