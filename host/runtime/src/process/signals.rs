//! The signals of a serving process: two that end it, and one that it ignores.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Logs and ignores SIGHUP, by which many servers reload their configuration; this one reads it only at the start.
/// Fails when the signal handler cannot be installed.
pub(crate) fn ignore_hangups() -> Result<(), String> {
    let mut hangups = signal(SignalKind::hangup()).map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            tracing::warn!(
                "SIGHUP is ignored: the configuration is read at the start; restart the host to change it"
            );
        }
    });
    Ok(())
}

/// The signals by which an operator ends a host.
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

    /// Waits for the next of either.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
