//! Shutdown of a serving host: what causes it, and in which order its steps run.

use std::time::Duration;

use super::signals::Signals;
use crate::engine::Engine;

/// How long the host waits for running actions when it stops.
const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// How long a host whose store has failed keeps answering, so that people and probes can read the reason.
const FAILED_PATIENCE: Duration = Duration::from_secs(30);
/// How long the host tries to deliver webhooks when it stops, while it closes its listeners.
const WEBHOOK_PATIENCE: Duration = Duration::from_secs(5);
/// How often the store and the clock are checked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Why the host stops serving.
#[derive(Debug)]
pub(crate) enum End {
    Signal,
    /// The journal or a log accepts no more writes.
    Failed(String),
}

/// Waits until SIGINT or SIGTERM arrives, or the journal or a log accepts no more writes.
pub(crate) async fn wait_for_end(signals: &mut Signals, engine: &Engine) -> End {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = signals.next() => return End::Signal,
            _ = look.tick() => {
                if let Some(why) = engine.failed() {
                    return End::Failed(why);
                }
                engine.mind_clock();
            }
        }
    }
}

/// Shuts the host down. New work is refused, but callers can still read everything until the listeners are closed.
///
/// `close_listeners` is awaited only after no action is running any more, so that until then callers can read why new
/// work is refused. Fails with the reason if the store has failed.
pub(crate) async fn run_down(
    end: End,
    engine: &Engine,
    close_listeners: impl Future<Output = ()>,
) -> Result<(), String> {
    engine.stop();
    match end {
        End::Signal => {
            tracing::info!("stopping: the host accepts no new work and waits for running actions");
            let left = engine.land(STOP_PATIENCE).await;
            if left > 0 {
                tracing::warn!(
                    left,
                    "some actions still run; the next start reads the state to find their results"
                );
            }
        }
        End::Failed(why) => {
            tracing::error!(
                "the host cannot continue: {why}; it still answers reads for {FAILED_PATIENCE:?}"
            );
            tokio::time::sleep(FAILED_PATIENCE).await;
        }
    }
    tokio::join!(close_listeners, engine.finish_webhooks(WEBHOOK_PATIENCE));
    engine.close();
    match engine.failed() {
        Some(why) => Err(format!("the host cannot continue: {why}")),
        None => Ok(()),
    }
}
