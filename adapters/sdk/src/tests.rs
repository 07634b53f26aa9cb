use serde_json::json;

use super::*;

struct Echo;

impl Adapter for Echo {
    fn observe(action: &Action) -> Result<(), Failure> {
        action.text("user_id").map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        Err(action.not_served())
    }
}

fn action(params: &str) -> bindings::Action {
    bindings::Action {
        contract: "idp.read_user".to_owned(),
        params: params.to_owned(),
        attempt: 1,
        requests: vec![],
    }
}

/// A request of the upstream `shop`, as the host renders it.
pub(crate) fn request(method: &str, path: &str, body: Option<&str>) -> Request {
    Request {
        upstream: "shop".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers: vec![],
        body: body.map(str::to_owned),
    }
}

#[test]
fn parameters_arrive_as_values() {
    let parsed = parse(action(r#"{"user_id":"42"}"#)).unwrap();
    assert_eq!(parsed.params, json!({ "user_id": "42" }));
    assert_eq!(parsed.text("user_id"), Ok("42"));
}

#[test]
fn a_missing_parameter_is_named() {
    let failure = <Exported<Echo> as bindings::Guest>::observe(action("{}")).unwrap_err();
    assert!(matches!(failure, Failure::Invalid(why) if why.contains("`user_id`")));
}

#[test]
fn a_foreign_contract_is_named() {
    let failure = <Exported<Echo> as bindings::Guest>::perform(action("{}")).unwrap_err();
    assert!(matches!(failure, Failure::Invalid(why) if why.contains("`idp.read_user`")));
}

#[test]
fn parameters_that_are_not_json_are_invalid() {
    assert!(matches!(parse(action("{")), Err(Failure::Invalid(_))));
}
