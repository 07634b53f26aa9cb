//! The HTTP listener: an accept loop with limits on all resources that a caller can make it use.
//!
//! The listener serves HTTP/1.1 until it is stopped. The listener does not identify callers; it limits the resources of
//! every connection, with or without a token.

mod body;
mod connection;
mod head;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Metrics;
use crate::capacity::connection_slots::ConnectionSlots;

/// How long the head of a request may take to arrive, counted from the previous answer, and how long the body may then
/// take. The host closes a connection if the head of its next request does not arrive in this time.
const REQUEST_PATIENCE: Duration = Duration::from_secs(15);
/// How often connections are checked for requests that do not arrive in time.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// The pause after a failed accept. Accepting fails when the process has no file descriptor left, or the caller has
/// already disconnected.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The answer to a new connection when every open connection has a request in progress.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A bound socket, with the routes that it serves and its limits.
#[derive(Debug)]
pub struct Listener {
    pub listener: TcpListener,
    pub router: Router,
    /// The maximum number of open connections.
    pub connections_max: usize,
    pub metrics: Arc<Metrics>,
}

impl Listener {
    /// Serves until `stopped` is set; then accepts no more connections and lets requests in progress finish.
    pub async fn serve(self, mut stopped: watch::Receiver<bool>) {
        let Self { listener, router, connections_max, metrics } = self;
        let seats = Arc::new(ConnectionSlots::new(connections_max, REQUEST_PATIENCE, metrics));
        let mut open = JoinSet::new();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                () = told(&mut stopped) => break,
                _ = sweep.tick() => seats.sweep(Instant::now()),
                Some(_) = open.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let work = admit(stream, &seats, router.clone(), stopped.clone());
                        work.map(|work| open.spawn(work));
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
        drop(listener);
        while !open.is_empty() {
            tokio::select! {
                _ = sweep.tick() => seats.sweep(Instant::now()),
                _ = open.join_next() => {}
            }
        }
    }
}

/// Serves the connection if there is a slot for it; otherwise answers 503 and closes the connection.
fn admit(
    stream: TcpStream,
    seats: &Arc<ConnectionSlots>,
    router: Router,
    stopped: watch::Receiver<bool>,
) -> Option<impl Future<Output = ()> + Send + 'static> {
    let Some(seat) = seats.take(Instant::now()) else {
        // Sending the answer is best effort: bytes that do not fit into the socket buffer at once are dropped.
        stream.try_write(FULL).ok();
        return None;
    };
    // An answer is one small write, so waiting to fill a TCP segment would only delay it.
    stream.set_nodelay(true).ok();
    Some(connection::serve(stream, router, Arc::new(seat), stopped))
}

/// Waits until the listener is told to stop. The sender outlives the listeners; a dropped sender also counts as a stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    stopped.wait_for(|stop| *stop).await.map(|_| ()).unwrap_or_default();
}
