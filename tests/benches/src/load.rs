//! A closed loop of callers: each connection sends its next request when the last one is answered. The loop measures
//! the time of each answer. The callers' HTTP parser reads only the status and the length of the body.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deed_tests::services::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// One operation of a caller. `n` counts the operations of all callers. All requests of the operation use the caller's
/// connection.
pub trait Work: Send + Sync + 'static {
    fn once(&self, to: &mut Caller, n: u64) -> impl Future<Output = Result<()>> + Send;
}

/// One keep-alive connection.
#[derive(Debug)]
pub struct Caller {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer as received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// The results of all callers.
#[derive(Debug, Clone, Default)]
pub struct Done {
    /// The time of each operation, sorted.
    pub times: Vec<Duration>,
    pub wall: Duration,
}

impl Done {
    /// The time that this share of all operations (0 to 1) did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let at = (self.times.len() as f64 * share) as usize;
        self.times.get(at.min(self.times.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    pub fn per_second(&self) -> f64 {
        f64::from(u32::try_from(self.times.len()).unwrap_or(u32::MAX)) / self.wall.as_secs_f64()
    }
}

impl Caller {
    pub async fn connect(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a complete request and reads the answer, whose head states the length of the body.
    pub async fn send(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let text =
            String::from_utf8_lossy(self.buffer.get(..head).unwrap_or_default()).into_owned();
        let status = text.get(9..12).unwrap_or_default().parse()?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        let length = length.unwrap_or(Ok(0))?;
        while self.buffer.len() < head + length {
            self.more().await?;
        }
        Ok(Answer { status, body: self.buffer.split_off(head) })
    }

    async fn more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the connection ended within an answer".into());
        }
        Ok(())
    }
}

/// Runs this many concurrent callers for this long. Operations that have begun are finished.
pub async fn crowd<W: Work>(
    work: &Arc<W>,
    to: SocketAddr,
    callers: u64,
    span: Duration,
) -> Result<Done> {
    let next = Arc::new(AtomicU64::new(0));
    let mut crowd = JoinSet::new();
    let start = Instant::now();
    for _ in 0..callers {
        let (next, work) = (Arc::clone(&next), Arc::clone(work));
        crowd.spawn(async move {
            let mut times = Vec::new();
            let mut caller = Caller::connect(to).await.map_err(|e| e.to_string())?;
            while start.elapsed() < span {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let began = Instant::now();
                work.once(&mut caller, n).await.map_err(|e| e.to_string())?;
                times.push(began.elapsed());
            }
            Ok::<_, String>(times)
        });
    }
    let mut done = Done::default();
    while let Some(times) = crowd.join_next().await {
        done.times.extend(times??);
    }
    done.wall = start.elapsed();
    done.times.sort();
    Ok(done)
}

/// A request without a body, for a connection that is kept alive.
pub fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes()
}

/// A request with a body, for a connection that is kept alive.
pub fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
