//! Moves a user in an API that accepts form-urlencoded bodies and answers with XML. The adapter itself handles only
//! JSON, because the host converts the bodies and the answers.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, state};
use serde_json::json;

struct SpeaksForms;

impl Adapter for SpeaksForms {
    fn observe(_: &Action) -> Result<(), Failure> {
        let listed = http::get("iam", "/?Action=ListUsers&Version=2010-05-08")?.accepted()?;
        state::read("users", listed.exchange, "/ListUsersResponse/ListUsersResult/Users").map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let body = json!({
            "Action": "UpdateUser",
            "Version": "2010-05-08",
            "UserName": action.text("user")?,
            "NewPath": action.text("path")?,
        });
        http::send("iam", "POST", "/", Some(body))?.accepted().map(drop)
    }
}

export_adapter!(SpeaksForms);
