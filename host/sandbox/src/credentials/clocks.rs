//! The difference between the clocks of the host and of another party, for reasons of refusals.

use std::time::UNIX_EPOCH;

use hyper::header::{DATE, HeaderMap};

/// A difference up to this many seconds is not reported. It can be the time that the answer took, and a proof of the
/// host is valid for at least as long.
const SLACK_S: u64 = 60;

/// Says by how much the `Date` of an answer (RFC 9110 section 6.6.1) differs from the host's clock; `None` if it has no
/// date, or if the difference is small. The text has no other part of the answer.
pub(crate) fn difference(headers: &HeaderMap, now_ms: i64) -> Option<String> {
    let mut dates = headers.get_all(DATE).iter();
    let (Some(date), None) = (dates.next(), dates.next()) else { return None };
    let date = httpdate::parse_http_date(date.to_str().ok()?).ok()?;
    let date_s = i64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let ahead_s = date_s.saturating_sub(now_ms.div_euclid(1_000));
    let (seconds, side) = (ahead_s.unsigned_abs(), if ahead_s > 0 { "ahead of" } else { "behind" });
    (seconds > SLACK_S)
        .then(|| format!("the `Date` of the answer is {seconds} s {side} the host's clock"))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    /// Noon of 30 November 2026.
    const NOON: &str = "Mon, 30 Nov 2026 12:00:00 GMT";
    const NOON_MS: i64 = 1_796_040_000_000;

    fn dated(dates: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for date in dates {
            headers.append(DATE, HeaderValue::from_str(date).unwrap());
        }
        headers
    }

    #[test]
    fn a_difference_of_more_than_a_minute_is_reported_with_its_direction() {
        for (ms, expected) in [
            (0, None),
            (60_999, None),
            (-60_000, None),
            (61_000, Some("is 61 s behind the host's clock")),
            (-300_000, Some("is 300 s ahead of the host's clock")),
        ] {
            let said = difference(&dated(&[NOON]), NOON_MS + ms);
            assert_eq!(said.is_some(), expected.is_some(), "{ms}: {said:?}");
            assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{ms}");
        }
    }

    #[test]
    fn an_answer_without_one_valid_date_reports_nothing() {
        let cases: [&[&str]; 4] = [&[], &["yesterday"], &[NOON, NOON], &["1796040000"]];
        for dates in cases {
            assert_eq!(difference(&dated(dates), 0), None, "{dates:?}");
        }
    }
}
