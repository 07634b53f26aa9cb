//! The progress of an action when its host was killed, as the journal states it for each write. From its files, the
//! restarted host learns nothing more about the writes than what this module reads.

use deed_record::exchange::{Fate, Rendered};
use deed_record::lifecycle::event::Event;
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_tests::journal;
use deed_tests::services::Result;

/// The state of a write according to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    NotSent,
    /// The journal has the intent of the write but not its end.
    Open,
    /// The journal has the answer to the write.
    Done,
}

/// The state of each write that the action asks for, in order.
pub(crate) fn words(events: &[Event], writes: usize) -> Result<Vec<Word>> {
    let (mut asked, mut words) = (vec![], vec![Word::NotSent; writes]);
    for event in events {
        let (request, word) = match event {
            Event::Proposed { bound, .. } => {
                let requests = bound.perform.iter().filter(|request| request.writes);
                asked = requests.map(digest).collect::<Result<_>>()?;
                continue;
            }
            Event::WriteIntended { request_sha256, .. } => (*request_sha256, Word::Open),
            Event::WriteEnded { exchange, .. } => (digest(&exchange.request)?, of(exchange.fate)),
            _ => continue,
        };
        let at = asked.iter().position(|one| *one == request);
        *at.and_then(|at| words.get_mut(at)).ok_or("a write that was not requested")? = word;
    }
    Ok(words)
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
