//! The upstream of one run: what has been applied, and which answer comes next.
//!
//! Until every write of the case was applied, the upstream is in the state `before` of the case; then it is in the
//! state `after`. A run may look several times, so the answers to a request begin again after the last one.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::action::id::ActionId;
use deed_record::contract::Effect;

use super::lines::{Asked, Line, Lines};
use super::wire::{Reply, Request};
use crate::maintenance::contract_test::example;

/// What goes wrong in one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection ends, and the request has no effect.
    LostBefore,
    /// The request has its effect, and then the connection ends.
    LostAfter,
    /// The upstream answers 503, and the request has no effect.
    Unavailable,
    /// The request has its effect, and the answer comes after the time limit of the exchange.
    Slow,
}

impl Fault {
    pub(super) const ALL: [Self; 4] =
        [Self::LostBefore, Self::LostAfter, Self::Unavailable, Self::Slow];

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::LostBefore => "lost before it was read",
            Self::LostAfter => "lost after it was carried out",
            Self::Unavailable => "answered 503",
            Self::Slow => "carried out, and answered too late",
        }
    }
}

/// What the server does with a request.
#[derive(Debug)]
pub(super) enum Act {
    /// Close the connection without an answer.
    Drop,
    Send(Reply),
    /// Send the answer after the time limit of the exchange.
    Late(Reply),
}

#[derive(Debug)]
pub(super) struct Play {
    lines: Lines,
    /// For each line of `writes`, the idempotency key of each time that it was applied.
    applied: Vec<Vec<Option<String>>>,
    /// How often each read was answered.
    served: BTreeMap<String, usize>,
    /// The id of the action, once a request had it.
    id: Option<String>,
    /// The exchange that goes wrong, from 0.
    fault: Option<(usize, Fault)>,
    /// The requests in the order in which they arrived.
    pub(super) seen: Vec<Asked>,
    /// The requests that the case does not have, each with the nearest one of the case.
    pub(super) unexpected: Vec<String>,
}

impl Play {
    pub(super) fn new(lines: Lines, fault: Option<(usize, Fault)>) -> Self {
        let applied = lines.writes.iter().map(|_| vec![]).collect();
        let (served, seen, unexpected) = (BTreeMap::new(), vec![], vec![]);
        Self { lines, applied, served, id: None, fault, seen, unexpected }
    }

    /// Takes a request to this upstream, and decides how it is answered.
    pub(super) fn take(&mut self, upstream: &str, request: &Request) -> Act {
        let n = self.seen.len();
        let asked = self.asked(upstream, request);
        self.seen.push(asked.clone());
        let fault = self.fault.filter(|(at, _)| *at == n).map(|(_, fault)| fault);
        match fault {
            Some(Fault::LostBefore) => return Act::Drop,
            Some(Fault::Unavailable) => {
                return Act::Send(Reply::plain(503, "the upstream is not available"));
            }
            Some(Fault::LostAfter | Fault::Slow) | None => {}
        }
        let key = request.header("idempotency-key").map(str::to_owned);
        let reply = self.reply(&asked, key).map(|reply| self.with_id(reply));
        match (reply, fault) {
            (None, _) | (Some(_), Some(Fault::LostAfter)) => Act::Drop,
            (Some(reply), Some(Fault::Slow)) => Act::Late(reply),
            (Some(reply), _) => Act::Send(reply),
        }
    }

    /// The request with the id of the example in place of the action's own.
    fn asked(&mut self, upstream: &str, request: &Request) -> Asked {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        if self.id.is_none() {
            self.id = found_id(&request.target).or_else(|| found_id(&body));
        }
        let plain = |text: &str| match &self.id {
            Some(id) => text.replace(id, example().as_str()),
            None => text.to_owned(),
        };
        let (target, body) = (plain(&request.target), plain(&body).into_bytes());
        Asked { upstream: upstream.to_owned(), method: request.method.clone(), target, body }
    }

    /// The answer with the id of the action.
    fn with_id(&self, reply: Reply) -> Reply {
        match &self.id {
            Some(id) => Reply { body: reply.body.replace(PLACE, id), ..reply },
            None => reply,
        }
    }

    /// The answer; `None` if it is lost.
    fn reply(&mut self, asked: &Asked, key: Option<String>) -> Option<Reply> {
        if let Some(at) = self.write(asked) {
            self.applied.get_mut(at)?.push(key);
            return self.lines.writes.get(at)?.reply.clone();
        }
        if let Some(line) = self.read(asked) {
            return line.reply;
        }
        let nearest = self.nearest(asked).map_or_else(
            || "the case has no request".to_owned(),
            |line| format!("the nearest request of the case is `{}`", line.asked.shown()),
        );
        self.unexpected.push(format!("`{}` is not in the case; {nearest}", asked.shown()));
        Some(Reply::plain(404, "the case has no such request"))
    }

    /// The position of a write of the case: the first that was not applied yet, or the last that was.
    fn write(&self, asked: &Asked) -> Option<usize> {
        let all = self.lines.writes.iter().zip(&self.applied).enumerate();
        let mut last = None;
        for (at, (_, keys)) in all.filter(|(_, (line, _))| line.writes && line.asked == *asked) {
            if keys.is_empty() {
                return Some(at);
            }
            last = Some(at);
        }
        last
    }

    /// Whether every write of the case was applied.
    pub(super) fn is_after(&self) -> bool {
        self.lines.writes.iter().any(|line| line.writes) && self.not_applied().next().is_none()
    }

    /// The writes of the case that were not applied.
    pub(super) fn not_applied(&self) -> impl Iterator<Item = &Line> {
        let all = self.lines.writes.iter().zip(&self.applied);
        all.filter(|(line, keys)| line.writes && keys.is_empty()).map(|(line, _)| line)
    }

    /// The read of the case that is answered next, if the case has the request.
    fn read(&mut self, asked: &Asked) -> Option<Line> {
        let is_after = self.is_after();
        let Self { lines, served, .. } = self;
        let Lines { before, reads, writes, after } = &*lines;
        // Until the writes are applied, a request of `after` is about something that one of them has created.
        let order: [&[Line]; 4] =
            if is_after { [after, writes, reads, &[]] } else { [before, writes, reads, after] };
        for (n, list) in order.into_iter().enumerate() {
            let is_same = |line: &&Line| !line.writes && line.asked == *asked;
            let same: Vec<&Line> = list.iter().filter(is_same).collect();
            let times = served.entry(format!("{is_after} {n} {}", asked.shown())).or_default();
            if let Some(line) = times.checked_rem(same.len()).and_then(|at| same.get(at)) {
                *times += 1;
                return Some((*line).clone());
            }
        }
        None
    }

    /// The request of the case that has the most in common with this one, from the beginning on.
    fn nearest(&self, asked: &Asked) -> Option<&Line> {
        let text = asked.shown();
        let common = |line: &&Line| {
            let other = line.asked.shown();
            text.chars().zip(other.chars()).take_while(|(one, other)| one == other).count()
        };
        self.lines.all().max_by_key(common)
    }

    /// A write that was applied more often than the case has it, although a repetition has another effect. An upstream
    /// applies a write with the same idempotency key once.
    pub(super) fn applied_again(&self, effect: Effect) -> Option<String> {
        if effect == Effect::Idempotent {
            return None;
        }
        let all = || self.lines.writes.iter().zip(&self.applied).filter(|(line, _)| line.writes);
        all().find_map(|(line, _)| {
            let same: Vec<_> = all().filter(|(other, _)| other.asked == line.asked).collect();
            let keys: Vec<&Option<String>> = same.iter().flat_map(|(_, keys)| *keys).collect();
            let different: BTreeSet<&String> =
                keys.iter().copied().filter_map(Option::as_ref).collect();
            let without = keys.iter().filter(|key| key.is_none()).count();
            let times = different.len() + without;
            (times > same.len())
                .then(|| format!("`{}` was applied {times} times", line.asked.shown()))
        })
    }
}

/// What stands for the id of the action in the answers of a case.
const PLACE: &str = "{action.id}";

/// The first id of an action in a text.
fn found_id(text: &str) -> Option<String> {
    let starts = text.match_indices("act_").map(|(at, _)| at);
    let mut ids = starts.filter_map(|at| text.get(at..at.checked_add(ID_LENGTH)?));
    ids.find(|id| id.parse::<ActionId>().is_ok()).map(str::to_owned)
}

/// The length of the id of an action.
const ID_LENGTH: usize = 30;

#[cfg(test)]
mod tests;
