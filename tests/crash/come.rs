//! How far an action had come when its host died: takes the journal that the dead left, gives what it says of each
//! write. The next host knows no more than that.

use deed_record::exchange::{Fate, Rendered};
use deed_record::lifecycle::event::Event;
use deed_spec::digest::Digest;
use deed_spec::json;
use deed_tests::journal;
use deed_tests::services::Result;

/// What the journal says of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    NotSent,
    /// Intended, and nobody wrote down how it ended.
    Open,
    /// Answered.
    Done,
}

/// What is known of each write that the action asks for, in their order.
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
        *at.and_then(|at| words.get_mut(at)).ok_or("a write that nobody asked for")? = word;
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

/// The first event that hosts passed as written, by their traces, and that the journal does not have after those
/// before it. A host that is killed from outside may have written more than its trace tells, never less.
pub(crate) fn lost(passed: &[String], events: &[Event]) -> Result<Option<String>> {
    let names = events.iter().map(journal::name).collect::<Result<Vec<_>>>()?;
    let mut left = names.iter();
    let written = passed.iter().filter_map(|name| name.strip_prefix("journal.write.after/"));
    let mut told = written.flat_map(|events| events.split('+'));
    Ok(told.find(|told| !left.any(|name| name == told)).map(str::to_owned))
}
