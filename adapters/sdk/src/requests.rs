//! Selects and completes the requests that the host rendered for a run.
//!
//! In an open contract, the host renders a write as far as the contract determines it: the body is null where the
//! adapter computes a part, and absent if the adapter computes the whole body. These functions fill in what the adapter
//! computed, and leave everything else as the host rendered it.

use serde_json::Value;

use crate::{Action, Failure, Request, http};

/// The requests of the run with this method, whose path is `path` or continues it with a segment or a query, in the
/// order of the contract's rules.
///
/// ```no_run
/// use deed_adapter_sdk::{Action, Failure, http, requests};
///
/// fn perform(action: &Action) -> Result<(), Failure> {
///     for page in requests::matching(action, "GET", "/Users") {
///         http::send_request(page)?.accepted()?;
///     }
///     Ok(())
/// }
/// ```
pub fn matching<'a>(action: &'a Action, method: &str, path: &str) -> Vec<&'a Request> {
    let is_it = |one: &&Request| one.method == method && continues(&one.path, path);
    action.requests.iter().filter(is_it).collect()
}

/// The only request of the run that [`matching`] finds.
///
/// # Errors
///
/// Fails with [`Failure::Invalid`] if there is not exactly one such request.
pub fn only<'a>(action: &'a Action, method: &str, path: &str) -> Result<&'a Request, Failure> {
    match matching(action, method, path).as_slice() {
        [one] => Ok(*one),
        found => Err(Failure::Invalid(format!(
            "contract `{}` has {} requests `{method} {path}`, and the adapter needs exactly one; correct the contract",
            action.contract,
            found.len()
        ))),
    }
}

/// Sends every request of the run, whatever the upstream answers. This is all that `observe` has to do if each state of
/// the contract has `from`, because the host then reads the states itself.
///
/// # Errors
///
/// Fails at the first request that is not sent, or gets no answer.
pub fn send_all(action: &Action) -> Result<(), Failure> {
    action.requests.iter().try_for_each(|one| http::send_request(one).map(drop))
}

/// The request with this body, which the adapter computed.
///
/// ```
/// use deed_adapter_sdk::{Request, requests};
/// use serde_json::json;
///
/// # let (upstream, method, path) = ("wiki".to_owned(), "PUT".to_owned(), "/pages/7".to_owned());
/// # let rendered = Request { upstream, method, path, headers: vec![], body: None };
/// let sent = requests::with_body(&rendered, &json!({"title": "Rules"}));
/// assert_eq!(sent.body.as_deref(), Some(r#"{"title":"Rules"}"#));
/// ```
#[must_use]
pub fn with_body(request: &Request, body: &Value) -> Request {
    Request { body: Some(body.to_string()), ..request.clone() }
}

/// The request with this value at a JSON pointer (RFC 6901) of its body, where the host rendered null.
///
/// ```
/// use deed_adapter_sdk::{Failure, Request, requests};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Failure> {
/// # let body = Some(r#"{"id":7,"tags":null}"#.to_owned());
/// # let (upstream, method, path) = ("wiki".to_owned(), "PUT".to_owned(), "/pages/7".to_owned());
/// # let rendered = Request { upstream, method, path, headers: vec![], body };
/// let sent = requests::with_part(&rendered, "/tags", json!(["new"]))?;
/// assert_eq!(sent.body.as_deref(), Some(r#"{"id":7,"tags":["new"]}"#));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails with [`Failure::Invalid`] if the body of the rendered request is not null at this place: the contract has no
/// computed part there.
pub fn with_part(request: &Request, pointer: &str, value: Value) -> Result<Request, Failure> {
    let mut body: Value = request
        .body
        .as_deref()
        .and_then(|body| serde_json::from_str(body).ok())
        .ok_or_else(|| no_part(request, pointer))?;
    match body.pointer_mut(pointer) {
        Some(place) if place.is_null() => *place = value,
        _ => return Err(no_part(request, pointer)),
    }
    Ok(with_body(request, &body))
}

fn no_part(request: &Request, pointer: &str) -> Failure {
    let Request { method, path, .. } = request;
    Failure::Invalid(format!(
        "the contract has no part at `{pointer}` of `{method} {path}` that the adapter computes; write \
         `{{ any = …, name = \"…\" }}` there"
    ))
}

fn continues(path: &str, start: &str) -> bool {
    let rest = path.strip_prefix(start);
    rest.is_some_and(|rest| rest.is_empty() || start.ends_with('/') || rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::request;

    fn action(requests: Vec<Request>) -> Action {
        Action { contract: "a.b".to_owned(), params: json!({}), attempt: 1, requests }
    }

    #[test]
    fn requests_are_found_by_method_and_whole_segments() {
        let paths = ["/Users", "/Users/7", "/Users?page=2", "/UsersArchive", "/Groups/Users"];
        let mut all: Vec<Request> = paths.iter().map(|path| request("GET", path, None)).collect();
        all.push(request("POST", "/Users", None));
        let action = action(all);
        let found = |method, path| -> Vec<&str> {
            matching(&action, method, path).iter().map(|one| one.path.as_str()).collect()
        };
        assert_eq!(found("GET", "/Users"), ["/Users", "/Users/7", "/Users?page=2"]);
        assert_eq!(found("GET", "/Users/"), ["/Users/7"]);
        assert_eq!(found("GET", "/User"), Vec::<&str>::new());
        assert_eq!(found("POST", "/Users"), ["/Users"]);
    }

    #[test]
    fn only_one_request_is_the_only_one() {
        let action = action(vec![
            request("GET", "/a", None),
            request("GET", "/a/b", None),
            request("PUT", "/a", None),
        ]);
        assert_eq!(only(&action, "PUT", "/a").unwrap().method, "PUT");
        for (method, path, count) in [("GET", "/a", "has 2 "), ("DELETE", "/a", "has 0 ")] {
            let Err(Failure::Invalid(why)) = only(&action, method, path) else { unreachable!() };
            assert!(why.contains(count) && why.contains(&format!("`{method} {path}`")), "{why}");
        }
    }

    #[test]
    fn a_part_is_filled_in_where_the_host_rendered_null() {
        let rendered = request("PUT", "/a", Some(r#"{"a":1,"b":[{"c":null}],"d":"x"}"#));
        let filled = with_part(&rendered, "/b/0/c", json!({"e": null})).unwrap();
        let body: Value = serde_json::from_str(filled.body.as_deref().unwrap()).unwrap();
        assert_eq!(body, json!({"a": 1, "b": [{"c": {"e": null}}], "d": "x"}));
        assert_eq!(Request { body: rendered.body.clone(), ..filled }, rendered);
        for pointer in ["/a", "/b/0", "/z", "", "b"] {
            let Err(Failure::Invalid(why)) = with_part(&rendered, pointer, json!(1)) else {
                unreachable!("{pointer}")
            };
            assert!(why.contains(&format!("`{pointer}` of `PUT /a`")), "{why}");
        }
        assert!(with_part(&request("PUT", "/a", None), "/a", json!(1)).is_err());
    }
}
