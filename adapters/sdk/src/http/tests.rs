use serde_json::json;

use super::*;

fn response(status: u16) -> Response {
    asked("PATCH", status)
}

fn asked(method: &str, status: u16) -> Response {
    let (method, body) = (method.to_owned(), json!({ "detail": "no such user" }));
    Response { method, exchange: 0, status, headers: Vec::new(), body }
}

#[test]
fn a_2xx_is_accepted() {
    assert_eq!(response(204).accepted(), Ok(response(204)));
}

#[test]
fn a_definite_refusal_says_why() {
    let why = "the upstream answered 404: no such user".to_owned();
    assert_eq!(response(404).accepted(), Err(Failure::Refused(why)));
}

#[test]
fn a_status_that_does_not_say_what_changed_is_unknown() {
    for status in [100, 302, 408, 409, 425, 429, 500, 503] {
        assert!(matches!(response(status).accepted(), Err(Failure::Unknown(_))), "{status}");
    }
}

#[test]
fn a_read_that_failed_changed_nothing() {
    for method in ["GET", "HEAD"] {
        for status in [302, 408, 409, 425, 429, 500, 503] {
            let failed = asked(method, status).accepted();
            assert!(matches!(failed, Err(Failure::Unavailable(_))), "{method} {status}");
        }
        assert!(matches!(asked(method, 404).accepted(), Err(Failure::Refused(_))));
        let cut = failure(method, host::Error::NoAnswer(String::new()));
        assert!(matches!(cut, Failure::Unavailable(_)));
        assert!(matches!(failure(method, host::Error::TooLarge(9)), Failure::Unavailable(_)));
    }
}

#[test]
fn an_error_without_a_body_is_told_by_its_status() {
    let bare = Response { body: Value::Null, ..response(403) };
    let why = "the upstream answered 403 without a detail".to_owned();
    assert_eq!(bare.accepted(), Err(Failure::Refused(why)));
}

#[test]
fn a_record_in_an_error_answer_is_not_told() {
    for status in [302, 403, 409, 500] {
        let body = json!({ "code": 7, "record": { "displayName": "Zaphod" } });
        let failed = Response { body, ..response(status) }.accepted();
        let Err(Failure::Refused(told) | Failure::Unknown(told)) = failed else {
            unreachable!("{failed:?}")
        };
        assert_eq!(told, format!("the upstream answered {status}: members: code, record"));
    }
}

#[test]
fn transport_errors_say_whether_bytes_left() {
    let failed = |error| failure("PATCH", error);
    assert!(matches!(failed(host::Error::NotSent(String::new())), Failure::Unavailable(_)));
    assert!(matches!(failed(host::Error::NoAnswer(String::new())), Failure::Unknown(_)));
    assert!(matches!(failed(host::Error::TooLarge(9)), Failure::Unknown(_)));
    assert!(matches!(failed(host::Error::Denied(String::new())), Failure::Refused(_)));
}

#[test]
fn an_empty_body_is_null() {
    let host =
        host::Response { exchange: 3, status: 204, headers: Vec::new(), body: String::new() };
    assert_eq!(Response::from_host("PATCH", host).map(|r| r.body), Ok(Value::Null));
}
