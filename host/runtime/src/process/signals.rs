//! Signal handling of a serving process: SIGINT and SIGTERM end the host, and SIGHUP is ignored.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Logs and ignores SIGHUP. Many servers reload their configuration on SIGHUP, but this host reads its configuration
/// only on startup. Fails when the signal handler cannot be installed.
pub(crate) fn ignore_hangups() -> Result<(), String> {
    let mut hangups = signal(SignalKind::hangup()).map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            tracing::warn!(
                "SIGHUP is ignored: the configuration is read on startup; restart the host to change it"
            );
        }
    });
    Ok(())
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
