//! Refusals as results that a model can read: what was refused, by which limit, at which argument, what the argument
//! must fit, and whether the call can succeed later.

use axum::http::StatusCode;
use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use crate::api::problem::{Body, Place, Problem};

/// How many errors have the schema of their argument, so that many wrong arguments do not make a long answer.
const EXPECTED_MAX: usize = 8;

/// The result for a problem. `place` converts the pointers of the problem to pointers into the arguments of the call.
pub(super) fn of(problem: Problem, place: impl Fn(&str) -> String) -> CallToolResult {
    with_expected(problem, place, |_| None)
}

/// Like [`of`]. `expected` returns the schema of the argument at a pointer, or nothing if the tool has no such argument.
pub(super) fn with_expected(
    problem: Problem,
    place: impl Fn(&str) -> String,
    expected: impl Fn(&str) -> Option<Value>,
) -> CallToolResult {
    let (status, retry_after) = (problem.status(), problem.retry_after());
    let Body { title, detail, errors, limit, .. } = problem.into_body();
    let error = |(number, one): (usize, Place)| {
        let pointer = place(&one.pointer);
        let schema = expected(&pointer).filter(|_| number < EXPECTED_MAX);
        let mut error = json!({"pointer": pointer, "reason": one.reason});
        if let (Some(members), Some(schema)) = (error.as_object_mut(), schema) {
            members.insert("expected".to_owned(), schema);
        }
        error
    };
    let errors: Vec<Value> = errors.into_iter().enumerate().map(error).collect();
    let mut refusal = json!({"refused": title, "why": detail, "again": again(status, retry_after)});
    if let Some(members) = refusal.as_object_mut() {
        if !errors.is_empty() {
            members.insert("errors".to_owned(), Value::Array(errors));
        }
        if let Some(limit) = limit {
            members.insert("limit".to_owned(), json!(limit));
        }
        if let Some(seconds) = retry_after {
            members.insert("retry_after_ms".to_owned(), json!(seconds.saturating_mul(1_000)));
        }
    }
    CallToolResult::structured_error(refusal)
}

/// Whether the same call can succeed later: `later` as it is, `corrected` with other arguments, `depends` on what `why`
/// says, or `no`.
fn again(status: StatusCode, retry_after: Option<u64>) -> &'static str {
    match status {
        _ if retry_after.is_some() => "later",
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "corrected",
        StatusCode::CONFLICT => "depends",
        _ => "no",
    }
}

#[cfg(test)]
mod tests {
    use deed_record::contract::schema::Violation;
    use deed_spec::json::ShapeError;

    use super::*;
    use crate::stage::contract::BindFault;

    fn structured(problem: Problem, base: &str) -> Value {
        of(problem, |pointer| format!("{base}{pointer}")).structured_content.unwrap()
    }

    #[test]
    fn a_refusal_points_at_the_argument() {
        let error = ShapeError { pointer: "/user_id".to_owned(), reason: "wrong".to_owned() };
        let refusal = structured(BindFault::Shape(error).into(), "/arguments");
        let expected = json!([{"pointer": "/arguments/user_id", "reason": "wrong"}]);
        assert_eq!((&refusal["errors"], &refusal["again"]), (&expected, &json!("corrected")));
    }

    #[test]
    fn an_error_has_the_schema_of_an_argument_that_exists() {
        let wrong =
            |number: usize| Violation { pointer: format!("/{number}"), reason: "wrong".to_owned() };
        let problem = Problem::arguments((0..=EXPECTED_MAX).map(wrong).collect());
        let schema = |pointer: &str| (pointer != "/1").then(|| json!({"type": "integer"}));
        let result = with_expected(problem, str::to_owned, schema).structured_content.unwrap();
        assert_eq!(result["errors"][0]["expected"]["type"], "integer", "{result:#}");
        for number in [1, EXPECTED_MAX] {
            assert_eq!(result["errors"][number].get("expected"), None, "{result:#}");
        }
    }

    #[test]
    fn a_refusal_says_whether_to_ask_again() {
        let later = structured(Problem::too_many("too many", 7), "");
        assert_eq!((&later["again"], &later["retry_after_ms"]), (&json!("later"), &json!(7_000)));
        assert_eq!(structured(Problem::not_found(), "")["again"], "no");
        assert_eq!(of(Problem::not_found(), str::to_owned).is_error, Some(true));
    }
}
