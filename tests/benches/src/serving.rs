//! A bare HTTP/1.1 server on a free loopback port, for the other processes of a bench. The server prints its address on
//! stdout and serves until its stdin ends. The server parses HTTP and nothing else.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use deed_tests::services::Result;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Answers requests with this function on every core, as the host does. Fails when no port can be bound.
pub fn run<F, A>(handle: F) -> Result<()>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = std::result::Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    runtime.spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let handle = handle.clone();
            drop(stream.set_nodelay(true));
            tokio::spawn(async move {
                let service = service_fn(handle);
                let io = TokioIo::new(stream);
                // A caller that disconnects is not an error.
                hyper::server::conn::http1::Builder::new().serve_connection(io, service).await.ok();
            });
        }
    });
    // The parent process ends this one by closing its standard input.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// An answer without content.
pub fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// A process that runs a bare HTTP server for a bench. The process ends when this value is dropped.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    stdin: Option<ChildStdin>,
    pub address: SocketAddr,
}

impl Peer {
    /// Starts a program of this package from the same directory. Fails when the program does not print an address.
    pub fn start(program: &Path, args: &[&str]) -> Result<Self> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no stdout")?;
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)?;
        let address = line.trim().parse().map_err(|error| format!("`{line}`: {error}"))?;
        Ok(Self { child, stdin, address })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stdin = None;
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}
