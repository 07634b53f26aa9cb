//! Request headers for the idempotency key, the wait and the trace. Each header may occur at most once.

use std::time::Duration;

use axum::http::HeaderMap;

use crate::api::KEY_MAX;
use crate::api::problem::Problem;
use crate::engine::Claimed;

/// The longest wait within one request, in seconds. Proxies commonly end a request after 60 seconds without an answer.
pub(crate) const WAIT_MAX_S: u64 = 50;

/// Parses a W3C Trace Context header, `00-<32 hex>-<16 hex>-<2 hex>`, and returns its trace id. Receipts and action
/// lists contain this trace id.
pub(crate) fn traceparent(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = only(headers, "traceparent")? else { return Ok(None) };
    let parts: Vec<&str> = value.split('-').collect();
    match parts.as_slice() {
        ["00", trace, parent, flags] if is_trace_id(trace) && hex(parent, 16) && hex(flags, 2) => {
            Ok(Some((*trace).to_owned()))
        }
        _ => Err(Problem::bad_request(
            "`traceparent` must be `00-<32 hex>-<16 hex>-<2 hex>`, in lower case",
        )),
    }
}

/// Whether a text has the form of a W3C trace id.
pub(crate) fn is_trace_id(text: &str) -> bool {
    hex(text, 32)
}

fn hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<Claimed>, Problem> {
    only(headers, "idempotency-key")?.map(claim).transpose()
}

/// Checks the form of an idempotency key.
pub(crate) fn claim(key: &str) -> Result<Claimed, Problem> {
    let fits = (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        Ok(Claimed { key: key.to_owned() })
    } else {
        Err(Problem::bad_request("`Idempotency-Key` must be 1 to 128 visible ASCII characters"))
    }
}

/// Parses `Prefer: wait=N` (RFC 7240) in seconds, limited to `WAIT_MAX_S`. Other preferences are ignored.
pub(super) fn wait(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = only(headers, "prefer")? else { return Ok(None) };
    let Some(wait) = value.split(',').find_map(|p| p.trim().strip_prefix("wait=")) else {
        return Ok(None);
    };
    let seconds: u64 = wait
        .parse()
        .map_err(|_| Problem::bad_request("`Prefer: wait=N` must have whole seconds"))?;
    Ok(Some(Duration::from_secs(seconds.min(WAIT_MAX_S))))
}

/// The value of a header that may occur only once. A repeated header is refused, because a proxy in front of the host
/// may use another of the values than the host.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(name).iter();
    let (value, None) = (all.next(), all.next()) else {
        return Err(Problem::bad_request(format!("`{name}` occurs twice")));
    };
    // A value that is not visible ASCII is treated like an empty value.
    Ok(value.map(|value| value.to_str().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(value: &str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(
            axum::http::header::HeaderName::from_static("prefer"),
            value.parse().unwrap(),
        )]);
        wait(&headers).unwrap().map(|wait| wait.as_secs())
    }

    #[test]
    fn a_wait_is_capped_below_the_time_of_proxies() {
        for (value, seconds) in [
            ("wait=0", Some(0)),
            ("wait=50", Some(50)),
            ("wait=51", Some(50)),
            ("wait=60", Some(50)),
            ("respond-async, wait=86400", Some(50)),
            ("wait=18446744073709551615", Some(50)),
            ("respond-async", None),
        ] {
            assert_eq!(waits(value), seconds, "{value}");
        }
    }
}
