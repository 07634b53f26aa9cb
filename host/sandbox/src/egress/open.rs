//! The requests of a run of an open contract, which are matched with a draft of a plan in a rehearsal, and with the
//! course along the plan in an attempt.
//!
//! The guest must not be able to tell a rehearsal from an attempt. The number of a response is therefore the number of
//! requests that were accepted before it, whether the host sent them or not.

use deed_record::action::private::Prepared;
use deed_record::exchange::Exchange;
use deed_record::plan::Requested;
use deed_record::plan::course::{Course, Step};
use deed_record::plan::draft::{Answered, Draft, Taken};
use deed_record::plan::refusal::Refusal;
use deed_spec::json;

use super::allowlist::{Allowance, REFUSAL, body_of, check_headers};
use crate::bindings::deed::adapter::http::Request;
use crate::grant::is_read;
use crate::limits;
use crate::redact::plain;

/// The reasons for refusals whose text for the guest quotes the request.
const HEADERS: &str = "denied by the host: a request has a header that is not the adapter's to set";
const NOT_JSON: &str =
    "denied by the host: the body is no strict JSON, or is nested deeper than 64 levels";

/// What a run may send.
pub(crate) enum Rules {
    /// The host's own renderings, in which the contract determines every byte.
    Closed(Allowance),
    Open(Open),
}

/// The accepted requests of one run of an open contract.
pub(crate) struct Open {
    way: Way,
    accepted: u32,
}

enum Way {
    Rehearsal(Box<Draft>),
    Attempt(Box<Course>),
}

/// What the host does with an accepted request.
pub(super) enum Next {
    /// The host made the answer.
    Made(Answered),
    /// The rehearsal has sent the read, and the guest gets the same answer again.
    Recorded(Box<Exchange>),
    Read(Prepared),
    /// The write at this position of the plan.
    Write {
        n: usize,
        request: Prepared,
    },
}

impl Rules {
    /// The draft of a rehearsal.
    pub(crate) fn into_draft(self) -> Option<Draft> {
        match self {
            Self::Open(Open { way: Way::Rehearsal(draft), .. }) => Some(*draft),
            Self::Open(Open { way: Way::Attempt(_), .. }) | Self::Closed(_) => None,
        }
    }
}

impl Open {
    pub(crate) fn rehearsal(draft: Draft) -> Self {
        Self { way: Way::Rehearsal(Box::new(draft)), accepted: 0 }
    }

    pub(crate) fn attempt(course: Course) -> Self {
        Self { way: Way::Attempt(Box::new(course)), accepted: 0 }
    }

    /// Matches the request, and returns the number of its response. Fails with a reason for the guest when the contract
    /// or the plan does not allow the request, or the budget is used up.
    pub(super) fn take(&mut self, request: &Request) -> Result<(u32, Next), String> {
        self.find(request).map_err(|Refusal { told, reason }| {
            if let Way::Rehearsal(draft) = &mut self.way {
                draft.refuse(reason);
            }
            plain(&told, REFUSAL)
        })
    }

    fn find(&mut self, request: &Request) -> Result<(u32, Next), Refusal> {
        let refused = |told: String, reason: &str| Refusal { told, reason: reason.to_owned() };
        check_headers(request).map_err(|told| refused(told, HEADERS))?;
        check_size(request)?;
        // The body may become a part of the plan, so a number that is not a safe integer must not change into a text.
        let body = body_of(request, json::parse_exact).map_err(|told| refused(told, NOT_JSON))?;
        let number = self.accepted;
        if usize::try_from(number).unwrap_or(usize::MAX) >= limits::PLANNED_EXCHANGES {
            return Err(format!(
                "denied by the host: a run of an open contract has {} exchanges at most",
                limits::PLANNED_EXCHANGES
            )
            .into());
        }
        let Request { upstream, method, path, .. } = request;
        let next = self.way.next(&Requested { upstream, method, path, body })?;
        self.accepted = number.saturating_add(1);
        Ok((number, next))
    }

    /// Tells the course how a write ended that was sent, because later requests may contain values of the answer. `n` is
    /// the position of the write in the plan, and `is_told` is whether the guest gets the answer. An answer that the
    /// journal did not accept is not told to the guest, and no later request may contain a value of it.
    pub(super) fn ended(&mut self, n: usize, exchange: &Exchange, is_told: bool) {
        let Way::Attempt(course) = &mut self.way else { return };
        if is_told || exchange.failure.is_some() {
            course.answered(n, exchange);
        }
    }
}

impl Way {
    fn next(&mut self, asked: &Requested<'_>) -> Result<Next, Refusal> {
        match self {
            Self::Rehearsal(draft) => match draft.take(asked) {
                Ok(Taken::Read(request)) => Ok(only_read(*request)?),
                Ok(Taken::Answered(answer)) => Ok(Next::Made(answer)),
                Err(told) => {
                    Err(Refusal { told, reason: draft.reason().unwrap_or_default().to_owned() })
                }
            },
            Self::Attempt(course) => match course.take(asked)? {
                Step::Recorded(known) => Ok(Next::Recorded(known)),
                Step::Read(request) => Ok(only_read(request)?),
                Step::Write { n, request } => Ok(Next::Write { n, request }),
            },
        }
    }
}

/// Refuses a body with more values than an answer may have. The values are counted in the text, because parsed values
/// take many times its length.
fn check_size(request: &Request) -> Result<(), String> {
    if request.body.as_deref().map_or(0, values) <= limits::VALUES {
        return Ok(());
    }
    Err(format!(
        "denied by the host: the body of a request has more than {} values",
        limits::VALUES
    ))
}

/// The number of values in a JSON text. For any other text, the number has no meaning.
fn values(text: &str) -> usize {
    let (mut count, mut is_first) = (1_usize, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte.is_ascii_whitespace() {
            continue;
        }
        let is_value = is_first && !matches!(byte, b']' | b'}');
        count += usize::from(is_value || byte == b',');
        is_first = matches!(byte, b'[' | b'{');
        if byte == b'"' {
            skip_text(&mut bytes);
        }
    }
    count
}

/// Skips the rest of a JSON string with its closing quotation mark.
fn skip_text(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// A request that is sent without a place in the plan. Whatever the draft or the course says, such a request never
/// writes.
fn only_read(request: Prepared) -> Result<Next, String> {
    if is_read(&request.public) && is_read(request.live()) {
        return Ok(Next::Read(request));
    }
    let (method, path) = (&request.public.method, &request.public.path);
    Err(format!("denied by the host: `{method} {path}` may write and has no place in the plan"))
}

#[cfg(test)]
mod tests;
