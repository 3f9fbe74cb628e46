//! HTTP as bytes, over connections from chosen loopback addresses.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// Of a response only so much is read.
const LONGEST: u64 = 1024 * 1024;

/// A POST with a body, over a connection of its own.
pub(super) fn post(path: &str, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: hooks\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        let _ = write!(head, "{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// A connection from a loopback address.
pub(super) async fn connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request and reads until the server closes the connection.
pub(super) async fn exchange(from: Ipv4Addr, to: SocketAddr, request: &[u8]) -> std::io::Result<String> {
    let mut stream = connect(from, to).await?;
    // The server may answer and close before it has read all.
    let written = stream.write_all(request).await;
    let mut response = Vec::new();
    let read = (&mut stream).take(LONGEST).read_to_end(&mut response).await;
    if response.is_empty() {
        written?;
        read?;
    }
    Ok(String::from_utf8_lossy(&response).into_owned())
}
