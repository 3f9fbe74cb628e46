//! A minimal HTTP client, and a receiver of notifications.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The raw response.
pub(crate) async fn ask(host: &str, method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let headers: String = headers.iter().flat_map(|header| [*header, "\r\n"]).collect();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A response that a fault cuts off ends with an error.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// The value of a header in a raw response.
pub(crate) fn header(answer: &str, name: &str) -> Option<String> {
    let lines = answer.lines().take_while(|line| !line.is_empty());
    let found =
        lines.filter_map(|line| line.split_once(": ")).find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_owned())
}

/// A receiver of notifications.
pub(crate) struct Listener(TcpListener);

impl Listener {
    pub(crate) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/events", self.0.local_addr().unwrap())
    }

    /// The next request; the response has `status`.
    pub(crate) async fn next(&self, status: u16) -> String {
        let received = tokio::time::timeout(Duration::from_secs(30), async {
            let (mut stream, _) = self.0.accept().await.unwrap();
            let mut request = String::new();
            let mut bytes = [0; 4096];
            loop {
                let length = stream.read(&mut bytes).await.unwrap();
                request.push_str(&String::from_utf8_lossy(&bytes[..length]));
                let whole = request.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    header(head, "content-length").is_none_or(|length| body.len() >= length.parse().unwrap())
                });
                if whole || length == 0 {
                    break;
                }
            }
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            request
        });
        received.await.unwrap()
    }
}
