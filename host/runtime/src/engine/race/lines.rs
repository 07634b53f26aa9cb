//! The explorer's representation of journal lines. A line is small and comparable, and corresponds to a real event.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use deed_record::contract::{Contract, Effect};
use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Fate};
use deed_record::lifecycle::event::{Attempt, Entry, Event, Phase};
use deed_record::lifecycle::observation::Sight;
use deed_record::lifecycle::outcome::{Judgement, Outcome};
use deed_record::lifecycle::story::Story;
use deed_spec::digest::Digest;
use deed_spec::json;

use super::parts::{bound, cleared, contract, decided, envelope, exchange, key, look};

/// One write of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Write {
    pub(super) ordinal: u8,
    pub(super) sent: Sent,
    pub(super) carried_from: Option<u32>,
    pub(super) deadline: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Sent {
    Unsent,
    NoAnswer,
    Done,
}

/// A line of the journal. A line does not contain the time at which it was written, because only deadlines and the
/// start times of observations are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum What {
    Cleared,
    Started { n: u32, epoch: u64 },
    Intended { n: u32, epoch: u64, ordinal: u8, deadline: i64 },
    WriteEnded { n: u32, epoch: u64, write: Write },
    Ended { n: u32, lost: bool, writes: Vec<Write> },
    Looking,
    Looked { began: i64, shown: [u8; 2] },
    Retry,
    Regated,
    Judged { outcome: u8 },
}

/// A journal history, represented by its index in [`Book`], because the explorer compares and stores hundreds of
/// thousands of histories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Lines(u32);

/// One contract, one action of this contract, and every journal history that the exploration reaches.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) contract: Contract,
    pages: RefCell<Vec<Page>>,
    known: RefCell<HashMap<(Lines, What), Lines>>,
}

/// A journal history: the previous history and one more line.
#[derive(Clone, Debug)]
struct Page {
    before: Lines,
    line: Option<What>,
    length: usize,
    /// The story of the action after the last line; `None` if the lines are inconsistent.
    story: Option<Rc<Story>>,
}

impl Book {
    pub(super) fn of(effect: Effect, writes: usize) -> Self {
        let contract = contract(effect, writes);
        let (bound, bindings) = bound(&contract);
        let event =
            Event::Proposed { bound: Arc::new(bound), bindings: Arc::new(bindings), trace: None };
        let look = Sight::shared(look(0, [0; 2]));
        let events = [
            event,
            decided(false),
            Event::ObserveStarted { phase: Phase::Pre },
            Event::Observed { phase: Phase::Pre, observation: look },
            decided(true),
        ];
        let gated = events.map(|event| Entry { at_ms: 0, event });
        let story = Some(Rc::new(Story::fold(&gated).unwrap()));
        let first = Page { before: Lines(0), line: None, length: 0, story };
        Self { contract, pages: RefCell::new(vec![first]), known: RefCell::default() }
    }

    fn page(&self, lines: Lines) -> Page {
        self.pages.borrow()[lines.0 as usize].clone()
    }

    pub(super) fn length(&self, lines: Lines) -> usize {
        self.pages.borrow()[lines.0 as usize].length
    }

    /// The story of the action after these journal lines; `None` if the lines are inconsistent.
    pub(super) fn story(&self, lines: Lines) -> Option<Rc<Story>> {
        self.pages.borrow()[lines.0 as usize].story.clone()
    }

    /// The history with one more line.
    pub(super) fn with(&self, before: Lines, line: What) -> Lines {
        let key = (before, line);
        if let Some(known) = self.known.borrow().get(&key) {
            return *known;
        }
        let line = key.1.clone();
        let Page { story, length, .. } = self.page(before);
        let story = story.and_then(|story| {
            let mut next = (*story).clone();
            let entry = Entry { at_ms: 0, event: self.event(&line, &story) };
            next.apply(&entry).is_ok().then(|| Rc::new(next))
        });
        let mut pages = self.pages.borrow_mut();
        let lines = Lines(u32::try_from(pages.len()).unwrap());
        pages.push(Page { before, line: Some(line), length: length + 1, story });
        self.known.borrow_mut().insert(key, lines);
        lines
    }

    /// The first `length` lines of a history.
    pub(super) fn first(&self, mut lines: Lines, length: usize) -> Lines {
        while self.length(lines) > length {
            lines = self.page(lines).before;
        }
        lines
    }

    /// Whether the predicate `so` is true for one of the lines.
    pub(super) fn any(&self, mut lines: Lines, so: impl Fn(&What) -> bool) -> bool {
        while let Page { before, line: Some(line), .. } = self.page(lines) {
            if so(&line) {
                return true;
            }
            lines = before;
        }
        false
    }

    #[expect(clippy::unused_self, reason = "it is the book that knows how a line reads")]
    fn event(&self, what: &What, story: &Story) -> Event {
        match what {
            What::Cleared => cleared(story),
            What::Started { n, epoch } => {
                let decision = envelope();
                Event::AttemptStarted { n: *n, epoch: *epoch, deadline_ms: i64::MAX, decision }
            }
            What::Intended { n, epoch, ordinal, deadline } => {
                let request = &story.bound.perform[usize::from(*ordinal)];
                Event::WriteIntended {
                    n: *n,
                    epoch: Some(*epoch),
                    ordinal: (*ordinal).into(),
                    request_sha256: Digest::of(&json::to_canonical(request).unwrap()),
                    deadline_ms: *deadline,
                    idempotency_key: key(*ordinal),
                }
            }
            What::WriteEnded { n, epoch, write } => {
                let exchange = Arc::new(exchange(story, write));
                Event::WriteEnded { n: *n, epoch: *epoch, exchange }
            }
            What::Ended { n, lost, writes } => {
                let attempt = Attempt {
                    n: *n,
                    claim: if *lost { Claim::Lost } else { Claim::Done },
                    exchanges: writes.iter().map(|write| exchange(story, write)).collect(),
                    refused: vec![],
                    started_ms: 0,
                    ended_ms: 0,
                };
                Event::AttemptEnded { attempt: Arc::new(attempt) }
            }
            What::Looking => Event::ObserveStarted { phase: Phase::Post },
            What::Looked { began, shown } => {
                let observation = Sight::shared(look(*began, *shown));
                Event::Observed { phase: Phase::Post, observation }
            }
            What::Retry => Event::RetryPlanned { reason: "again".into(), not_before_ms: 0 },
            What::Regated => decided(true),
            What::Judged { outcome } => {
                let judgement = Judgement::plain(OUTCOMES[usize::from(*outcome)], "so it is");
                Event::Judged { judgement: Arc::new(judgement) }
            }
        }
    }
}

/// The outcomes that a judged attempt can have.
pub(super) const OUTCOMES: [Outcome; 4] =
    [Outcome::Verified, Outcome::Mismatch, Outcome::Failed, Outcome::Indeterminate];

/// Converts the writes of a run that was lost with its driver from the real story to the explorer's representation.
pub(super) fn writes_of(attempt: &Attempt) -> Vec<Write> {
    let write = |one: &Exchange| Write {
        ordinal: u8::try_from(one.ordinal).unwrap(),
        sent: match one.fate {
            Fate::NotSent => Sent::Unsent,
            Fate::NoAnswer => Sent::NoAnswer,
            Fate::Answered { .. } => Sent::Done,
        },
        carried_from: one.carried_from,
        deadline: one.deadline_ms,
    };
    attempt.exchanges.iter().map(write).collect()
}
