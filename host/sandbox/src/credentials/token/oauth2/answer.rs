//! Checks of the answer of a token endpoint (RFC 6749 sections 5.1 and 5.2).

use std::time::Duration;

use deed_spec::json;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::Arrived;
use crate::credentials::{SECRET_MAX, SECRET_MIN};

/// The registered error codes of token endpoints (RFC 6749 section 5.2, RFC 8693 section 2.2.2), each with what the
/// operator can do.
const ERRORS: [(&str, &str); 7] = [
    ("invalid_request", "it does not accept the request as this kind of token makes it"),
    (
        "invalid_client",
        "check the client, its secret or key, `assertion_audience`, and the clocks of both sides",
    ),
    (
        "invalid_grant",
        "check the key, the subject, `assertion_audience`, and the clocks of both sides",
    ),
    ("unauthorized_client", "allow the client this kind of token there"),
    ("unsupported_grant_type", "use another kind of token"),
    ("invalid_scope", "grant the client the scopes in `scopes` there, or correct them"),
    ("invalid_target", "correct `audience` or `resource`"),
];

/// A token that an endpoint granted.
pub(super) struct Granted {
    pub(super) value: Zeroizing<String>,
    pub(super) lifetime: Option<Duration>,
}

/// The token in an answer, or why there is none.
pub(super) fn read(arrived: &Arrived) -> Result<Granted, String> {
    let status = arrived.status;
    if status.is_redirection() {
        return Err(format!("its endpoint answered {status}, and the host follows no redirect"));
    }
    let members = is_json(&arrived.headers).then(|| json::parse(&arrived.bytes).ok()).flatten();
    if status.is_success() {
        let unfit = || "its endpoint did not answer with a JSON object".to_owned();
        return match members {
            Some(Value::Object(members)) => granted(&members),
            _ => Err(unfit()),
        };
    }
    let code = members.as_ref().and_then(|members| members.get("error")?.as_str());
    let known = code.and_then(|code| ERRORS.iter().find(|(known, _)| *known == code));
    Err(match known {
        Some((code, remedy)) => format!("its endpoint answered `{code}`; {remedy}"),
        None => format!("its endpoint answered {}", status.as_u16()),
    })
}

fn granted(members: &Map<String, Value>) -> Result<Granted, String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err("its endpoint answered with a `token_type` that is not `Bearer`".to_owned());
    }
    let fits = |value: &str| {
        (SECRET_MIN..=SECRET_MAX).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let Some(value) = text("access_token").filter(|value| fits(value)) else {
        return Err(
            "its endpoint answered with an `access_token` that is not 16 bytes to 16 KiB of visible ASCII characters"
                .to_owned(),
        );
    };
    let lifetime = match members.get("expires_in") {
        None => None,
        Some(seconds) => Some(lifetime(seconds).ok_or_else(|| {
            "its endpoint answered with an `expires_in` that is not a whole number of seconds, at least 1"
                .to_owned()
        })?),
    };
    Ok(Granted { value: Zeroizing::new(value.to_owned()), lifetime })
}

fn lifetime(seconds: &Value) -> Option<Duration> {
    seconds.as_u64().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// Whether there is exactly one content type, and it is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (types.next(), types.next()) else { return false };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;
    use hyper::body::Bytes;
    use hyper::header::HeaderValue;
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "a-t0ken-of-some-length";

    fn said(status: u16, kind: &str, body: &str) -> Result<Granted, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
        let (status, bytes) = (StatusCode::from_u16(status).unwrap(), Bytes::from(body.to_owned()));
        read(&Arrived { status, headers, bytes })
    }

    fn refused(status: u16, kind: &str, body: &str) -> String {
        said(status, kind, body).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_bearer_token_is_accepted_with_its_lifetime() {
        for (expires, lifetime) in
            [(300, Some(Duration::from_mins(5))), (1, Some(Duration::from_secs(1)))]
        {
            let body =
                json!({"access_token": TOKEN, "token_type": "bearer", "expires_in": expires});
            let granted = said(200, "application/json;charset=UTF-8", &body.to_string()).unwrap();
            assert_eq!((granted.value.as_str(), granted.lifetime), (TOKEN, lifetime));
        }
        let body = json!({"access_token": TOKEN, "token_type": "Bearer", "more": [1]});
        assert_eq!(said(200, "application/json", &body.to_string()).unwrap().lifetime, None);
    }

    #[test]
    fn an_answer_that_is_no_token_is_refused_and_not_quoted() {
        let with = |name: &str, value: Value| {
            let mut body = json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 1});
            body[name] = value;
            body.to_string()
        };
        let json = "application/json";
        for (kind, body, why) in [
            ("text/html", with("x", json!(1)), "JSON object"),
            (json, "[]".to_owned(), "JSON object"),
            (json, "{\"a\":1,\"a\":2}".to_owned(), "JSON object"),
            (json, with("token_type", json!("DPoP")), "token_type"),
            (json, with("token_type", json!(null)), "token_type"),
            (json, with("access_token", json!("short")), "access_token"),
            (json, with("access_token", json!(format!("{TOKEN}\r\nx-a: b"))), "access_token"),
            (json, with("access_token", json!(format!("{TOKEN} {TOKEN}"))), "access_token"),
            (json, with("access_token", json!("é".repeat(20))), "access_token"),
            (json, with("access_token", json!("x".repeat(SECRET_MAX + 1))), "access_token"),
            (json, with("access_token", json!([TOKEN])), "access_token"),
            (json, with("expires_in", json!("300")), "expires_in"),
            (json, with("expires_in", json!(-1)), "expires_in"),
            (json, with("expires_in", json!(0)), "at least 1"),
            (json, with("expires_in", json!(0.5)), "expires_in"),
        ] {
            let said = refused(200, kind, &body);
            assert!(said.contains(why) && !said.contains(TOKEN), "{body}: {said}");
        }
    }

    #[test]
    fn an_error_is_told_by_a_registered_code_or_by_the_status() {
        let body = |code: &str| json!({"error": code, "error_description": TOKEN}).to_string();
        let known = refused(400, "application/json", &body("invalid_scope"));
        assert!(known.contains("`invalid_scope`; grant the client the scopes"), "{known}");
        for (status, kind, body, why) in [
            (400, "application/json", body(TOKEN), "answered 400"),
            (401, "text/plain", body("invalid_client"), "answered 401"),
            (302, "application/json", body("invalid_client"), "follows no redirect"),
            (503, "application/json", String::new(), "answered 503"),
        ] {
            let said = refused(status, kind, &body);
            assert!(said.contains(why) && !said.contains(TOKEN), "{said}");
        }
    }
}
