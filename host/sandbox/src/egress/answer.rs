//! Converts an upstream's answer to the form that is recorded and shown to the guest: decoded, bounded and without
//! secrets.
//!
//! If an answer contains a secret, no excerpt of the answer is shown, because the excerpt could contain a part of the
//! secret.

use std::collections::BTreeMap;

use deed_record::contract::expose;
use deed_record::exchange::Rendered;
use deed_record::exchange::codec::kind::Accepted;
use hyper::header::{
    CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use serde_json::Value;

use super::super::codec::Unusable;
use super::super::codec::gzip::GzipError;
use super::super::exchange_log::Answer;
use super::super::redact::{REDACTED, Redactor};
use super::super::{codec, limits};
use super::taken;
use crate::credentials::Found;
use crate::upstream::{Base, Upstream};

/// The text that is shown for an undecodable answer if its rule has `expose`. No other text about the answer is shown.
const NOT_UNDERSTOOD: &str = "the answer cannot be decoded, and `expose` hides its content";
/// The same for a rule with `secrets`, which cannot be taken out of such an answer.
const SECRET: &str =
    "the answer cannot be decoded, and its content is not shown because it has secrets";

/// A complete answer of an upstream.
pub(super) struct Arrived<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    /// The decompressed body; the body as it arrived if it cannot be decompressed.
    pub(super) bytes: Vec<u8>,
    /// Why the body cannot be decompressed.
    pub(super) packed: Option<GzipError>,
}

/// Decodes the exposed fields of an answer and redacts them. Also returns the secrets that were taken out of it.
pub(super) fn read(
    redactor: &Redactor,
    rule: &Rendered,
    upstream: &Upstream,
    arrived: &Arrived<'_>,
) -> (Answer, Vec<Found>) {
    let Arrived { status, headers, ref bytes, ref packed } = *arrived;
    let decoded = match packed {
        None => decode(rule, &upstream.accepted, headers, bytes).and_then(of_bounded_size),
        Some(why) => Err(Unusable::by_head(why.to_string())),
    };
    let (mut body, problem) = match decoded {
        // A body that is `null` counts as absent: a record does not distinguish a `null` body from an absent body, and
        // neither contains a state.
        Ok(body) => (body.filter(|value| !value.is_null()), None),
        Err(Unusable { quotes: true, .. }) if !rule.secrets.is_empty() => {
            (None, Some(SECRET.into()))
        }
        // An excerpt would show fields that the rule does not expose.
        Err(Unusable { quotes: true, .. }) if rule.expose.is_some() => {
            (None, Some(NOT_UNDERSTOOD.into()))
        }
        Err(Unusable { why, .. }) => {
            if status >= 400 && rule.expose.is_none() && rule.secrets.is_empty() {
                log(redactor, rule, status, bytes);
            }
            (None, Some(told(redactor, &why, headers, bytes)))
        }
    };
    let (found, mut places) = taken::take(redactor, rule, body.as_mut());
    if let (false, Some(pointers)) = (rule.secrets.is_empty(), &rule.expose) {
        // The contract does not expose the places of secrets.
        body = body.map(|value| expose::only(value, pointers));
        places.clear();
    }
    let mut redacted = body.as_mut().map(|value| redactor.value(value)).unwrap_or_default();
    if redacted.first().is_none_or(|first| !first.is_empty()) {
        redacted.append(&mut places);
        redacted.sort();
        redacted.dedup();
    }
    let retry_after_s = retry_after_s(headers);
    let place =
        rule.location.is_some().then(|| location(redactor, &upstream.base, headers)).flatten();
    let etag = etag(redactor, headers);
    let mut headers = shown(redactor, headers);
    headers.extend(place.map(|place| (LOCATION.as_str().to_owned(), place)));
    let (failure, secrets) = (None, Vec::new());
    let answer =
        Answer { status, body, etag, redacted, problem, headers, failure, retry_after_s, secrets };
    (answer, found)
}

/// Decodes the exposed fields of an answer, and the secrets that the upstream created.
fn decode(
    rule: &Rendered,
    accepted: &Accepted,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Option<Value>, Unusable> {
    let Some(pointers) = rule.expose.as_ref().filter(|_| !rule.secrets.is_empty()) else {
        return codec::decode(rule, accepted, headers, bytes);
    };
    let all = pointers.iter().chain(rule.secrets.values()).cloned().collect();
    let wider = Rendered { expose: Some(all), ..rule.clone() };
    codec::decode(&wider, accepted, headers, bytes)
}

/// The entity tag of an answer, if there is exactly one (RFC 9110 section 8.8.3); `None` if it is malformed or contains
/// a secret.
fn etag(redactor: &Redactor, headers: &HeaderMap) -> Option<String> {
    let mut tags = headers.get_all(ETAG).iter();
    let (Some(tag), None) = (tags.next(), tags.next()) else { return None };
    let tag = tag.to_str().ok().filter(|tag| is_tag(tag))?;
    (!redactor.finds(tag)).then(|| tag.to_owned())
}

/// Parses `Retry-After` (RFC 9110 section 10.2.3): a number of seconds, or a date. A date is converted to the seconds
/// after the `Date` header of the same answer, so it does not matter whether the upstream's clock is right.
fn retry_after_s(headers: &HeaderMap) -> Option<u32> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // A number that does not fit into `u32` becomes the largest `u32`, so that the host does not retry at once.
        return Some(text.parse().unwrap_or(u32::MAX));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    // A date that has already passed results in no pause.
    let pause = until.duration_since(now).unwrap_or_default();
    Some(u32::try_from(pause.as_secs()).unwrap_or(u32::MAX))
}

/// Whether this is an entity tag: `"…"` or `W/"…"` around visible characters other than quotes.
fn is_tag(tag: &str) -> bool {
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let opaque = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    tag.len() <= limits::ETAG
        && opaque.is_some_and(|opaque| opaque.bytes().all(|b| b.is_ascii_graphic() && b != b'"'))
}

/// Returns why an answer could not be decoded. The text may contain an excerpt of the answer that cuts a secret, so the
/// complete content type and body are searched for secrets.
fn told(redactor: &Redactor, problem: &str, headers: &HeaderMap, bytes: &[u8]) -> String {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
    let holds = |bytes: &[u8]| redactor.finds(&String::from_utf8_lossy(bytes));
    if kinds.any(holds) || holds(bytes) {
        return "the answer cannot be decoded, and it held a secret".into();
    }
    redactor.text(problem, limits::TEXT)
}

/// Logs the text of an error that cannot be decoded, for the author of a contract. It is not recorded: a record has only
/// what the codec of the rule accepts.
fn log(redactor: &Redactor, rule: &Rendered, status: u16, bytes: &[u8]) {
    let text = redactor.text(&String::from_utf8_lossy(bytes), limits::TEXT);
    tracing::debug!("upstream `{}` answered {status}: {text}", rule.upstream);
}

/// The headers of every answer that a guest sees: the content type and the entity tag.
fn shown(redactor: &Redactor, headers: &HeaderMap) -> BTreeMap<String, String> {
    let one = |name: HeaderName| {
        let value = headers.get(&name)?.to_str().ok()?;
        let value = Some(value).filter(|value| value.len() <= limits::HEADER)?;
        let value = if redactor.finds(value) { REDACTED } else { value };
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    [CONTENT_TYPE, ETAG].into_iter().filter_map(one).collect()
}

/// The path of `Location` below the base URL of the upstream, if there is exactly one such header. A location elsewhere,
/// or one with a secret, is not recorded.
fn location(redactor: &Redactor, base: &Base, headers: &HeaderMap) -> Option<String> {
    let mut places = headers.get_all(LOCATION).iter();
    let (Some(place), None) = (places.next(), places.next()) else { return None };
    let place = place.to_str().ok().filter(|place| place.len() <= limits::HEADER)?;
    let path = base.path_below(place)?;
    (!redactor.finds(place)).then_some(path)
}

/// Refuses a body with more values than a record may contain.
fn of_bounded_size(body: Option<Value>) -> Result<Option<Value>, Unusable> {
    if body.as_ref().is_some_and(|value| count(value) > limits::VALUES) {
        let why = format!("the answer has more than {} values", limits::VALUES);
        return Err(Unusable::by_head(why));
    }
    Ok(body)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum::<usize>(),
        _ => 0,
    }
}
