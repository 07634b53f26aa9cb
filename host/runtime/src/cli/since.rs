//! The time of `deed ls --since`, as people write it in the option.

use std::str::FromStr;

use deed_record::timeline::utc;

use super::span::Span;
use crate::api::since::{FORMS, parse};

/// The earliest time of the latest event, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// This long before the command was started.
    Span(Span),
    /// A day or a time in a form that the host accepts.
    Time(String),
}

impl Since {
    /// The value of the parameter `since`, if it is now this time on this machine.
    pub(super) fn parameter(&self, now_ms: i64) -> String {
        match self {
            Self::Span(span) => utc(span.start(now_ms)).replacen(' ', "T", 1),
            Self::Time(text) => text.clone(),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.parse::<Span>(), parse(text)) {
            (Ok(span), _) => Ok(Self::Span(span)),
            (Err(_), Some(_)) => Ok(Self::Time(text.to_owned())),
            (Err(why), None) => Err(format!("{why}, or {FORMS}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_ends_now_and_a_day_or_a_time_stays_as_it_is() {
        let sent = |text: &str| text.parse::<Since>().map(|since| since.parameter(7_200_999));
        for (text, wanted) in [
            ("2h", "1970-01-01T00:00:00Z"),
            ("30m", "1970-01-01T01:30:00Z"),
            ("1d", "1969-12-31T02:00:00Z"),
            ("2026-01-31", "2026-01-31"),
            ("2026-01-31T18:00:00Z", "2026-01-31T18:00:00Z"),
            ("2026-01-31T18:00:00.5Z", "2026-01-31T18:00:00.5Z"),
        ] {
            assert_eq!(sent(text).as_deref(), Ok(wanted), "{text}");
            assert!(parse(&sent(text).unwrap()).is_some(), "the host refuses {text}");
        }
    }

    #[test]
    fn a_refusal_names_every_form() {
        for text in ["", "2", "-2h", "2w", "yesterday", "2026-01-31T18:00:00", "2026-02-30"] {
            let why = text.parse::<Since>().unwrap_err();
            for form in ["s, m, h", "3650d", "2026-01-31,", "2026-01-31T18:00:00Z"] {
                assert!(why.contains(form), "{text}: {why}");
            }
        }
    }
}
