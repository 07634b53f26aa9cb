//! The front door: an accept loop of our own, with a bound on everything that a caller can make it hold.
//!
//! Takes a listener and its routes, serves HTTP/1.1 until it is told to stop. It knows nobody: callers
//! without a token are stopped here by what they cost, never by who they are.

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

/// How long a whole request may take to come: the head, counted from the last answer, and then the
/// body. An idle connection is one whose next head does not come.
const REQUEST_PATIENCE: Duration = Duration::from_secs(15);
/// How often connections are looked at for that.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Accepting fails when the process has no file left, or the caller is gone already.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What a caller gets when every connection has a request in progress.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A listener with what it serves.
#[derive(Debug)]
pub struct Listener {
    pub listener: TcpListener,
    pub router: Router,
    /// How many connections it holds at once.
    pub connections_max: usize,
    pub metrics: Arc<Metrics>,
}

impl Listener {
    /// Serves until `stopped` says so; then takes nobody in any more and lets requests in progress finish.
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

/// A seat for the connection and the work on it; without one it is told so and closed.
fn admit(
    stream: TcpStream,
    seats: &Arc<ConnectionSlots>,
    router: Router,
    stopped: watch::Receiver<bool>,
) -> Option<impl Future<Output = ()> + Send + 'static> {
    let Some(seat) = seats.take(Instant::now()) else {
        // A courtesy: what does not fit into the socket at once is not said.
        stream.try_write(FULL).ok();
        return None;
    };
    // An answer is one small write; waiting to fill a segment only delays it.
    stream.set_nodelay(true).ok();
    Some(connection::serve(stream, router, Arc::new(seat), stopped))
}

/// The sender outlives the doors; one that is gone means the same as a stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    stopped.wait_for(|stop| *stop).await.map(|_| ()).unwrap_or_default();
}
