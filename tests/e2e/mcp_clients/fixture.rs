//! A server with the tools, prompts and resources that the conformance suite asks for, which the product does not have.
//! It uses the same crate as the product's MCP server, behind the host's own checks, except for the check of the caller.
//! `tests/mcp/suite.json` contains its answers.

mod asks;
mod rounds;
mod suite;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use deed_host::mcp::{Refused, check_message, check_origin};
use deed_tests::services::Result;
use rmcp::transport::StreamableHttpServerConfig;
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use tokio::sync::oneshot;

use self::suite::Suite;

type Service = StreamableHttpService<Suite, LocalSessionManager>;

/// A running server; it ends when dropped.
pub(super) struct Fixture {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Fixture {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || run(listener, stopped));
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// The base URL of the server.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn run(listener: TcpListener, stopped: oneshot::Receiver<()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::select! {
            served = axum::serve(listener, router()).into_future() => served.unwrap(),
            _ = stopped => {}
        }
    });
}

/// The scenarios of the older revision let the server send requests to the client, which needs sessions. The product
/// has no sessions, because it sends no requests to clients.
fn router() -> Router {
    let suite = Suite::new();
    // The host's own check of `Host` comes first, so the crate makes none.
    let settings =
        StreamableHttpServerConfig::default().with_json_response(true).disable_allowed_hosts();
    let sessions = Arc::new(LocalSessionManager::default());
    let service = Service::new(move || Ok(suite.clone()), sessions, settings);
    Router::new().route("/mcp", any(serve)).with_state(service)
}

async fn serve(State(service): State<Service>, request: Request) -> Response {
    match checked(request).await {
        Ok(request) => service.handle(request).await.into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// Makes the host's checks. Only a `POST` carries a message; the other methods open or end a stream of a session.
async fn checked(request: Request) -> std::result::Result<Request, Refused> {
    check_origin(request.headers(), false)?;
    if *request.method() == Method::POST { check_message(request).await } else { Ok(request) }
}
