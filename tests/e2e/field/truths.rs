//! Tests of upstreams that send a boolean as text or as a number. The host does not guess what a text means, and a
//! contract may declare the texts.

use deed_test_support::shared::{ended, look};
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const TABLES: &str = r#"
[state.user]
from = "GET /t/{id}"
required = ["active"]
properties.active = { @active@ }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}/active"
[verify]
before     = ["pre.user.active == @off@"]
after      = ["post.user.active == @on@"]
may_change = ["/user/active"]
"#;

const BOOLEAN: [&str; 3] = ["type = \"boolean\"", "false", "true"];
const TEXTS: [&str; 3] = ["type = \"string\", enum = [\"True\", \"False\"]", "'False'", "'True'"];

fn enable([active, off, on]: [&str; 3]) -> String {
    let tables = TABLES.replace("@active@", active).replace("@off@", off).replace("@on@", on);
    contract("update", &tables)
}

/// An upstream whose user has this value of `active` before the write and that one after it.
fn user(before: Value, after: Value) -> Upstream {
    let mut written = false;
    Upstream::start(move |request| {
        if request.method == "PUT" {
            written = true;
            return Reply::empty(204);
        }
        Reply::json(200, json!({"active": if written { &after } else { &before }}))
    })
}

#[test]
fn a_text_is_not_taken_for_a_boolean() {
    for value in [json!("False"), json!("false"), json!("0"), json!(""), json!(0), json!(1)] {
        let upstream = user(value.clone(), json!(true));
        let world = served(&upstream, &enable(BOOLEAN), "");
        let its = "the answer of upstream `field` to `GET /t/a1` does not fit the contract";
        let why = format!("{its}: at `/active`: `{value}` is not a boolean");
        ended(&world, &tried(&world), "failed", &why);
        assert!(upstream.writes().is_empty(), "{value}");
    }
    // Null is not a boolean either.
    let upstream = user(Value::Null, json!(true));
    let world = served(&upstream, &enable(BOOLEAN), "");
    ended(&world, &tried(&world), "failed", "could not be observed; nothing was sent");
    assert!(upstream.writes().is_empty());
}

#[test]
fn a_contract_may_declare_the_texts() {
    let upstream = user(json!("False"), json!("True"));
    let world = served(&upstream, &enable(TEXTS), "");
    let view = tried(&world);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    let changes = json!([{"pointer": "/user/active", "old": "False", "new": "True"}]);
    assert_eq!(receipt["changes"], changes);
    assert_eq!(look(&world, &view, "post")["state"]["user"]["active"], "True");
    for other in [json!("false"), json!("FALSE"), json!("False "), json!(false)] {
        let upstream = user(other.clone(), json!("True"));
        let world = served(&upstream, &enable(TEXTS), "");
        ended(&world, &tried(&world), "failed", "does not fit the contract: at `/active`");
        assert!(upstream.writes().is_empty(), "{other}");
    }
}
