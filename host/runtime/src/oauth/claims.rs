//! The claims that every access token must have (RFC 7519, RFC 9068), whether the token itself or its issuer states
//! them.

use std::ops::RangeInclusive;

use deed_record::action::Requester;
use serde_json::Value;

use super::{Members, Refusal};
use crate::config::Issuer;

/// How far the clocks of the host and of an issuer may differ, in seconds.
const LEEWAY_S: i64 = 30;
/// How long a signed token may be valid from now on, in seconds. The host would accept it until then, even if the
/// issuer revoked it. An issuer that the host asks says at any time whether a token is active.
const LIFETIME_MAX_S: i64 = 24 * 60 * 60;
/// The values of `token_use` of access tokens.
const USES: [&str; 2] = ["access_token", "access"];
/// The values of `token_type` of access tokens that need no further proof.
const TYPES: [&str; 3] = ["Bearer", "access_token", "access"];
/// The values of the claim `typ` of tokens that are not access tokens.
const OTHER_TYPES: [&str; 4] = ["Refresh", "Offline", "ID", "Logout"];
/// The length in bytes of the party for whom an agent acts, as in a proposal.
const PARTY_BYTES: RangeInclusive<usize> = 1..=256;

/// Where claims come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A signed token.
    Jws,
    /// An answer of the issuer, which need not name the issuer (RFC 7662).
    Answer,
}

/// Checks that a token is from this issuer, for this host, valid at this time, and has the scope that is required.
pub(super) fn check(
    issuer: &Issuer,
    claims: &Members,
    origin: Origin,
    now_s: i64,
) -> Result<(), Refusal> {
    let named = claims.get("iss").map(|iss| iss.as_str() == Some(issuer.url.as_str()));
    if !named.unwrap_or(origin == Origin::Answer) {
        return Err(Refusal::Invalid("the issuer of the access token is another one"));
    }
    if !claims.get("aud").is_some_and(|aud| has(aud, &issuer.audience)) {
        return Err(Refusal::Invalid("the access token is for another audience"));
    }
    if !is_for_access(claims) {
        return Err(Refusal::Invalid("the token is for another use than access"));
    }
    times(claims, origin, now_s)?;
    if claims.contains_key("cnf") {
        let what =
            "the access token is bound to a key of its holder, which the host does not check";
        return Err(Refusal::Invalid(what));
    }
    match &issuer.scope {
        Some(required) if !in_scope(claims, required) => {
            Err(Refusal::Scope { required: required.clone() })
        }
        _ => Ok(()),
    }
}

/// Whether a token is an access token as far as the issuer says it. An issuer can say that a refresh token is active
/// (RFC 7662), and some sign refresh tokens with the key of access tokens.
fn is_for_access(claims: &Members) -> bool {
    let is_one_of = |name: &str, words: &[&str]| match claims.get(name) {
        None | Some(Value::Null) => true,
        Some(Value::String(word)) => words.iter().any(|one| one.eq_ignore_ascii_case(word)),
        Some(_) => false,
    };
    let is_other = claims.get("typ").is_some_and(|typ| {
        let word = typ.as_str().unwrap_or_default();
        OTHER_TYPES.iter().any(|one| one.eq_ignore_ascii_case(word))
    });
    !is_other && is_one_of("token_use", &USES) && is_one_of("token_type", &TYPES)
}

/// Whether a claim is this text, or an array that contains it.
pub(super) fn has(claim: &Value, text: &str) -> bool {
    match claim {
        Value::String(one) => one == text,
        Value::Array(all) => all.iter().any(|one| one.as_str() == Some(text)),
        _ => false,
    }
}

fn times(claims: &Members, origin: Origin, now_s: i64) -> Result<(), Refusal> {
    let invalid = |what| Err(Refusal::Invalid(what));
    let is_time = |name: &&str| claims.get(*name).is_none_or(|time| seconds(time).is_some());
    if !["exp", "nbf", "iat"].iter().all(is_time) {
        return invalid("exp, nbf or iat of the access token is not a number of seconds");
    }
    let time = |name: &str| claims.get(name).and_then(seconds);
    let Some(expires) = time("exp") else {
        return invalid("the access token has no time at which it expires");
    };
    if now_s >= expires.saturating_add(LEEWAY_S) {
        return invalid("the access token has expired");
    }
    let latest = now_s.saturating_add(LIFETIME_MAX_S + LEEWAY_S);
    if origin == Origin::Jws && expires > latest {
        return invalid("the access token is valid for more than 24 hours");
    }
    let is_future = |time: i64| time > now_s.saturating_add(LEEWAY_S);
    if time("nbf").is_some_and(is_future) {
        return invalid("the access token is not valid yet");
    }
    if time("iat").is_some_and(is_future) {
        return invalid("the access token was issued in the future");
    }
    Ok(())
}

/// A time in whole seconds (RFC 7519 section 2, `NumericDate`). Some issuers write a fraction, and the parser makes a
/// text of a number with a fraction.
pub(super) fn seconds(time: &Value) -> Option<i64> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match time {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let (whole, fraction) = text.split_once('.')?;
            let is_number = digits(whole) && digits(fraction);
            is_number.then(|| whole.parse().ok()).flatten()
        }
        _ => None,
    }
}

/// Whether a token has this scope. Issuers write scopes as one text with spaces, in `scope` or `scp`, or as an array.
fn in_scope(claims: &Members, required: &str) -> bool {
    let listed = |claim: &Value| match claim {
        Value::String(text) => text.split(' ').any(|one| one == required),
        other => has(other, required),
    };
    ["scope", "scp"].iter().any(|name| claims.get(*name).is_some_and(listed))
}

/// The party for whom the agent acts, if tokens of this issuer say it.
pub(super) fn on_behalf_of(issuer: &Issuer, claims: &Members) -> Result<Option<String>, Refusal> {
    let Some(name) = &issuer.on_behalf_of else { return Ok(None) };
    let party = claims.get(name).and_then(Value::as_str);
    match party.filter(|party| PARTY_BYTES.contains(&party.len())) {
        Some(party) => Ok(Some(party.to_owned())),
        None => Err(Refusal::NoAgent("the access token does not say for whom the agent acts")),
    }
}

/// The subject of a token, and the client to which it was issued. `None` if the token does not say for whom it is.
pub(super) fn requester(issuer: &Issuer, claims: &Members) -> Option<Requester> {
    let fits =
        |text: &&str| PARTY_BYTES.contains(&text.len()) && !text.chars().any(char::is_control);
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(fits);
    let client = text("client_id").or_else(|| text("azp")).map(str::to_owned);
    Some(Requester { issuer: issuer.url.clone(), subject: text("sub")?.to_owned(), client })
}

/// When a checked token expires, in Unix milliseconds.
pub(super) fn expires_ms(claims: &Members) -> i64 {
    claims.get("exp").and_then(seconds).unwrap_or(0).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oauth::tests::{AUDIENCE, URL, issuer, members};

    const NOW: i64 = 1_800_000_000;

    fn good() -> Value {
        json!({"iss": URL, "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW, "scope": "a deed b"})
    }

    /// The result for good claims with one claim changed; null removes it.
    fn with(name: &str, value: Value) -> Result<(), Refusal> {
        let mut claims = members(good());
        claims.insert(name.to_owned(), value);
        claims.retain(|_, value| !value.is_null());
        check(&issuer(), &claims, Origin::Jws, NOW)
    }

    fn is_invalid(result: &Result<(), Refusal>) -> bool {
        matches!(result, Err(Refusal::Invalid(_)))
    }

    #[test]
    fn the_issuer_is_the_same_text() {
        assert_eq!(with("iss", json!(URL)), Ok(()));
        for bad in [json!(format!("{URL}/")), json!(URL.to_uppercase()), json!([URL]), Value::Null]
        {
            assert!(is_invalid(&with("iss", bad.clone())), "{bad}");
        }
        let mut answer = members(good());
        answer.remove("iss");
        assert_eq!(check(&issuer(), &answer, Origin::Answer, NOW), Ok(()));
        answer.insert("iss".to_owned(), json!("https://elsewhere.example"));
        assert!(is_invalid(&check(&issuer(), &answer, Origin::Answer, NOW)));
    }

    #[test]
    fn the_audience_is_this_host() {
        for good in [json!(AUDIENCE), json!([AUDIENCE]), json!(["https://a.example", AUDIENCE])] {
            assert_eq!(with("aud", good.clone()), Ok(()), "{good}");
        }
        let slash = format!("{AUDIENCE}/");
        for bad in [
            json!("https://a.example"),
            json!(slash),
            json!([]),
            json!({ AUDIENCE: true }),
            json!([[AUDIENCE]]),
            json!(format!("https://a.example {AUDIENCE}")),
            Value::Null,
        ] {
            assert!(is_invalid(&with("aud", bad.clone())), "{bad}");
        }
    }

    #[test]
    fn a_token_is_valid_for_a_limited_time() {
        for (name, time) in [
            ("exp", NOW - 29),
            ("exp", NOW + 24 * 3_600 + 30),
            ("nbf", NOW + 30),
            ("iat", NOW + 30),
            ("iat", 0),
            ("exp", NOW + 300),
        ] {
            assert_eq!(with(name, json!(time)), Ok(()), "{name} {}", time - NOW);
        }
        for (name, time) in [
            ("exp", json!(NOW - 30)),
            ("exp", json!(NOW + 24 * 3_600 + 31)),
            ("exp", json!(i64::MIN)),
            ("exp", json!(i64::MAX)),
            ("exp", json!((NOW + 300).to_string())),
            ("exp", json!(format!("{}.5x", NOW + 300))),
            ("exp", json!(format!("-{NOW}.5"))),
            ("exp", json!(format!("{}.5", NOW - 31))),
            ("exp", json!("1.8e9")),
            ("exp", json!("99999999999999999999.5")),
            ("exp", Value::Null),
            ("nbf", json!(NOW + 31)),
            ("nbf", json!("")),
            ("iat", json!(NOW + 31)),
        ] {
            assert!(is_invalid(&with(name, time.clone())), "{name} {time}");
        }
    }

    #[test]
    fn a_time_may_have_a_fraction() {
        assert_eq!(with("exp", json!(format!("{}.25", NOW + 300))), Ok(()));
        let text = format!("{{\"exp\":{}.25}}", NOW + 300);
        let parsed = deed_spec::json::parse(text.as_bytes()).unwrap();
        assert_eq!(seconds(&parsed["exp"]), Some(NOW + 300));
    }

    #[test]
    fn only_a_signed_token_has_a_limited_lifetime() {
        let mut claims = members(good());
        claims.insert("exp".to_owned(), json!(NOW + 10 * 24 * 3_600));
        assert_eq!(check(&issuer(), &claims, Origin::Answer, NOW), Ok(()));
        assert!(is_invalid(&check(&issuer(), &claims, Origin::Jws, NOW)));
    }

    #[test]
    fn the_scope_is_a_whole_word() {
        let both = |value: &Value| {
            let mut claims = members(good());
            claims.remove("scope");
            claims.insert("scp".to_owned(), value.clone());
            (with("scope", value.clone()), check(&issuer(), &claims, Origin::Jws, NOW))
        };
        for good in [json!("deed"), json!("x deed"), json!(["x", "deed"])] {
            assert_eq!(both(&good), (Ok(()), Ok(())), "{good}");
        }
        let missing = || Err(Refusal::Scope { required: "deed".to_owned() });
        for bad in [json!("deed2"), json!("x:deed"), json!(["deed x"]), json!(""), json!(7)] {
            assert_eq!(both(&bad), (missing(), missing()), "{bad}");
        }
    }

    #[test]
    fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
        assert!(is_invalid(&with(
            "cnf",
            json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})
        )));
    }

    #[test]
    fn a_token_for_another_use_is_refused() {
        for (name, good) in [
            ("token_use", "access_token"),
            ("token_use", "access"),
            ("token_type", "Bearer"),
            ("token_type", "bearer"),
            ("token_type", "access_token"),
            ("typ", "Bearer"),
        ] {
            assert_eq!(with(name, json!(good)), Ok(()), "{name} {good}");
        }
        for (name, bad) in [
            ("token_use", json!("refresh_token")),
            ("token_use", json!("id")),
            ("token_use", json!(["access_token"])),
            ("token_type", json!("refresh_token")),
            ("token_type", json!("DPoP")),
            ("token_type", json!("")),
            ("typ", json!("Refresh")),
            ("typ", json!("offline")),
        ] {
            assert!(is_invalid(&with(name, bad.clone())), "{name} {bad}");
        }
    }

    #[test]
    fn the_subject_of_a_token_is_named_by_its_issuer() {
        let of = |claims: Value| requester(&issuer(), &members(claims));
        let named = |client: Option<&str>| Requester {
            issuer: URL.to_owned(),
            subject: "dora".to_owned(),
            client: client.map(str::to_owned),
        };
        assert_eq!(of(json!({"sub": "dora"})), Some(named(None)));
        assert_eq!(of(json!({"sub": "dora", "azp": "bot"})), Some(named(Some("bot"))));
        let both = json!({"sub": "dora", "client_id": "desk", "azp": "bot"});
        assert_eq!(of(both), Some(named(Some("desk"))));
        for bad in [Value::Null, json!(""), json!(7), json!("d".repeat(257)), json!("do\nra")] {
            assert_eq!(of(json!({"sub": bad, "client_id": "desk"})), None, "{bad}");
        }
        assert_eq!(expires_ms(&members(good())), (NOW + 300) * 1_000);
        assert_eq!(expires_ms(&members(json!({"exp": i64::MAX}))), i64::MAX);
    }

    #[test]
    fn the_party_for_whom_an_agent_acts_is_in_the_token() {
        let issuer = Issuer { on_behalf_of: Some("sub".to_owned()), ..issuer() };
        let party = |value: Value| on_behalf_of(&issuer, &members(json!({"sub": value})));
        assert_eq!(party(json!("dora")), Ok(Some("dora".to_owned())));
        for bad in [Value::Null, json!(""), json!(7), json!(["dora"]), json!("d".repeat(257))] {
            assert!(matches!(party(bad.clone()), Err(Refusal::NoAgent(_))), "{bad}");
        }
        assert_eq!(on_behalf_of(&crate::oauth::tests::issuer(), &members(json!({}))), Ok(None));
    }
}
