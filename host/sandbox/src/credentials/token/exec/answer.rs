//! Reads what a program prints: `{"token": "…", "expires_in": 300}`, or an `ExecCredential` as for `kubectl`.

use std::time::Duration;

use deed_record::timeline::from_utc;
use deed_spec::json;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::{Minted, ordinary};
use crate::credentials::Secret;

/// Why the output of a program is not a token. No text contains a part of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerError {
    #[error("did not print one strict JSON value")]
    NoJson,
    #[error(
        "did not print `{{\"token\": \"…\", \"expires_in\": SECONDS}}` without other members, or an `ExecCredential` \
         with `status.token`"
    )]
    Shape,
    #[error("printed a token that is not 16 bytes to 16 KiB of visible ASCII characters")]
    Token,
    #[error(
        "printed a token that could be ordinary text, which the host would remove from all answers; it must print a \
         random token"
    )]
    Ordinary,
    #[error("printed an `expirationTimestamp` that is not a time such as `2026-11-20T22:07:47Z`")]
    Time,
    #[error("printed a token that has expired already")]
    Expired,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    token: String,
    expires_in: Option<u64>,
}

/// The part of `client.authentication.k8s.io` that has a token. The other members are about certificates and about the
/// program's own input.
#[derive(Deserialize)]
struct Credential {
    kind: String,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    token: String,
    #[serde(rename = "expirationTimestamp")]
    expires: Option<String>,
}

pub(super) fn read(name: &str, bytes: &[u8], now_ms: i64) -> Result<Minted, AnswerError> {
    let value = json::parse_exact(bytes).map_err(|_no_json| AnswerError::NoJson)?;
    let (token, lifetime) =
        if value.get("kind").is_some() { credential(value, now_ms)? } else { plain(value)? };
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AnswerError::Token);
    }
    let value = Secret::new(name, token.as_bytes()).map_err(|_unfit| AnswerError::Token)?;
    if ordinary::is_ordinary(value.reveal()) {
        return Err(AnswerError::Ordinary);
    }
    Ok(Minted { value, lifetime })
}

/// A token, and how long it is valid from now on.
type Found = (Zeroizing<String>, Option<Duration>);

fn plain(value: Value) -> Result<Found, AnswerError> {
    let plain: Plain = serde_json::from_value(value).map_err(|_other| AnswerError::Shape)?;
    match plain.expires_in {
        Some(0) => Err(AnswerError::Expired),
        seconds => Ok((Zeroizing::new(plain.token), seconds.map(Duration::from_secs))),
    }
}

fn credential(value: Value, now_ms: i64) -> Result<Found, AnswerError> {
    let credential: Credential =
        serde_json::from_value(value).map_err(|_other| AnswerError::Shape)?;
    if credential.kind != "ExecCredential" {
        return Err(AnswerError::Shape);
    }
    let Status { token, expires } = credential.status;
    let token = Zeroizing::new(token);
    let Some(expires) = expires else { return Ok((token, None)) };
    let left_ms = moment(&expires).ok_or(AnswerError::Time)?.saturating_sub(now_ms);
    match u64::try_from(left_ms) {
        Ok(left_ms) if left_ms > 0 => Ok((token, Some(Duration::from_millis(left_ms)))),
        _ => Err(AnswerError::Expired),
    }
}

/// Unix milliseconds of a time in RFC 3339 form, without fractions of a second, which are dropped.
fn moment(text: &str) -> Option<i64> {
    let (second, rest) = text.split_at_checked(19)?;
    let digits = rest.strip_prefix('.').unwrap_or_default();
    let fraction = digits.bytes().take_while(u8::is_ascii_digit).count();
    let zone = if rest.starts_with('.') {
        digits.get(fraction..).filter(|_| (1..=9).contains(&fraction))?
    } else {
        rest
    };
    let at_ms = from_utc(&format!("{second}Z"))?;
    Some(at_ms.saturating_sub(offset_ms(zone)?))
}

/// The difference of a zone such as `Z` or `-08:00` from UTC.
fn offset_ms(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, most: i64| {
        let is_plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<i64>().ok().filter(|n| is_plain && *n <= most)
    };
    Some(sign * (number(hours, 23)? * 60 + number(minutes, 59)?) * 60_000)
}

#[cfg(test)]
mod tests;
