//! Stories on Redmine, an issue tracker.

use deed_test_support::stories::{Change, Row, Stories};
use deed_tests::services::redmine::Redmine;
use serde_json::{Value, json};

const UPSTREAM: &str = r#"
[tenant.acme.upstream.redmine]
base_url  = "@base@"
addresses = ["loopback"]
timeout   = "10s"
read  = { secret = "redmine_read", slot = { header = { name = "X-Redmine-API-Key" } } }
write = { secret = "redmine_write", slot = { header = { name = "X-Redmine-API-Key" } } }

[tenant.acme.secret.redmine_read]
file = "secrets/redmine_read"

[tenant.acme.secret.redmine_write]
file = "secrets/redmine_write"
"#;

const SUBJECT: &str = "No access";

fn served(redmine: &Redmine, read: &str, write: &str) -> Stories {
    let upstream = UPSTREAM.replace("@base@", &redmine.base_url());
    Stories::start("redmine", &upstream, &[("redmine_read", read), ("redmine_write", write)])
}

/// The status of an issue, and its comments.
fn told(redmine: &Redmine, number: i64) -> String {
    let issue = redmine.issue(number).unwrap();
    let comments = issue["journals"].as_array().unwrap();
    let comments: Vec<&str> = comments.iter().filter_map(|one| one["notes"].as_str()).collect();
    let status = issue["status"]["name"].as_str().unwrap();
    format!("{status}, comments: {}", comments.join(" / "))
}

fn comment(number: i64, note: &str) -> Value {
    json!({"issue": number, "subject": SUBJECT, "note": note})
}

pub(super) fn stories() -> Vec<Row> {
    let redmine = Redmine::start().unwrap();
    let mut desk = served(&redmine, Redmine::READER, Redmine::WRITER);
    let issues = || format!("issues: {}", redmine.subjects().unwrap().join(" / "));
    let params = json!({"project": "helpdesk", "subject": SUBJECT, "description": "Since Monday."});
    let create = Change { before: "issues: ", after: "issues: No access", approvals: 1 };
    let view = desk.verified("create_issue", params, create, &issues);
    let number = view["outputs"]["issue"].as_i64().unwrap();
    let said = || told(&redmine, number);
    let none = "New, comments: ";
    let read = Change { before: none, after: none, approvals: 0 };
    desk.verified("read_issue", json!({"issue": number}), read, &said);
    comments(&mut desk, &redmine, number);
    let closed = "Closed, comments: alice has signed in.";
    let close = Change { before: none, after: closed, approvals: 1 };
    desk.verified("close_issue", comment(number, "alice has signed in."), close, &said);
    let after = "In Progress, comments: alice has signed in. / Again.";
    let reopen = Change { before: closed, after, approvals: 1 };
    desk.verified("reopen_issue", comment(number, "Again."), reopen, &said);
    desk.rows()
}

/// Adds a comment and removes it.
fn comments(desk: &mut Stories, redmine: &Redmine, number: i64) {
    let said = || told(redmine, number);
    let (without, with) = ("New, comments: ", "New, comments: We look into it.");
    let add = Change { before: without, after: with, approvals: 1 };
    desk.verified("add_comment", comment(number, "We look into it."), add, &said);
    let id = redmine.issue(number).unwrap()["journals"][0]["id"].clone();
    let params = json!({"issue": number, "comment": id, "note": "We look into it."});
    let remove = Change { before: with, after: without, approvals: 1 };
    desk.verified("remove_comment", params, remove, &said);
}

/// Users whose role lacks the permission for an action, or who have no role. Each reason names the permission.
#[test]
#[ignore = "needs redmine; run `make systems`"]
fn a_user_without_the_role_is_named_with_the_permission() {
    let redmine = Redmine::start().unwrap();
    let number = redmine.create(SUBJECT).unwrap();
    let said = || told(&redmine, number);
    let lacks = |kind: &str, permission: &str| {
        format!(
            "the `{kind}` credential of upstream `redmine` is not valid, or lacks the permission `{permission}`"
        )
    };
    let create =
        || json!({"project": "helpdesk", "subject": "Printer", "description": "No paper."});
    let desk = served(&redmine, Redmine::READER, Redmine::READER);
    let reason = lacks("write", "Add issues");
    desk.fails("create_issue", create(), ["failed", &reason], &said);
    let reason = lacks("write", "Edit issues");
    desk.fails("close_issue", comment(number, "Done."), ["failed", &reason], &said);
    let desk = served(&redmine, Redmine::GUEST, Redmine::WRITER);
    let reason = lacks("read", "View issues");
    desk.fails("create_issue", create(), ["failed", &reason], &said);
    desk.fails("close_issue", comment(number, "Done."), ["failed", &reason], &said);
    assert_eq!(redmine.subjects().unwrap(), [SUBJECT]);
}

/// No approval permits an issue in a project that the policy does not list, or a comment on another issue.
#[test]
#[ignore = "needs redmine; run `make systems`"]
fn an_issue_is_created_only_in_listed_projects() {
    let redmine = Redmine::start().unwrap();
    let number = redmine.create("Printer").unwrap();
    let said = || told(&redmine, number);
    let desk = served(&redmine, Redmine::READER, Redmine::WRITER);
    let params = json!({"project": "board", "subject": SUBJECT, "description": ""});
    let forbidden = "forbidden by `redmine-projects`";
    desk.fails("create_issue", params, ["denied", forbidden], &said);
    let other = "pre.issue.subject == params.subject";
    desk.fails("add_comment", comment(number, "Done."), ["denied", other], &said);
}
