//! The network between one replica and the API server is cut.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::fleet::{Fleet, until};
use crate::apart::repository;
use crate::kill::{runs_by_delivery, settle};
use crate::load::Load;
use crate::soak::extent;

/// What the way to the API server is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CutKind {
    Open,
    /// Packets are dropped: connections stay, and nothing comes through.
    Silent,
    /// Connections are closed, those that are there and those that come.
    Closed,
}

/// Stands between a replica and the API server.
struct Proxy {
    address: SocketAddr,
    way: watch::Sender<CutKind>,
}

impl Proxy {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, told) = watch::channel(CutKind::Open);
        tokio::spawn(async move {
            while let Ok((inward, _)) = listener.accept().await {
                let way = told.clone();
                tokio::spawn(async move {
                    let mut closed = way.clone();
                    let connection = async {
                        let Ok(outward) = TcpStream::connect(to).await else { return };
                        let (from, back) = inward.into_split();
                        let (answers, requests) = outward.into_split();
                        tokio::join!(copy(from, requests, way.clone()), copy(answers, back, way));
                    };
                    tokio::select! {
                        () = connection => {}
                        _ = closed.wait_for(|way| *way == CutKind::Closed) => {}
                    }
                });
            }
        });
        Self { address, way }
    }
}

/// Passes on what comes, as long as the way is open; what comes meanwhile is passed on later.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<CutKind>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        if way.wait_for(|way| *way == CutKind::Open).await.is_err() || count == 0 {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn endure(test: &str, cut: CutKind) {
    let Some(fleet) = Fleet::new(test).await else { return };
    let kubeconfig = fleet.dev.kubeconfig();
    let address = fleet.dev.address();
    let proxy = Proxy::start(address).await;
    let beyond = kubeconfig.replace(&address.to_string(), &proxy.address.to_string());
    let beyond = fleet.replica_over(&beyond).await;
    beyond.comes_to_lead().await;
    let other = fleet.replica().await;
    let load = Load::start(&[beyond.hooks, other.hooks], &repository());
    load.wait_for(30).await;

    let begun = Instant::now();
    proxy.way.send_replace(cut);
    let gap = until("the other leads", async || {
        let leads = other.leads().await;
        assert!(!leads || !beyond.leads().await, "two lead at once");
        leads
    })
    .await;
    // The Lease is left alone for 15 seconds after its last renewal, which was up to two seconds before the cut.
    assert!(gap > Duration::from_secs(12) && gap < Duration::from_secs(20), "{gap:?}");
    let cut_for = Duration::from_secs(extent(0, 60));
    until("the cut is over", async || begun.elapsed() >= cut_for).await;
    let afterwards = load.acknowledged() + 30;
    proxy.way.send_replace(CutKind::Open);

    // Without a restart it takes deliveries in again, and leads again when the other is gone.
    load.wait_for(afterwards).await;
    let mut ids = load.stop().await;
    let load = Load::start(&[beyond.hooks], &repository());
    load.wait_for(30).await;
    ids.extend(load.stop().await);
    other.ask_to_end();
    other.ended().await;
    beyond.comes_to_lead().await;

    let missing = settle(&fleet.dev, &ids).await;
    assert!(missing.is_empty(), "{} of {} have no run", missing.len(), ids.len());
    let runs = runs_by_delivery(&fleet.dev).await;
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_packets_are_dropped_leads_no_more_and_recovers() {
    endure("a_replica_whose_packets_are_dropped_leads_no_more_and_recovers", CutKind::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_connections_are_closed_leads_no_more_and_recovers() {
    endure("a_replica_whose_connections_are_closed_leads_no_more_and_recovers", CutKind::Closed).await;
}
