use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::connections::Activity;

/// A connection that fails when its client takes in nothing of what is sent for too long. `hyper` limits the time for
/// reading only.
///
/// The crates `tokio-io-timeout` and `hyper-timeout` do this too, but do not tell a connection that waits from one that
/// does not.
pub(super) struct TimedStream {
    stream: TcpStream,
    activity: Arc<Activity>,
    within: Duration,
    /// Runs while the client takes in nothing.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>, within: Duration) -> Self {
        Self { stream, activity, within, deadline: None }
    }

    /// The result of a write. Any progress begins the time again: a slow client is served.
    fn watch(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.deadline.take().is_some() {
                self.activity.unblock();
            }
            return written;
        }
        let deadline = self.deadline.get_or_insert_with(|| {
            self.activity.block();
            Box::pin(sleep(self.within))
        });
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes in nothing of the response",
        )))
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.activity.read(read.is_ready());
        read
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;

    use super::*;
    use crate::listener::listen;

    const WITHIN: Duration = Duration::from_millis(300);

    /// The end that is served, and a client with a receive buffer of this size.
    async fn pair(buffer: u32) -> (TimedStream, TcpStream) {
        let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(buffer).unwrap();
        let client = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (TimedStream::new(stream, Arc::new(Activity::new()), WITHIN), client)
    }

    #[tokio::test]
    async fn a_client_that_takes_in_nothing_is_cut_off() {
        let (mut stream, client) = pair(4096).await;
        let error = stream.write_all(&vec![0; 64 << 20]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    #[tokio::test]
    async fn a_slow_client_is_served() {
        let (mut stream, mut client) = pair(64 << 10).await;
        let began = tokio::time::Instant::now();
        let reading = tokio::spawn(async move {
            let mut pace = tokio::time::interval(WITHIN / 10);
            let mut buffer = vec![0; 64 << 10];
            while client.read(&mut buffer).await.unwrap() > 0 {
                pace.tick().await;
            }
        });
        while began.elapsed() < 3 * WITHIN {
            stream.write_all(&vec![0; 256 << 10]).await.unwrap();
        }
        drop(stream);
        reading.await.unwrap();
    }
}
