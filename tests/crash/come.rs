//! The progress of an action when its host was killed, as the journal states it for each write. From its files, the
//! restarted host learns nothing more about the writes than what this module reads.

use deed_record::exchange::{Fate, Rendered};
use deed_record::lifecycle::event::Event;
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_tests::journal;
use deed_tests::services::Result;
use serde_json::Value;

/// The state of a write according to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    NotSent,
    /// The journal has the intent of the write but not its end.
    Open,
    /// The journal has the answer to the write.
    Done,
}

/// The state of each write that the action asks for, in order. The writes of an open contract are those of its plan, in
/// which the id in the answer to the first write replaces the placeholders.
pub(crate) fn words(events: &[Event], writes: usize) -> Result<Vec<Word>> {
    let (mut asked, mut words) = (vec![], vec![Word::NotSent; writes]);
    for event in events {
        let (request, word) = match event {
            Event::Proposed { bound, .. } => {
                let requests = bound.perform.iter().filter(|request| request.writes);
                asked = requests.cloned().collect();
                continue;
            }
            Event::Rehearsed { rehearsal } => {
                let plan = rehearsal.plan.as_ref().ok_or("a rehearsal without a plan")?;
                asked = plan.writes.iter().map(|planned| planned.request.clone()).collect();
                continue;
            }
            Event::WriteIntended { request_sha256, .. } => (*request_sha256, Word::Open),
            Event::WriteEnded { exchange, .. } => (digest(&exchange.request)?, of(exchange.fate)),
            _ => continue,
        };
        let all = asked.iter().map(digest).collect::<Result<Vec<Digest>>>()?;
        let at = all.iter().position(|one| *one == request);
        *at.and_then(|at| words.get_mut(at)).ok_or("a write that was not requested")? = word;
        if let Event::WriteEnded { exchange, .. } = event
            && let Some(id) = exchange.response.as_ref().and_then(|body| body.get("id"))
            && exchange.request.name.as_deref() == Some("make")
        {
            for request in &mut asked {
                fill(request, id);
            }
        }
    }
    Ok(words)
}

/// Puts the id into the places that wait for it.
fn fill(request: &mut Rendered, id: &Value) {
    request.path = request.path.replace("{answer.make.id}", &id.to_string());
    for place in request.awaited.keys() {
        if let Some(slot) = request.body.as_mut().and_then(|body| body.pointer_mut(place)) {
            *slot = id.clone();
        }
    }
}

fn digest(request: &Rendered) -> Result<Digest> {
    Ok(Digest::of(&json::to_canonical(request)?))
}

fn of(fate: Fate) -> Word {
    match fate {
        Fate::NotSent => Word::NotSent,
        Fate::NoAnswer => Word::Open,
        Fate::Answered { .. } => Word::Done,
    }
}

/// The first event that a host's trace reports as written but that is missing at its place in the journal. A host that
/// is killed from outside may have written more events than its trace reports, but never fewer.
pub(crate) fn lost(passed: &[String], events: &[Event]) -> Result<Option<String>> {
    let names = events.iter().map(journal::name).collect::<Result<Vec<_>>>()?;
    let mut left = names.iter();
    let written = passed.iter().filter_map(|name| name.strip_prefix("journal.write.after/"));
    let mut told = written.flat_map(|events| events.split('+'));
    Ok(told.find(|told| !left.any(|name| name == told)).map(str::to_owned))
}
