//! Whether a token could be ordinary text.
//!
//! The host replaces every text of every answer that contains a token, whatever separates its letters. A token of words
//! would therefore make upstreams unusable that have nothing to do with its issuer. This check finds mistakes and
//! placeholders. It cannot find a token that an issuer made for this purpose, such as the id of a record.

use std::collections::BTreeSet;

/// The longest word, and the longest number, of ordinary text.
const LONGEST: usize = 20;
/// The fewest different letters and digits of a token, without regard to case.
const DIFFERENT: usize = 8;

/// Whether a token has only words and numbers between its separators, or few different letters. Random texts of 16 bytes
/// mix letters, digits or cases in other ways.
pub(crate) fn is_ordinary(token: &str) -> bool {
    let letters = token.bytes().filter(u8::is_ascii_alphanumeric);
    let different: BTreeSet<u8> = letters.map(|byte| byte.to_ascii_lowercase()).collect();
    let mut parts = token.split(|letter: char| !letter.is_ascii_alphanumeric());
    different.len() < DIFFERENT || parts.all(is_word)
}

/// Whether this is a word that a number may follow, such as `Report2026`.
fn is_word(part: &str) -> bool {
    let number = part.find(|letter: char| letter.is_ascii_digit()).unwrap_or(part.len());
    let (word, number) = part.split_at(number);
    let is_short = word.len() <= LONGEST && number.len() <= LONGEST;
    is_short && number.bytes().all(|byte| byte.is_ascii_digit()) && has_case_of_words(word)
}

/// Whether small letters follow at most one capital letter, as in `report`, `QuarterlyReport` and `REPORT`.
fn has_case_of_words(word: &str) -> bool {
    let cases: Vec<bool> = word.bytes().map(|byte| byte.is_ascii_uppercase()).collect();
    !cases.windows(3).any(|three| three == [true, true, false])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_placeholders_could_be_ordinary_text() {
        for token in [
            "The-Quarterly-Report",
            "the quarterly report",
            "TheQuarterlyReport2026",
            "MY_PRODUCTION_TOKEN",
            "example.com/reports/2026",
            "2026-11-30/12:00:00",
            "1234567890123456",
            "0000000000000000000000000000000000000000",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
            "-=-=-=-=-=-=-=-=",
            "xxxx-xxxx-xxxx-xxxx",
        ] {
            assert!(is_ordinary(token), "{token}");
        }
    }

    #[test]
    fn tokens_of_common_issuers_are_no_ordinary_text() {
        for token in [
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
            "550e8400-e29b-41d4-a716-446655440000",
            "4f9d8a7b6c5e4d3f2a1b0c9d8e7f6a5b",
            "ghs_16C7e42F292c6912E7710c838347Ae178B4a",
            "hvs.CAESIJlWh2mYl8Yc0mVxQk",
            "s.iyNUhq8Ov4hIAx6snw5mB2nL",
            "2YotnFZFEjr1zCsicMWpAA",
            "mF_9.B5f-4.1JqM",
            "hGtRQwzXyBnMkLPq",
            "qwertzuiopasdfghjklyxcvbnm",
        ] {
            assert!(!is_ordinary(token), "{token}");
        }
    }
}
