//! Builds the SCIM request for an action (RFC 7644 sections 3.4.1 and 3.5.2). This module only builds requests and does
//! not send them.

use deed_adapter_sdk::{Action, Failure, path};
use serde_json::{Value, json};

/// Path of the user's resource: `/Users/{user_id}`, below the upstream's base URL. Fails for unknown contracts, and
/// when the action has no user id.
pub(crate) fn user_path(action: &Action) -> Result<String, Failure> {
    match action.contract.as_str() {
        "idp.read_user" | "idp.restore_access" | "idp.suspend_user" => {
            Ok(format!("/Users/{}", path::segment(action.text("user_id")?)))
        }
        _ => Err(action.not_served()),
    }
}

/// Path and body of the PATCH that carries the action out. Fails for contracts that change nothing, and for unknown
/// contracts.
pub(crate) fn change(action: &Action) -> Result<(String, Value), Failure> {
    let active = match action.contract.as_str() {
        "idp.restore_access" => true,
        "idp.suspend_user" => false,
        "idp.read_user" => {
            return Err(Failure::Invalid("`idp.read_user` changes nothing; observe it".to_owned()));
        }
        _ => return Err(action.not_served()),
    };
    Ok((user_path(action)?, set_active(active)))
}

/// A PATCH message that replaces `active` (RFC 7644 section 3.5.2.3).
fn set_active(active: bool) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": active }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(contract: &str, params: Value) -> Action {
        Action { contract: contract.to_owned(), params, attempt: 1, requests: vec![] }
    }

    #[test]
    fn restoring_sets_active() {
        let (path, body) =
            change(&action("idp.restore_access", json!({ "user_id": "42" }))).unwrap();
        assert_eq!(path, "/Users/42");
        assert_eq!(body["Operations"][0]["value"], json!(true));
    }

    #[test]
    fn suspending_clears_active() {
        let (_, body) = change(&action("idp.suspend_user", json!({ "user_id": "42" }))).unwrap();
        assert_eq!(
            body["Operations"],
            json!([{ "op": "replace", "path": "active", "value": false }])
        );
    }

    #[test]
    fn an_id_is_one_segment() {
        let path = user_path(&action("idp.read_user", json!({ "user_id": "../Groups" }))).unwrap();
        assert_eq!(path, "/Users/..%2FGroups");
    }

    #[test]
    fn reading_performs_nothing() {
        let read = action("idp.read_user", json!({ "user_id": "42" }));
        assert!(matches!(change(&read), Err(Failure::Invalid(_))));
    }

    #[test]
    fn a_foreign_contract_and_a_missing_id_are_invalid() {
        assert!(user_path(&action("crm.read", json!({ "user_id": "42" }))).is_err());
        assert!(user_path(&action("idp.read_user", json!({}))).is_err());
    }
}
