//! The earliest time of the latest event of the actions in a list, as callers write it.

use deed_record::timeline::from_utc;

use crate::config::moment;

/// The accepted forms, for a caller who wrote another one.
pub(crate) const FORMS: &str =
    "a day, such as 2026-01-31, or a time in UTC, such as 2026-01-31T18:00:00Z";

/// Parses a day in UTC, which stands for its beginning, or a time in UTC (RFC 3339), in Unix milliseconds.
pub(crate) fn parse(text: &str) -> Option<i64> {
    // A year has four digits (RFC 3339, section 5.6).
    text.get(4..).filter(|rest| rest.starts_with('-'))?;
    let Some((second, fraction)) = text.split_once('.') else { return moment::parse(text) };
    let at_ms = from_utc(&format!("{second}Z"))?;
    at_ms.checked_add(millis(fraction.strip_suffix('Z')?)?)
}

/// The whole milliseconds of a fraction of a second, such as `5` or `123456`.
fn millis(digits: &str) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let three: String = digits.chars().chain("00".chars()).take(3).collect();
    three.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_its_beginning_and_a_time_may_have_a_fraction() {
        for (text, ms) in [
            ("1970-01-02", 86_400_000),
            ("1970-01-02T00:00:00Z", 86_400_000),
            ("1970-01-01T02:00:01Z", 7_201_000),
            ("1970-01-01 02:00:01Z", 7_201_000),
            ("1970-01-01T00:00:00.5Z", 500),
            ("1970-01-01T00:00:00.07Z", 70),
            ("1970-01-01T00:00:00.123Z", 123),
            ("1970-01-01T00:00:00.123999Z", 123),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn other_forms_and_times_that_do_not_exist_are_refused() {
        for text in [
            "",
            "now",
            "2h",
            "2026-02-29",
            "10000-01-01",
            "-001-01-01",
            "2026-01-31T",
            "2026-01-31Z",
            "2026-01-31T18:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T18:00:00",
            "2026-01-31T18:00:00+01:00",
            "2026-01-31T18:00:00.Z",
            "2026-01-31T18:00:00.5",
            "2026-01-31T18:00:00.5+01:00",
            "2026-01-31T18:00:00.-5Z",
            "2026-01-31T18:00:00Z.5Z",
            "2026-01-31.5Z",
            ".5Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
