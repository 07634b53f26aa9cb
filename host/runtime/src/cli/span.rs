//! A span of time, as people write it in an option.

use std::str::FromStr;

use deed_record::contract::Duration;

const DAY_MS: i64 = 24 * 3_600_000;
const DAYS_MAX: u16 = 3_650;

/// A span of time in milliseconds: `90s`, `10m` or `24h` as elsewhere, or days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(i64);

impl Span {
    /// The time at which a span ends that begins now, rounded up to a whole second, as token files have it.
    pub(super) fn end(self, now_ms: i64) -> i64 {
        let end_ms = now_ms.saturating_add(self.0);
        end_ms.saturating_add(999).div_euclid(1000).saturating_mul(1000)
    }

    /// The time at which a span begins that ends now.
    pub(super) fn start(self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.0)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = match text.strip_suffix('d') {
            Some(days) => {
                let days = days.parse::<u16>().ok().filter(|days| *days <= DAYS_MAX);
                days.map(|days| Self(i64::from(days) * DAY_MS))
            }
            None => text.parse::<Duration>().ok().map(|span| Self(span.as_signed())),
        };
        span.ok_or_else(|| {
            format!(
                "write a whole number and s, m, h (at most 720h) or d (at most {DAYS_MAX}d), as in 30d"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let span = |text: &str| text.parse::<Span>();
        for (text, ms) in [("0s", 0), ("90s", 90_000), ("10m", 600_000), ("30d", 30 * DAY_MS)] {
            assert_eq!(span(text), Ok(Span(ms)), "{text}");
        }
        for text in ["", "d", "-1d", "3651d", "721h", "1w", "1.5d", "30"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_span_is_a_whole_second_and_not_early() {
        for (now_ms, end_ms) in [(0, 60_000), (1, 61_000), (999, 61_000), (1_000, 61_000)] {
            assert_eq!(Span(60_000).end(now_ms), end_ms);
        }
    }
}
