//! A small SCIM directory (RFC 7644) in which every id is a user. GET shows the user, and PATCH sets `active`. The
//! directory accepts every request.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::wire;
use crate::proxy::Recorded;

#[derive(Debug, Default)]
pub(super) struct Directory {
    /// The fields of each user that differ from the initial user, by id.
    users: BTreeMap<String, Value>,
}

impl Directory {
    pub(super) fn answer(&mut self, request: &Recorded) -> Vec<u8> {
        let id = request.path.rsplit('/').next().unwrap_or_default();
        if request.method == "PATCH" {
            let patch: Value = serde_json::from_str(&request.body).unwrap_or_default();
            let active = patch.pointer("/Operations/0/value").cloned().unwrap_or_default();
            self.set(id, "active", active);
            return b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
        }
        wire::json(&self.user(id))
    }

    pub(super) fn user(&self, id: &str) -> Value {
        let mut user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": id, "userName": "honest@example.com", "active": false,
        });
        let own = self.users.get(id).and_then(Value::as_object).into_iter().flatten();
        if let Some(fields) = user.as_object_mut() {
            fields.extend(own.map(|(name, value)| (name.clone(), value.clone())));
        }
        user
    }

    pub(super) fn set(&mut self, id: &str, field: &str, value: Value) {
        let user = self.users.entry(id.to_owned()).or_insert_with(|| json!({}));
        if let Some(fields) = user.as_object_mut() {
            fields.insert(field.to_owned(), value);
        }
    }
}
