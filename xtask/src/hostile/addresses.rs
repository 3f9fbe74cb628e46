//! Servers that the hostile tenant names in its objects.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Their addresses, each a host and a port.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// Accepts connections and answers nothing.
    pub(super) silent: String,
    /// Answers each request with a redirect to one of these two, or to a metadata service.
    pub(super) redirecting: String,
}

impl Addresses {
    /// Starts the servers, until the process ends.
    pub(super) async fn serve() -> anyhow::Result<Self> {
        let (silent, redirecting) =
            (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
        let addresses = Self {
            silent: silent.local_addr()?.to_string(),
            redirecting: redirecting.local_addr()?.to_string(),
        };
        tokio::spawn(async move {
            let mut held: Vec<TcpStream> = Vec::new();
            while let Ok((stream, _)) = silent.accept().await {
                held.push(stream);
            }
        });
        let targets = [
            format!("http://{}/again", addresses.redirecting),
            format!("http://{}/", addresses.silent),
            "http://169.254.169.254/latest/meta-data".to_owned(),
            format!("/{}", "x".repeat(4000)),
            "file:///etc/passwd".to_owned(),
        ];
        tokio::spawn(async move {
            for target in targets.iter().cycle() {
                let Ok((stream, _)) = redirecting.accept().await else { return };
                tokio::spawn(redirect(stream, target.clone()));
            }
        });
        Ok(addresses)
    }
}

/// Answers the first request of a connection.
async fn redirect(mut stream: TcpStream, target: String) {
    let mut request = [0; 4096];
    // A client that has gone needs no answer.
    let _ = stream.read(&mut request).await;
    let answer =
        format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
}
