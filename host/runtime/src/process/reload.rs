//! Reloads the configuration when SIGHUP arrives.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::serving::Serving;
use super::signals::Hangups;
use crate::engine::{Engine, Reloaded};

/// Says which configuration is in force, and from then on reloads it at each SIGHUP. Signals that arrive during a reload
/// cause one more reload. `then` is called after each reload.
pub(crate) fn follow(
    mut hangups: Hangups,
    engine: &Arc<Engine>,
    dir: PathBuf,
    then: impl Fn() + Send + 'static,
) {
    let engine = Arc::clone(engine);
    let mut serving = Serving::started(engine.parts());
    publish(&serving, &dir);
    tokio::spawn(async move {
        while hangups.next().await {
            if engine.is_stopping() {
                return;
            }
            serving = serving.beginning();
            publish(&serving, &dir);
            let reloaded = engine.reload().await;
            then();
            tell(&reloaded);
            serving = serving.after(&reloaded, engine.parts());
            publish(&serving, &dir);
        }
    });
}

fn publish(serving: &Serving, dir: &Path) {
    if let Err(error) = serving.write(dir) {
        tracing::warn!(%error, "state/serving.json cannot be written, so `deed apply` cannot report the result");
    }
}

fn tell(reloaded: &Reloaded) {
    match reloaded {
        Reloaded::Applied { changes, warnings } => {
            for change in changes {
                let (part, change) = (change.part.as_str(), change.change.as_str());
                tracing::info!(part, change, "the configuration differs");
            }
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            tracing::info!(changes = changes.len(), "the configuration was reloaded");
        }
        Reloaded::Unchanged => {
            tracing::info!("no file has changed; the configuration in force stays");
        }
        Reloaded::Refused(refusal) => {
            for fault in &refusal.faults {
                tracing::error!("{fault}");
            }
            tracing::error!("the configuration was not reloaded; the one before stays in force");
        }
    }
}
