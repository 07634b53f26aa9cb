//! Write-ahead journaling: each step of a write is in the journal before the sandbox's egress, which sends the write,
//! continues.

use std::sync::Arc;

use deed_record::lifecycle::event::Event;
use deed_sandbox::{Intent, Keep, WriteStep};
use deed_spec::digest::Digest;
use deed_spec::json;
use tokio::sync::Mutex;

use super::Engine;
use super::unit_of_work::UnitOfWork;

/// Returns the function that egress calls to append the steps of writes. An intent is durable when the function
/// returns; a result becomes durable with the next intent or the receipt. The returned function shares the story of the
/// action with the driver during the run, so that each append continues from the previous version. Each append runs in
/// a separate task, so that the story and the journal do not diverge if egress stops waiting.
pub(super) fn steps(
    engine: &Arc<Engine>,
    work: Arc<Mutex<UnitOfWork>>,
    n: u32,
    epoch: u64,
) -> Keep {
    let engine = Arc::clone(engine);
    Arc::new(move |step: WriteStep| {
        let (engine, work) = (Arc::clone(&engine), Arc::clone(&work));
        let append = tokio::spawn(async move {
            let mut work = work.lock_owned().await;
            // The append of a result does not wait for the disk: the journal is one sequence, so the result of a write
            // is on disk with the next intent or with the receipt.
            let durable = matches!(step, WriteStep::Intended(_));
            let event = match step {
                WriteStep::Ended(exchange) => {
                    Event::WriteEnded { n, epoch, exchange: exchange.into() }
                }
                WriteStep::Intended(intent) => {
                    // The expiry of the approval is checked before each write, because the run may have waited for its
                    // slot.
                    let ask = work.story.ask.as_ref();
                    if ask.is_some_and(|ask| engine.clock.latest_ms() >= ask.expires_ms) {
                        return Err("the approval has expired".to_owned());
                    }
                    intended(n, epoch, *intent)?
                }
            };
            let mark = work.mark();
            let kept = match work.append(&engine, event).await {
                Ok(()) => work.flush(&engine, durable).await,
                Err(error) => Err(error),
            };
            kept.map_err(|error| {
                work.back_to(mark);
                error.to_string()
            })
        });
        Box::pin(async move { append.await.map_err(|e| e.to_string())? })
    })
}

fn intended(n: u32, epoch: u64, intent: Intent) -> Result<Event, String> {
    let bytes = json::to_canonical(&intent.request).map_err(|e| e.to_string())?;
    Ok(Event::WriteIntended {
        n,
        epoch: Some(epoch),
        ordinal: intent.ordinal,
        request_sha256: Digest::of(&bytes),
        deadline_ms: intent.deadline_ms,
        idempotency_key: intent.idempotency_key,
    })
}
