//! Refuses numbers in arguments that JSON readers understand differently. The host does not change such a number into an
//! integer or a text, because the caller would then not know what it asked for.

use deed_record::contract::schema::Violation;
use deed_spec::json::{MAX_INTEGER, child};
use rmcp::model::JsonObject;
use serde_json::{Number, Value};

use crate::api::problem::Problem;

/// How many places a refusal names.
const PLACES_MAX: usize = 8;
/// The number is not repeated, because a private parameter may contain it.
const REASON: &str = "is not an integer within ±(2^53 − 1), written with digits only, such as `1` instead of `1.0` or \
                      `1e0`; write every other number as text, if the schema allows text";

/// Checks every number in the arguments of a call.
pub(super) fn check(arguments: &JsonObject) -> Result<(), Problem> {
    let mut found = Vec::new();
    arguments.iter().for_each(|(name, value)| walk(value, &child("", name), &mut found));
    if found.is_empty() { Ok(()) } else { Err(Problem::arguments(found)) }
}

fn walk(value: &Value, at: &str, found: &mut Vec<Violation>) {
    if found.len() == PLACES_MAX {
        return;
    }
    match value {
        Value::Number(number) if !is_exact(number) => {
            found.push(Violation { pointer: at.to_owned(), reason: REASON.to_owned() });
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &child(at, &index.to_string()), found);
            }
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, inner)| walk(inner, &child(at, name), found));
        }
        _ => {}
    }
}

/// Whether every JSON reader understands the number as the same integer.
fn is_exact(number: &Number) -> bool {
    number.as_i64().is_some_and(|value| value.unsigned_abs() <= MAX_INTEGER.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn places(arguments: &str) -> Vec<String> {
        let arguments: JsonObject = serde_json::from_str(arguments).unwrap();
        let Err(problem) = check(&arguments) else { return vec![] };
        let body = serde_json::to_value(problem.into_body()).unwrap();
        let errors = body["errors"].as_array().unwrap().clone();
        errors.iter().map(|one| one["pointer"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn only_safe_integers_in_digits_are_accepted() {
        for good in ["0", "-7", "9007199254740991", "-9007199254740991", "\"1.0\""] {
            assert!(places(&format!("{{\"a\":{good}}}")).is_empty(), "{good}");
        }
        for bad in ["1.0", "1e2", "1E0", "-0.0", "9007199254740992", "18446744073709551615"] {
            assert_eq!(places(&format!("{{\"a\":{bad}}}")), ["/a"], "{bad}");
        }
    }

    #[test]
    fn a_refusal_names_each_place_up_to_a_limit() {
        assert_eq!(places(r#"{"a":{"b/c":[1,2.5]},"d":1.5}"#), ["/a/b~1c/1", "/d"]);
        let many = json!({"a": vec![0.5; 100]}).to_string();
        assert_eq!(places(&many).len(), PLACES_MAX);
    }
}
