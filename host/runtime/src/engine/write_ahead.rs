//! Write-ahead journaling: each step of a write is in the journal before the sandbox's egress, which sends the write,
//! continues.

use std::sync::Arc;

use deed_record::exchange::WITHHELD;
use deed_record::lifecycle::event::Event;
use deed_record::lifecycle::story::Story;
use deed_sandbox::{Intent, Keep, WriteStep};
use deed_spec::digest::Digest;
use deed_spec::json;
use tokio::sync::Mutex;

use super::Engine;
use super::current::Current;
use super::unit_of_work::UnitOfWork;

/// Returns the function that egress calls to append the steps of writes. An intent is durable when the function
/// returns; a result becomes durable with the next intent or the receipt. The returned function shares the story of the
/// action with the driver during the run, so that each append continues from the previous version. Each append runs in
/// a separate task, so that the story and the journal do not diverge if egress stops waiting.
///
/// `under` is the configuration of the decision that permitted the attempt. What a newer configuration revokes is not
/// used for another write. This is checked before an intent is declared, and again when the connection is open.
pub(super) fn steps(
    engine: &Arc<Engine>,
    under: &Arc<Current>,
    work: Arc<Mutex<UnitOfWork>>,
    n: u32,
    epoch: u64,
) -> Keep {
    let (engine, under) = (Arc::clone(engine), Arc::clone(under));
    Arc::new(move |step: WriteStep| {
        let (engine, work) = (Arc::clone(&engine), Arc::clone(&work));
        let under = Arc::clone(&under);
        let append = tokio::spawn(async move {
            let mut work = work.lock_owned().await;
            let is_result = matches!(step, WriteStep::Ended(_));
            if !is_result && let Some(why) = withheld(&engine, &under, &work.story) {
                return Err(format!("{WITHHELD}{why}"));
            }
            // The append of a result does not wait for the disk: the journal is one sequence, so the result of a write
            // is on disk with the next intent or with the receipt.
            let durable = matches!(step, WriteStep::Intended(_));
            let event = match step {
                WriteStep::Ended(exchange) => {
                    Event::WriteEnded { n, epoch, exchange: exchange.into() }
                }
                WriteStep::Sending => return Ok(()),
                WriteStep::Intended(intent) => intended(n, epoch, *intent)?,
            };
            let mark = work.mark();
            let kept = match work.append(&engine, event).await {
                Ok(()) => work.flush(&engine, durable).await,
                Err(error) => Err(error),
            };
            kept.map_err(|error| {
                work.back_to(mark);
                let what = if durable { "the intent to send is not durable: " } else { "" };
                format!("{what}{error}")
            })
        });
        Box::pin(async move { append.await.map_err(|e| e.to_string())? })
    })
}

/// Why a write of an attempt that was permitted under `under` must not be sent now. The expiry of the approval is
/// checked too, because the run may have waited for its slot, and the write for its connection.
fn withheld(engine: &Engine, under: &Arc<Current>, story: &Story) -> Option<String> {
    let ask = story.ask.as_ref();
    if ask.is_some_and(|ask| engine.clock.latest_ms() >= ask.expires_ms) {
        return Some("the approval has expired".to_owned());
    }
    engine.revoked(under, story)
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
