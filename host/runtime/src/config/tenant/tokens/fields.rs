//! Which fields each kind of token has, and what their texts may be.

use deed_record::action::TokenKind;

use super::super::wrong::Wrong;
use crate::config::raw;

/// Maximum length of a text that is sent to an authorization server, and maximum number of scopes.
const TEXT_MAX: usize = 512;
const SCOPES_MAX: usize = 64;

/// Checks that a token has the fields of its kind and no others, and that their texts can be sent.
pub(super) fn check(raw: &raw::Token) -> Result<(), Wrong> {
    refuse_others(raw)?;
    let (has_secret, has_key) = (raw.secret.is_some(), raw.key.is_some());
    match raw.auth {
        Some(raw::ClientAuth::Basic | raw::ClientAuth::Post) if !has_secret => {
            return Err(("auth", "`auth` says how `secret` is sent; add `secret`".to_owned()));
        }
        Some(raw::ClientAuth::Key) if has_secret || !has_key => {
            let what = "with `auth = \"key\"`, the client proves itself with `key`; add `key`, and remove `secret`";
            return Err(("auth", what.to_owned()));
        }
        _ => {}
    }
    for (key, is_set) in
        [("key_id", raw.key_id.is_some()), ("assertion_audience", raw.assertion_audience.is_some())]
    {
        if is_set && raw.key.is_none() {
            return Err((key, format!("`{key}` is for assertions that the host signs; add `key`")));
        }
    }
    texts(raw)
}

/// The fields that only tokens of authorization servers have, and those that only tokens of programs have.
fn of_another_kind(raw: &raw::Token) -> Option<&'static str> {
    let of_servers = [
        ("endpoint", raw.endpoint.is_some()),
        ("client", raw.client.is_some()),
        ("secret", raw.secret.is_some()),
        ("auth", raw.auth.is_some()),
        ("key_id", raw.key_id.is_some()),
        ("key", raw.key.is_some()),
        ("issuer", raw.issuer.is_some()),
        ("subject", raw.subject.is_some()),
        ("assertion_audience", raw.assertion_audience.is_some()),
        ("scopes", !raw.scopes.is_empty()),
        ("audience", raw.audience.is_some()),
        ("resource", raw.resource.is_some()),
    ];
    let of_programs = [
        ("program", raw.program.is_some()),
        ("digest", raw.digest.is_some()),
        ("args", !raw.args.is_empty()),
    ];
    let is_program = raw.kind == TokenKind::Exec;
    let others: &[(&'static str, bool)] = if is_program { &of_servers } else { &of_programs };
    others.iter().find(|(_, is_set)| *is_set).map(|(key, _)| *key)
}

/// Refuses fields that the kind of the token does not use.
fn refuse_others(raw: &raw::Token) -> Result<(), Wrong> {
    if let Some(key) = of_another_kind(raw) {
        let kind = raw.kind.as_str();
        return Err((key, format!("`{key}` is not a field of `kind = \"{kind}\"`; remove it")));
    }
    let is_assertion = matches!(raw.kind, TokenKind::JwtBearer | TokenKind::TokenExchange);
    let both = raw.secret.is_some() && raw.key.is_some();
    let is_request = raw.subject == Some(raw::Subject::Request);
    if is_request && raw.issuer.is_some() {
        let what = "`issuer` is for subject tokens that the host signs; remove it, or `subject = \"request\"`";
        return Err(("issuer", what.to_owned()));
    }
    let unused = [
        ("issuer", raw.issuer.is_some() && !is_assertion),
        ("subject", raw.subject.is_some() && !is_assertion),
        ("key", both && (is_request || raw.kind == TokenKind::ClientCredentials)),
    ];
    match unused.into_iter().find(|(_, is_unused)| *is_unused) {
        None => Ok(()),
        Some(("key", _)) => Err((
            "key",
            "the client proves itself with `secret` or with `key`; keep one".to_owned(),
        )),
        Some((key, _)) => {
            let kind = raw.kind.as_str();
            Err((key, format!("`{key}` is not a field of `kind = \"{kind}\"`; remove it")))
        }
    }
}

fn texts(raw: &raw::Token) -> Result<(), Wrong> {
    let subject = match &raw.subject {
        Some(raw::Subject::Name(name)) => Some(name),
        Some(raw::Subject::Person | raw::Subject::Request) | None => None,
    };
    let texts = [
        ("client", raw.client.as_ref()),
        ("key_id", raw.key_id.as_ref()),
        ("issuer", raw.issuer.as_ref()),
        ("subject", subject),
        ("assertion_audience", raw.assertion_audience.as_ref()),
        ("audience", raw.audience.as_ref()),
        ("resource", raw.resource.as_ref()),
    ];
    let unfit = |text: &String| {
        text.is_empty() || text.len() > TEXT_MAX || text.chars().any(char::is_control)
    };
    if let Some((key, _)) = texts.into_iter().find(|(_, text)| text.is_some_and(unfit)) {
        let what = format!("`{key}` must be 1 to {TEXT_MAX} bytes without control characters");
        return Err((key, what));
    }
    if raw.scopes.len() > SCOPES_MAX || !raw.scopes.iter().all(|scope| is_scope(scope)) {
        let what = format!(
            "`scopes` must be at most {SCOPES_MAX} texts of visible ASCII characters without `\"`, `\\` and blanks; \
             write each scope as a text of its own"
        );
        return Err(("scopes", what));
    }
    Ok(())
}

/// A scope token (RFC 6749 section 3.3).
fn is_scope(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    (1..=TEXT_MAX).contains(&text.len()) && text.bytes().all(fits)
}
