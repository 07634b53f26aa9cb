//! Stories on Mailman, a server of mailing lists.

use deed_test_support::stories::{Change, Row, Stories};
use deed_tests::services::mailman::Mailman;
use serde_json::{Value, json};

const UPSTREAM: &str = r#"
[tenant.acme.upstream.mailman]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "5s"
read  = { secret = "mailman_read", slot = { basic = { user = "deed" } } }
write = { secret = "mailman_write", slot = { basic = { user = "deed" } } }

[tenant.acme.secret.mailman_read]
file = "secrets/mailman_read"

[tenant.acme.secret.mailman_write]
file = "secrets/mailman_write"
"#;

fn served(mailman: &Mailman, read: &str, write: &str) -> Stories {
    let upstream = UPSTREAM.replace("@base@", &mailman.base_url());
    Stories::start("mailman", &upstream, &[("mailman_read", read), ("mailman_write", write)])
}

fn members(mailman: &Mailman) -> String {
    format!("members: {}", mailman.members().unwrap().join(", "))
}

fn subscription(list: &str) -> Value {
    json!({"list": list, "address": "zoe@example.com"})
}

pub(super) fn stories() -> Vec<Row> {
    let mailman = Mailman::start().unwrap();
    let mut lists = served(&mailman, Mailman::PASSWORD, Mailman::PASSWORD);
    let said = || members(&mailman);
    let (without, with) = ("members: ", "members: zoe@example.com");
    let add = Change { before: without, after: with, approvals: 1 };
    lists.verified("subscribe", subscription(Mailman::LIST), add, &said);
    let read = Change { before: with, after: with, approvals: 0 };
    lists.verified("read_list", json!({"list": Mailman::LIST}), read, &said);
    let remove = Change { before: with, after: without, approvals: 1 };
    lists.verified("unsubscribe", subscription(Mailman::LIST), remove, &said);
    settings(&mut lists, &mailman);
    lists.rows()
}

fn settings(lists: &mut Stories, mailman: &Mailman) {
    let said = || {
        let path = format!("/lists/{}/config", Mailman::LIST);
        let found = mailman.get(&path).unwrap().unwrap();
        let names = ["subscription_policy", "default_nonmember_action", "advertised"];
        let values = names.map(|name| found[name].to_string().replace('"', ""));
        values.join(", ")
    };
    let change =
        Change { before: "confirm, hold, true", after: "moderate, reject, false", approvals: 1 };
    let params = json!({
        "list": Mailman::LIST, "subscription_policy": "moderate",
        "default_nonmember_action": "reject", "advertised": false,
    });
    lists.verified("change_settings", params, change, &said);
}

/// A password that is wrong for writes, and then one that is wrong for reads. Each reason names the permission.
#[test]
#[ignore = "needs mailman3; run `make systems`"]
fn a_wrong_password_is_named_with_the_permission() {
    let mailman = Mailman::start().unwrap();
    let said = || members(&mailman);
    let wrong = "mailman-password-that-nobody-has";
    let right = Mailman::PASSWORD;
    for (read, write, kind) in [(right, wrong, "write"), (wrong, right, "read")] {
        let lists = served(&mailman, read, write);
        let reason = format!(
            "the `{kind}` credential of upstream `mailman` is not valid, or lacks the permission `REST API`"
        );
        lists.fails("subscribe", subscription(Mailman::LIST), ["failed", &reason], &said);
    }
}

/// No approval permits a change of a list that the policy protects, and a list that does not exist has no members.
#[test]
#[ignore = "needs mailman3; run `make systems`"]
fn only_known_and_unprotected_lists_are_changed() {
    let mailman = Mailman::start().unwrap();
    let said = || members(&mailman);
    let lists = served(&mailman, Mailman::PASSWORD, Mailman::PASSWORD);
    let forbidden = "forbidden by `mailman-protected-lists`";
    let all = subscription("all.lists.example.com");
    lists.fails("subscribe", all, ["denied", forbidden], &said);
    let none = subscription("none.lists.example.com");
    lists.fails("subscribe", none, ["failed", "the absence is not confirmed"], &said);
}
