//! A small HTTP server that answers as a test says.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Such as `POST /path`.
    pub(crate) line: String,
    /// The names are in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The reaction of the server to a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends this.
    Bytes(Vec<u8>),
    /// Sends nothing, and keeps the connection.
    Hang,
    /// Closes the connection.
    Close,
    /// Sends a body of 10 GB.
    Endless,
}

/// A response with a status such as `200 OK`.
pub(crate) fn reply(status: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    Reply::Bytes(format!("{text}\r\n{body}").into_bytes())
}

/// A server on loopback, which ends with the test.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    sent: Arc<AtomicU64>,
}

type Answers = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

impl Server {
    /// Answers each request, with its number from 0.
    pub(crate) async fn start(answers: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, sent) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicU64>::default());
        let answers: Arc<Answers> = Arc::new(answers);
        let (known, counted) = (Arc::clone(&seen), Arc::clone(&sent));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, seen, sent) = (Arc::clone(&answers), Arc::clone(&known), Arc::clone(&counted));
                tokio::spawn(async move { serve(stream, &*answers, &seen, &sent).await });
            }
        });
        Self { address, seen, sent }
    }

    /// With the same answer to each request.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    /// The address, such as `127.0.0.1:8080`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The first lines of the requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// The bytes of endless bodies that were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, answers: &Answers, seen: &Mutex<Vec<Seen>>, sent: &AtomicU64) {
    let Some(request) = read(&mut stream).await else { return };
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.len() - 1
    };
    match answers(&request, number) {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Hang => std::future::pending().await,
        Reply::Close => {}
        Reply::Endless => {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n";
            let mut next = stream.write_all(head.as_bytes()).await;
            let piece = vec![b'x'; 64 << 10];
            while next.is_ok() {
                next = stream.write_all(&piece).await;
                sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_ascii_lowercase(), value.to_owned())
    };
    let mut seen = Seen { line, headers: lines.map(header).collect(), body: String::new() };
    let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8(bytes[head + 4..].to_vec()).unwrap();
    Some(seen)
}
