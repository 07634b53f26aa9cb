//! The requests that a run may send. A guest's request selects one of the host's own renderings or is refused.
//!
//! The host sends its own rendering and never any byte of the guest's request.

use deed_record::action::private::Prepared;
use deed_record::exchange::Rendered;
use deed_spec::json;
use serde_json::Value;

use crate::bindings::deed::adapter::http::Request;
use crate::limits;
use crate::redact::plain;

/// Maximum bytes of a refusal. A refusal quotes the guest's request, and the guest may log it.
pub(super) const REFUSAL: usize = 2 << 10;

/// Maximum number of places in a body that a refusal names, which is enough to find the mistake.
const PLACES: usize = 8;

/// The requests of one run, and how often each may still be sent.
#[derive(Debug)]
pub(crate) struct Allowance {
    contract: String,
    phase: &'static str,
    requests: Vec<(Prepared, u32)>,
    left: usize,
}

impl Allowance {
    /// `phase` is the contract's table that the requests come from: `observe` or `perform`.
    pub(crate) fn new(contract: &str, phase: &'static str, requests: Vec<Prepared>) -> Self {
        let requests = requests.into_iter().map(|request| (request.public.calls, request));
        let requests = requests.map(|(calls, request)| (request, calls)).collect();
        Self { contract: contract.into(), phase, requests, left: limits::EXCHANGES }
    }

    /// Finds the rendering that equals the request, and counts the request as one of the calls that the rule allows.
    /// Fails with a reason for the guest when no rendering equals the request or a budget is used up.
    pub(crate) fn take(&mut self, request: &Request) -> Result<Prepared, String> {
        self.find(request).map_err(|reason| plain(&reason, REFUSAL))
    }

    fn find(&mut self, request: &Request) -> Result<Prepared, String> {
        check_headers(request)?;
        let body = body_of(request, json::parse)?;
        let same = |(rendered, _): &&(Prepared, u32)| names(rendered.live(), request);
        let Some((first, _)) = self.requests.iter().find(same) else {
            return Err(self.unknown(request));
        };
        if !self.requests.iter().filter(same).any(|(rendered, _)| rendered.live().body == body) {
            // The refusal quotes only the public rendering and the places that differ.
            return Err(other_body(first, body.as_ref()));
        }
        if self.left == 0 {
            return Err(format!(
                "denied by the host: a run has {} exchanges at most",
                limits::EXCHANGES
            ));
        }
        let fits = |(rendered, calls): &&mut (Prepared, u32)| {
            names(rendered.live(), request) && rendered.live().body == body && *calls > 0
        };
        let Some((rendered, calls)) = self.requests.iter_mut().find(fits) else {
            return Err(self.spent(request));
        };
        *calls -= 1;
        self.left -= 1;
        Ok(rendered.clone())
    }

    /// Builds the refusal of an unknown request. The refusal names the requests of this run, and the lines that would
    /// allow the refused request if the contract had them.
    fn unknown(&self, request: &Request) -> String {
        let known: Vec<String> = self
            .requests
            .iter()
            .map(|(Prepared { public: rendered, .. }, _)| {
                format!("`{} {}` to `{}`", rendered.method, rendered.path, rendered.upstream)
            })
            .collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        let Request { upstream, method, path, .. } = request;
        let looks = matches!(method.as_str(), "GET" | "HEAD");
        let remedy = if self.phase == "observe" && !looks {
            "observe takes only GET, HEAD, and POST with `reads`; a write belongs into `[[perform.http]]`"
                .to_owned()
        } else {
            format!(
                "`[[{}.http]]` with upstream = \"{upstream}\", request = \"{method} {path}\" would allow it",
                self.phase
            )
        };
        format!(
            "denied by contract `{}`: `{method} {path}` to `{upstream}` is none of this run's requests; \
             it may send {known}. {remedy}",
            self.contract,
        )
    }

    fn spent(&self, request: &Request) -> String {
        format!(
            "denied by contract `{}`: `{} {}` was sent as often as one run may; a larger `calls` in its \
             `[[{}.http]]` would allow more",
            self.contract, request.method, request.path, self.phase,
        )
    }
}

fn names(rendered: &Rendered, request: &Request) -> bool {
    rendered.upstream == request.upstream
        && rendered.method == request.method
        && rendered.path == request.path
}

pub(super) fn check_headers(request: &Request) -> Result<(), String> {
    let own = |name: &str| {
        name.eq_ignore_ascii_case("accept") || name.eq_ignore_ascii_case("content-type")
    };
    match request.headers.iter().find(|(name, _)| !own(name)) {
        None => Ok(()),
        Some((name, _)) => Err(format!(
            "denied by the host: header `{name}` is not the adapter's to set; leave it out, the operator's \
             configuration of the upstream sets headers and credentials"
        )),
    }
}

pub(super) fn body_of(
    request: &Request,
    parse: fn(&[u8]) -> Result<Value, json::ParseError>,
) -> Result<Option<Value>, String> {
    let body = request.body.as_ref().map(|text| parse(text.as_bytes())).transpose();
    body.map_err(|error| format!("denied by the host: the body is no strict JSON: {error}"))
}

fn other_body(rendered: &Prepared, body: Option<&Value>) -> String {
    let request = format!("`{} {}`", rendered.public.method, rendered.public.path);
    match (&rendered.live().body, body) {
        (Some(own), Some(other)) => {
            let mut places = Vec::new();
            differing(own, other, "", &mut places);
            format!(
                "denied by the contract: the body of {request} differs from the rendered one at `{}`",
                places.join("`, `")
            )
        }
        (Some(_), None) => {
            format!("denied by the contract: {request} has a body, and the adapter sent none")
        }
        (None, _) => format!(
            "denied by the contract: {request} has no body; `body` in its rule would give it one"
        ),
    }
}

/// Collects the first few places where a body differs from the rendered body. The function does not search deeper than
/// the rendered body: a guest could put thousands of fields below a long name, and each reported place would repeat
/// that name.
fn differing(own: &Value, other: &Value, at: &str, places: &mut Vec<String>) {
    let (Value::Object(left), Value::Object(right)) = (own, other) else {
        if own != other {
            places.push(at.to_owned());
        }
        return;
    };
    let added = right.keys().filter(|name| !left.contains_key(*name));
    for name in left.keys().chain(added) {
        if places.len() >= PLACES {
            return;
        }
        match (left.get(name), right.get(name)) {
            (Some(own), Some(other)) => differing(own, other, &json::child(at, name), places),
            _ => places.push(json::child(at, name)),
        }
    }
}

#[cfg(test)]
mod tests;
