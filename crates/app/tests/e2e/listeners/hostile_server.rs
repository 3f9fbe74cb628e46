//! A server on loopback that answers the calls of interceptors as none should.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Metadata services of clouds have this address, and hand out credentials.
const METADATA: &str = "http://169.254.169.254/latest/meta-data";

/// The server, which ends with the test. Each path has a fault of its own, and others have none.
pub(super) struct HostileServer {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_mended: AtomicBool,
    hanging: AtomicU64,
    sent: AtomicU64,
}

impl HostileServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<State>::default());
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&serving)));
            }
        });
        Self { address, state }
    }

    /// Its host and port.
    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// From now on every new call passes, on every path.
    pub(super) fn mend(&self) {
        self.state.is_mended.store(true, Ordering::Relaxed);
    }

    /// How many calls have got no answer so far.
    pub(super) fn hanging(&self) -> u64 {
        self.state.hanging.load(Ordering::Relaxed)
    }

    /// The bytes of endless answers so far.
    pub(super) fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }
}

/// Answers the first request of a connection. An error is that of a client which has gone.
async fn answer(mut stream: TcpStream, state: Arc<State>) -> std::io::Result<()> {
    let path = read(&mut stream).await?;
    let good = ("200 OK", String::new(), r#"{"continue":true}"#);
    let (status, header, body) = match path.as_str() {
        _ if state.is_mended.load(Ordering::Relaxed) => good,
        "/hangs" => {
            state.hanging.fetch_add(1, Ordering::Relaxed);
            return std::future::pending().await;
        }
        "/fails" => ("500 Internal Server Error", String::new(), "no"),
        "/garbage" => ("200 OK", String::new(), "\u{0}<html>{\"continue\":true"),
        "/redirects" => ("307 Temporary Redirect", format!("location: {METADATA}\r\n"), ""),
        "/endless" => return endless(stream, &state).await,
        _ => good,
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{header}content-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
    stream.shutdown().await
}

/// Sends 10 GB, as far as the client reads them.
async fn endless(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n").await?;
    let piece = vec![b'x'; 64 << 10];
    loop {
        stream.write_all(&piece).await?;
        state.sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }
}

/// Reads a request, and returns its path.
async fn read(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::<u8>::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        more(stream, &mut bytes).await?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + length {
        more(stream, &mut bytes).await?;
    }
    Ok(text.split(' ').nth(1).unwrap_or_default().to_owned())
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> std::io::Result<()> {
    match stream.read_buf(bytes).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
