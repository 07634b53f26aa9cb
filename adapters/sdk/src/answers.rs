//! Values of answers to earlier writes, for the places where the contract has `{answer.NAME.MEMBER}`.
//!
//! In a rehearsal, no write is sent, and the host answers each write itself: it makes a random value for each member
//! that the rule's `answer` declares. An adapter cannot tell such a value from a real one, and must not compute with
//! it: it may only put it, unchanged, at a place where the contract has the placeholder. An adapter may also leave the
//! placeholder as the host rendered it, which is text in the path and null in the body; the host then fills it in.

use serde_json::Value;

use crate::http::Response;
use crate::{Failure, Request, path};

/// The member of an answer that the rule of the request declares in `answer`.
///
/// # Errors
///
/// Fails with [`Failure::Unknown`] if the answer has no such member, because the write was then carried out in an
/// unexpected way.
pub fn member<'a>(response: &'a Response, name: &str) -> Result<&'a Value, Failure> {
    response.body.get(name).filter(|value| !value.is_null()).ok_or_else(|| {
        Failure::Unknown(format!("the answer to a {} has no member `{name}`", response.method))
    })
}

/// The request with this value in place of `{answer.NAME.MEMBER}` in its path, percent-encoded as the host encodes it.
/// `placeholder` is `NAME.MEMBER`.
///
/// ```
/// use deed_adapter_sdk::{Failure, Request, answers};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Failure> {
/// # let path = "/things/{answer.create.id}/owner".to_owned();
/// # let rendered = Request { upstream: "shop".into(), method: "PUT".into(), path, headers: vec![], body: None };
/// let sent = answers::in_path(&rendered, "create.id", &json!("t-1"))?;
/// assert_eq!(sent.path, "/things/t-1/owner");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Fails with [`Failure::Invalid`] if the path does not have the placeholder, or if the value is not a text, an integer
/// or a boolean.
pub fn in_path(request: &Request, placeholder: &str, value: &Value) -> Result<Request, Failure> {
    let written = format!("{{answer.{placeholder}}}");
    let Request { method, path, .. } = request;
    if !path.contains(&written) {
        return Err(Failure::Invalid(format!(
            "the path of `{method} {path}` has no `{written}`; write it there in the contract"
        )));
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => {
            return Err(Failure::Invalid(format!(
                "`{written}` in the path of `{method} {path}` must be a text, an integer or a boolean"
            )));
        }
    };
    let path = path.replace(&written, &path::segment(&text));
    Ok(Request { path, ..request.clone() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::request;

    fn answer(body: Value) -> Response {
        Response { method: "POST".into(), exchange: 0, status: 201, headers: vec![], body }
    }

    #[test]
    fn a_member_is_there_or_the_write_is_not_understood() {
        assert_eq!(member(&answer(json!({"id": 7})), "id").unwrap(), 7);
        for body in [json!({}), json!({"id": null}), json!(["id"]), Value::Null] {
            assert!(matches!(member(&answer(body), "id"), Err(Failure::Unknown(_))));
        }
    }

    #[test]
    fn a_value_replaces_its_placeholder_and_nothing_else() {
        let rendered =
            request("PUT", "/a/{answer.one.id}/b/{answer.two.id}?x={answer.one.id}", None);
        let first = in_path(&rendered, "one.id", &json!("a/b")).unwrap();
        assert_eq!(first.path, "/a/a%2Fb/b/{answer.two.id}?x=a%2Fb");
        let both = in_path(&first, "two.id", &json!(42)).unwrap();
        assert_eq!(both.path, "/a/a%2Fb/b/42?x=a%2Fb");
        for (placeholder, value) in [("one.name", json!("x")), ("one.id", json!({}))] {
            let refused = in_path(&rendered, placeholder, &value);
            let Err(Failure::Invalid(why)) = refused else { unreachable!("{placeholder}") };
            assert!(why.contains(&format!("`{{answer.{placeholder}}}`")), "{why}");
        }
    }
}
