//! Clients that hold connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::hostile::dice::Dice;
use crate::hostile::{client, texts, victim};

/// Between two bytes of a client that sends slowly.
const DRIP: Duration = Duration::from_millis(500);

/// Paths of the admin port. `{}` stands for anything.
const ADMIN_PATHS: &[&str] = &[
    "/api/v1/deliveries?limit=500",
    "/api/v1/deliveries/{}",
    "/api/v1/deliveries/{}/payload",
    "/api/v1/deliveries?repository={}",
    "/api/v1/events",
    "/api/v1/rejections",
    "/api/v1/images",
    "/api/v1/status",
    "/api/v1/openapi.json",
    "/metrics",
    "/readyz",
    "/{}",
];

/// Sends requests one after the other on a connection, reads nothing, and never closes it.
pub(super) async fn pipeline(from: Ipv4Addr, to: SocketAddr, path: &str) -> anyhow::Result<u16> {
    let mut stream = client::connect(from, to).await?;
    let requests = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(200);
    // Until the buffers of both sides are full; then this waits.
    while stream.write_all(requests.as_bytes()).await.is_ok() {}
    Ok(0)
}

/// Sends a request one byte at a time, or a part of it, or nothing, and waits.
pub(super) async fn dawdle(from: Ipv4Addr, to: SocketAddr, dice: &mut Dice) -> anyhow::Result<u16> {
    let request = victim::signed(dice.number() % 1000, b"a made-up key", "main")?;
    let at_once = dice.below(request.len());
    let mut stream = client::connect(from, to).await?;
    let mut response = [0; 256];
    if !dice.one_in(4) {
        stream.write_all(&request[..at_once]).await?;
    }
    if dice.one_in(3) {
        return Ok(0);
    }
    for byte in &request[at_once..] {
        stream.write_all(&[*byte]).await?;
        if let Ok(read) = tokio::time::timeout(DRIP, stream.read(&mut response)).await {
            return Ok(super::status(&String::from_utf8_lossy(&response[..read?])));
        }
    }
    Ok(0)
}

/// A request at the admin port with an invented token, or without.
pub(super) fn admin_call(dice: &mut Dice) -> Vec<u8> {
    let anything: String = texts::any(dice).chars().filter(char::is_ascii_graphic).take(9000).collect();
    let path = dice.pick(ADMIN_PATHS).replace("{}", &anything);
    let method = dice.pick(&["GET", "GET", "POST", "DELETE"]);
    let token = if dice.one_in(3) {
        String::new()
    } else {
        format!("authorization: Bearer {}\r\n", texts::name(dice, 3000))
    };
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{token}\r\n").into_bytes()
}
