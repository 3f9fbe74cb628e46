use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Room for any answer that is measured.
const ROOM: usize = 64 * 1024;

/// One keep-alive connection that speaks as much HTTP/1.1 as measuring needs: requests are bytes, and of an
/// answer only the status is looked at.
pub(crate) struct Wire {
    stream: TcpStream,
    answer: Vec<u8>,
    /// How much of `answer` is the last answer.
    filled: usize,
}

impl Wire {
    pub(crate) async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: vec![0; ROOM], filled: 0 })
    }

    /// Sends a request and reads its answer to the end. The status of the answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<u16> {
        self.stream.write_all(request).await?;
        let (mut filled, mut whole) = (0, None);
        while whole.is_none_or(|whole| filled < whole) {
            let room = self.answer.get_mut(filled..).context("the answer is too long")?;
            let read = self.stream.read(room).await?;
            ensure!(read > 0, "the connection was closed before the answer had come");
            filled += read;
            if whole.is_none() {
                whole = length(&self.answer[..filled])?;
            }
        }
        self.filled = filled;
        let status = std::str::from_utf8(&self.answer[9..12]).ok().and_then(|text| text.parse().ok());
        status.context("not an answer of HTTP/1.1")
    }

    /// The last answer, head and body.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.answer[..self.filled]).into_owned()
    }
}

/// The length of the answer as a whole, once its head is there.
fn length(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&answer[..head])?;
    let mut lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, body) = lines
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("the answer does not say its length")?;
    Ok(Some(head + 4 + body.trim().parse::<usize>()?))
}
