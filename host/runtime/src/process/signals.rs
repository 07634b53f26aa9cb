//! Signal handling of a serving process: SIGINT and SIGTERM end the host, and SIGHUP reloads its configuration.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGHUP, which asks for a reload. A signal that arrives while the host still starts is kept.
#[derive(Debug)]
pub(crate) struct Hangups(Signal);

impl Hangups {
    /// From this call on, SIGHUP does not end the process. Fails when the signal handler cannot be installed.
    pub(crate) fn listen() -> Result<Self, String> {
        signal(SignalKind::hangup()).map(Self).map_err(|e| e.to_string())
    }

    /// Waits for the next SIGHUP. Several signals that arrive before this call count as one. Returns false if no signal
    /// can arrive any more.
    pub(crate) async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}

/// The signals with which an operator stops a host: SIGINT and SIGTERM.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|e| e.to_string());
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next SIGINT or SIGTERM.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
