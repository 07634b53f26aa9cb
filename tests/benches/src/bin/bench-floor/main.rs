//! A server in its own process that does only the minimum work of an action. The request path selects the part of this
//! work: `POST /whole`, `/exchanges`, `/runs`, `/commits` or `/nothing`.
//!
//! `/whole` does these steps in order: a durable commit, a fresh sandbox run with one exchange, a policy decision, a
//! durable commit, two more runs with one exchange each, a policy decision and two signatures. Each commit is shared by
//! all requests that wait for it. The server does not check, record or keep anything else.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use deed_benches::serving;
use deed_tests::services::Result;
use ed25519_dalek::{Signer as _, SigningKey};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// The same allocator as the host's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod parts;

use parts::{Policy, Sandbox};

/// The number of bytes in a commit and in a signed message, which is about the size of a small record.
const RECORD: [u8; 1024] = [7; 1024];

struct Floor {
    sandbox: Sandbox,
    policy: Policy,
    key: SigningKey,
    commits: mpsc::Sender<oneshot::Sender<()>>,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("usage: bench-floor UPSTREAM FILE");
    let upstream: SocketAddr = next()?.parse()?;
    let file = File::create(next()?)?;
    let floor = Arc::new(Floor {
        sandbox: Sandbox::new(upstream)?,
        policy: Policy::new()?,
        key: SigningKey::from_bytes(&[7; 32]),
        commits: writer(file),
    });
    serving::run(move |request| answer(Arc::clone(&floor), request))
}

async fn answer(
    floor: Arc<Floor>,
    request: Request<Incoming>,
) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await;
    let done = if body.is_ok() { floor.part(&path).await } else { Err("no body".into()) };
    Ok(serving::plain(if done.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::INTERNAL_SERVER_ERROR
    }))
}

impl Floor {
    async fn part(&self, path: &str) -> Result<()> {
        match path {
            "/nothing" => {}
            "/exchanges" => {
                for _ in 0..3 {
                    exchange(self.sandbox.upstream).await?;
                }
            }
            "/runs" => {
                for _ in 0..3 {
                    self.sandbox.run(false).await?;
                }
            }
            "/commits" => {
                self.commit().await?;
                self.commit().await?;
            }
            _ => self.whole().await?,
        }
        Ok(())
    }

    async fn whole(&self) -> Result<()> {
        self.commit().await?;
        self.sandbox.run(true).await?;
        self.policy.decide()?;
        self.commit().await?;
        self.sandbox.run(true).await?;
        self.sandbox.run(true).await?;
        self.policy.decide()?;
        std::hint::black_box((self.key.sign(&RECORD), self.key.sign(&RECORD)));
        Ok(())
    }

    /// Waits until a commit is on disk.
    async fn commit(&self) -> Result<()> {
        let (done, on_disk) = oneshot::channel();
        self.commits.send(done)?;
        Ok(on_disk.await?)
    }
}

/// One thread writes for all requests: the waiting commits form one group with one `fdatasync`.
fn writer(mut file: File) -> mpsc::Sender<oneshot::Sender<()>> {
    let (sender, queue) = mpsc::channel::<oneshot::Sender<()>>();
    std::thread::spawn(move || {
        while let Ok(first) = queue.recv() {
            let group: Vec<_> = std::iter::once(first).chain(queue.try_iter()).collect();
            if file.write_all(&RECORD.repeat(group.len())).and_then(|()| file.sync_data()).is_err()
            {
                return;
            }
            for waiting in group {
                // If the request was dropped, there is no task that waits for the answer.
                waiting.send(()).ok();
            }
        }
    });
    sender
}

/// Sends one request on a new connection, as the host does for a guest.
async fn exchange(upstream: SocketAddr) -> Result<usize> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request =
        Request::get("/v2/Users/0").header("host", "bench").body(Full::<Bytes>::default())?;
    let answer = async {
        let body = sender.send_request(request).await?.into_body();
        Ok::<_, hyper::Error>(body.collect().await?.to_bytes().len())
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        done = &mut answer => return Ok(done?),
        _ended = connection => {}
    }
    Ok(answer.await?)
}
