//! Clients that take connections and give nothing for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const HEAD: &[u8] = b"POST /hooks/github HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
    content-length: 7000\r\nx-github-event: push\r\n\
    x-hub-signature-256: sha256=0000000000000000000000000000000000000000000000000000000000000000\r\n\r\n";
/// Between two bytes of a slow client.
const DRIP: Duration = Duration::from_secs(1);
/// Before one whose connection has ended comes again.
const PAUSE: Duration = Duration::from_millis(500);

/// The clients, until they are told to end.
pub(super) struct Nuisances {
    clients: TaskTracker,
    connections: Arc<AtomicU64>,
}

#[derive(Debug, Clone, Copy)]
enum Manner {
    /// A byte of the head a second.
    SlowHead,
    /// The head at once, then a byte of the body a second.
    SlowBody,
    /// Nothing at all.
    Silent,
    /// Half a head, and then gone without a word.
    Vanishing,
}

/// Starts so many of each manner.
pub(super) fn start(address: &str, each: usize, end: &CancellationToken) -> Nuisances {
    let (clients, connections) = (TaskTracker::new(), Arc::new(AtomicU64::new(0)));
    for manner in [Manner::SlowHead, Manner::SlowBody, Manner::Silent, Manner::Vanishing] {
        for _ in 0..each {
            let (address, end, connections) = (address.to_owned(), end.clone(), Arc::clone(&connections));
            clients.spawn(async move {
                let client = async {
                    loop {
                        connections.fetch_add(1, Ordering::Relaxed);
                        // However it ends, it comes again.
                        let _ = hold(&address, manner).await;
                        tokio::time::sleep(PAUSE).await;
                    }
                };
                tokio::select! { () = end.cancelled() => {}, () = client => {} }
            });
        }
    }
    clients.close();
    Nuisances { clients, connections }
}

impl Nuisances {
    /// How many connections they have held, once all have ended.
    pub(super) async fn count(self) -> u64 {
        self.clients.wait().await;
        self.connections.load(Ordering::Relaxed)
    }
}

async fn hold(address: &str, manner: Manner) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    match manner {
        Manner::SlowHead => drip(&mut stream, HEAD).await,
        Manner::SlowBody => {
            stream.write_all(HEAD).await?;
            drip(&mut stream, &[b' '; 7000]).await
        }
        Manner::Silent => stream.read(&mut [0]).await.map(drop),
        Manner::Vanishing => stream.write_all(&HEAD[..HEAD.len() / 2]).await,
    }
}

/// Sends a byte at a time until the other side has had enough.
async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut answer = [0; 256];
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        if let Ok(read) = tokio::time::timeout(DRIP, stream.read(&mut answer)).await {
            return read.map(drop);
        }
    }
    Ok(())
}
