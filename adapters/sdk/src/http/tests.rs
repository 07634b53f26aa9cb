use serde_json::json;

use super::*;

fn response(status: u16) -> Response {
    Response { exchange: 0, status, headers: Vec::new(), body: json!({ "detail": "no such user" }) }
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
fn transport_errors_say_whether_bytes_left() {
    assert!(matches!(failure(host::Error::NotSent(String::new())), Failure::Unavailable(_)));
    assert!(matches!(failure(host::Error::NoAnswer(String::new())), Failure::Unknown(_)));
    assert!(matches!(failure(host::Error::TooLarge(9)), Failure::Unknown(_)));
    assert!(matches!(failure(host::Error::Denied(String::new())), Failure::Refused(_)));
}

#[test]
fn an_empty_body_is_null() {
    let host =
        host::Response { exchange: 3, status: 204, headers: Vec::new(), body: String::new() };
    assert_eq!(Response::from_host(host).map(|r| r.body), Ok(Value::Null));
}
