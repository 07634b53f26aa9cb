//! The request with which `deed upstream test` tries a credential: a GET or HEAD whose path is written out.

use deed_record::action::id::ActionId;
use deed_record::contract::template::Rule;
use deed_record::contract::template::text::{Format, Origins};
use deed_record::exchange::Rendered;
use serde_json::Value;

/// Maximum bytes of the request.
const LONGEST: usize = 1024;
const FORM: &str = "write a GET or HEAD with a path below `base_url`, such as `GET /Users?count=1`";

/// Parses a request such as `GET /Users?count=1` to this upstream. It is checked as a rule of a contract of format 2
/// that observes, and has no placeholders.
///
/// # Errors
///
/// Fails with what is wrong and what would be right.
pub fn test_request(upstream: &str, text: &str) -> Result<Rendered, String> {
    let is_read = text.starts_with("GET /") || text.starts_with("HEAD /");
    if !is_read || text.len() > LONGEST {
        return Err(format!("this is not a request of at most {LONGEST} bytes that reads; {FORM}"));
    }
    let (upstream, request) = (upstream.to_owned(), text.to_owned());
    let rule = Rule { upstream, request, ..Rule::default() };
    let wrong = |why: String| format!("{why}; {FORM}");
    rule.check(true, Format::Two).map_err(|error| wrong(error.to_string()))?;
    let placeholders = rule.placeholders(None, Format::Two);
    if !placeholders.map_err(|error| wrong(error.to_string()))?.is_empty() {
        return Err(wrong("the request has a placeholder, for which there is no value".to_owned()));
    }
    // An id of an action stands for format 2; no part of it is in the request.
    let id = ActionId::new(0, [0; 10]);
    let origins = Origins { params: &Value::Null, action: Some(&id), numbers: &[] };
    rule.render(&origins).map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_reads_is_taken_as_it_is_written() {
        for (text, method, path) in [
            ("GET /Users?count=1", "GET", "/Users?count=1"),
            ("HEAD /", "HEAD", "/"),
            (
                "GET /?Action=GetUser&Version=2010-05-08",
                "GET",
                "/?Action=GetUser&Version=2010-05-08",
            ),
            ("GET /api/users/", "GET", "/api/users/"),
        ] {
            let request = test_request("idp", text).unwrap();
            assert_eq!((request.method.as_str(), request.path.as_str()), (method, path));
            assert!(!request.writes && request.body.is_none() && request.upstream == "idp");
        }
    }

    #[test]
    fn a_request_that_writes_that_leaves_the_base_url_or_that_has_a_placeholder_is_refused() {
        let long = format!("GET /{}", "a".repeat(LONGEST));
        for text in [
            "",
            "/Users",
            "GET",
            "get /Users",
            "POST /Users",
            "DELETE /Users/1",
            "GET Users",
            "GET https://idp.example.com/Users",
            "GET /Users/../admin",
            "GET /a//b",
            "GET //idp.example.com/Users",
            "GET /Users#1",
            "GET /Users/{user_id}",
            "GET /Users?id={action.id}",
            "GET /Users HTTP/1.1\r\nx: y",
            "GET /Users\n",
            long.as_str(),
        ] {
            let why = test_request("idp", text).unwrap_err();
            assert!(why.contains("such as `GET /Users?count=1`"), "{text}: {why}");
        }
    }
}
