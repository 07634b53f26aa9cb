//! A time that people declare or ask for: a date, or a date and a time in UTC.

use deed_record::timeline::from_utc;

/// Parses a date such as `2027-03-01`, which stands for its beginning, or a time in UTC such as `2027-03-01T09:00:00Z`
/// (RFC 3339), in Unix milliseconds.
pub(crate) fn parse(text: &str) -> Option<i64> {
    from_utc(text).or_else(|| from_utc(&format!("{text} 00:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_moment_in_utc() {
        let day = from_utc("2027-03-01 00:00:00Z");
        assert!(day.is_some());
        assert_eq!(parse("2027-03-01"), day);
        assert_eq!(parse("2027-03-01T00:00:00Z"), day);
        assert_eq!(parse("2027-03-01 09:30:00Z"), day.map(|ms| ms + 34_200_000));
    }

    #[test]
    fn other_forms_and_dates_that_do_not_exist_are_refused() {
        for text in [
            "",
            "2027",
            "2027-02-29",
            "2027-3-1",
            "01.03.2027",
            "2027-03-01T09:00:00",
            "2027-03-01T09:00:00+01:00",
            "2027-03-01T",
            "2027-03-01Z",
            " 2027-03-01",
            "in a year",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
