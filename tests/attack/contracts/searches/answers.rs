//! Answers to queries: errors with status 200, no answer at all, and entity tags.

use deed_record::contract::Contract;
use deed_tests::services::ScimServer;
use serde_json::json;

use super::super::stage::{JSON, Request, Stage, contract, fresh, raw, says};
use super::{about, is_query, params, search, users};
use crate::case::unharmed;

/// Answers with a 2xx status and this value of `active` that are errors, or may be.
fn failures(active: bool) -> Vec<Vec<u8>> {
    let data = format!(r#""data":{{"user":{{"active":{active}}}}}"#);
    let token = ScimServer::READ_TOKEN;
    let texts = [
        format!(r#"{{{data},"errors":[{{"message":"timeout"}}]}}"#),
        format!(r#"{{{data},"errors":[]}}"#),
        format!(r#"{{{data},"errors":null}}"#),
        format!(r#"{{{data},"errors":""}}"#),
        format!(r#"{{{data},"errors":false}}"#),
        format!(r#"{{{data},"\u0065rrors":[]}}"#),
        format!(r#"{{{data},"errors":1e400}}"#),
        format!(r#"{{{data},"errors":123456789012345678901234567890}}"#),
        format!(r#"{{"errors":[1],{data},"errors":[]}}"#),
        format!("{{{data},{data}}}"),
        format!(r#"{{"data":{{"user":{{"active":{active},"errors":["timeout"]}}}}}}"#),
        format!(r#"{{{data},"note":"{token}"}}"#),
        format!(r#"{{{data},"{token}":[]}}"#),
        format!("{{{data}}} {{}}"),
        format!("{{{data}"),
        format!("[{{{data}}}]"),
        r#"{"data":{"user":null}}"#.to_owned(),
        r#"{"data":null}"#.to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        "\"ok\"".to_owned(),
        "<html>".to_owned(),
        String::new(),
    ];
    let mut answers: Vec<Vec<u8>> = texts.iter().map(|text| raw(200, JSON, text)).collect();
    answers.push(raw(200, "content-type: text/html\r\n", format!("{{{data}}}")));
    answers.push(raw(202, JSON, format!(r#"{{{data},"errors":[]}}"#)));
    answers.push(raw(204, "", ""));
    answers
}

pub(super) fn errors() {
    let lines = "refused_when = \"has(answer.body.errors) || has(answer.body.data.user.errors)\"";
    let stage = Stage::new(&[search(lines)]);
    for failure in failures(true) {
        let variant = format!("before: {}", String::from_utf8_lossy(&failure));
        let id = fresh();
        users(&stage, &id, move |n| (n == 1).then(|| failure.clone()));
        let answer = stage.propose("search", &params(&id, "a"));
        stage.judged(&answer, "failed", "could not be observed", &variant);
        let seen = about(&stage, &id);
        assert!(seen.len() == 1 && seen.iter().all(is_query), "{variant}: {seen:?}");
    }
    for failure in failures(false) {
        let variant = format!("after: {}", String::from_utf8_lossy(&failure));
        let id = fresh();
        users(&stage, &id, move |n| (n > 1).then(|| failure.clone()));
        let answer = stage.propose("search", &params(&id, "a"));
        stage.judged(&answer, "indeterminate", "could not be observed", &variant);
        let seen = about(&stage, &id);
        assert_eq!(seen.iter().filter(|one| !is_query(one)).count(), 1, "{variant}: {seen:?}");
    }
    let id = fresh();
    users(&stage, &id, |_| None);
    let answer = stage.propose("search", &params(&id, "a"));
    stage.judged(&answer, "verified", "every expectation holds", "no error");
    unharmed(&stage.world);
}

/// The upstream may have carried out a query that it did not answer, so it sees the query once.
pub(super) fn unanswered() {
    let stage = Stage::new(&[search("")]);
    let good = r#"{"data":{"user":{"active":true}}}"#;
    let cut = format!("HTTP/1.1 200 X\r\n{JSON}content-length: 99\r\n\r\n{good}");
    let mut answers = vec![vec![], b"HTTP/1.1 ".to_vec(), cut.into_bytes()];
    for status in [408, 425, 429, 500, 502, 503, 504] {
        for wait in ["", "retry-after: 0\r\n", "retry-after: 1\r\n"] {
            answers.push(raw(status, &format!("{JSON}{wait}"), good));
        }
    }
    for status in [301, 302, 307, 308] {
        let target = format!("location: http://{}/v2/graphql\r\n", stage.address);
        answers.push(raw(status, &format!("{JSON}{target}"), good));
    }
    for first in answers {
        let variant = String::from_utf8_lossy(&first).into_owned();
        let id = fresh();
        users(&stage, &id, move |n| (n == 1).then(|| first.clone()));
        let answer = stage.propose("search", &params(&id, "a"));
        stage.judged(&answer, "failed", "could not be observed", &variant);
        let seen = about(&stage, &id);
        assert!(seen.len() == 1 && seen.iter().all(is_query), "{variant}: {seen:?}");
    }
    unharmed(&stage.world);
}

const GUARDED: &str = r#"
[state.user]
from = "POST /u?id={id}"
required = ["active"]
properties.active = { type = "boolean" }
[[observe.http]]
upstream = "field"
request  = "POST /u?id={id}"
reads    = true
body     = { op = "read" }
[[observe.http]]
upstream = "field"
request  = "GET /u?id={id}"
[[perform.http]]
upstream = "field"
request  = "@write@ /u?id={id}"
guard    = "etag"
body     = { op = "suspend" }
[verify]
before     = ["pre.user.active"]
after      = ["!post.user.active"]
may_change = ["/user/active"]
"#;

fn is_suspension(request: &Request) -> bool {
    request.json()["op"] == "suspend"
}

/// The answer to a query has an entity tag of something else on the path of the write.
pub(super) fn tags() {
    let written =
        |name, write: &str| contract(name, "update", &[], &GUARDED.replace("@write@", write));
    let get = "[[observe.http]]\nupstream = \"field\"\nrequest  = \"GET /u?id={id}\"\n";
    for write in ["PATCH", "POST"] {
        let text = written("untagged", write).1.replacen(get, "", 1);
        let said = Contract::from_toml("c.toml", &text).unwrap_err().to_string();
        assert!(said.contains("`guard` needs the entity tag"), "{write}: {said}");
    }
    let stage = Stage::new(&[written("patched", "PATCH"), written("posted", "POST")]);
    for name in ["patched", "posted"] {
        for tag in ["", "etag: \"own\"\r\n"] {
            let mut active = true;
            stage.replies(move |request| {
                let tag = match request.method.as_str() {
                    "GET" => tag,
                    _ if is_suspension(request) => "",
                    _ => "etag: \"stolen\"\r\n",
                };
                active = active && !is_suspension(request);
                raw(200, &format!("{JSON}{tag}"), json!({ "active": active }).to_string())
            });
            let variant = format!("{name}, {tag:?}");
            let answer = stage.propose(name, &json!({ "id": fresh() }));
            let writes: Vec<Request> = stage.seen().into_iter().filter(is_suspension).collect();
            if tag.is_empty() {
                stage.judged(&answer, "denied", "has no entity tag", &variant);
                assert!(writes.is_empty(), "{variant}: {writes:?}");
                continue;
            }
            stage.judged(&answer, "verified", "every expectation holds", &variant);
            assert_eq!(writes.len(), 1, "{variant}: {writes:?}");
            let head = String::from_utf8_lossy(&writes[0].head).into_owned();
            assert!(head.contains("if-match: \"own\"") && !head.contains("stolen"), "{head}");
        }
    }
    unharmed(&stage.world);
}

/// A query that was answered is not sent again because another request of the same look was not.
pub(super) fn answered_and_sent_again() {
    let me = "[state.me]\nfrom = \"GET /me\"\nproperties.name = { type = \"string\" }\n\
              [[observe.http]]\nupstream = \"field\"\nrequest  = \"GET /me\"\n[[perform.http]]";
    let (name, text) = search("");
    let stage = Stage::new(&[(name, text.replacen("[[perform.http]]", me, 1))]);
    for first in [vec![], raw(429, "retry-after: 0\r\n", ""), raw(503, "", "")] {
        let variant = String::from_utf8_lossy(&first).into_owned();
        stage.replies(move |request| match request.method.as_str() {
            "GET" => first.clone(),
            _ => says(200, &json!({"data": {"user": {"active": true}}})),
        });
        let id = fresh();
        let answer = stage.propose(name, &params(&id, "a"));
        assert_eq!(answer.json()["status"], "failed", "{variant}");
        let seen = about(&stage, &id);
        assert!(seen.len() == 1 && seen.iter().all(is_query), "{variant}: {seen:?}");
    }
    unharmed(&stage.world);
}

/// A contract whose `expose` hides the part of the answer that `refused_when` tests.
pub(super) fn hidden_errors() {
    let lines = "expose = [\"/data\"]\nrefused_when = \"has(answer.body.errors)\"";
    let said = Contract::from_toml("c.toml", &search(lines).1).unwrap_err().to_string();
    assert!(said.contains("expose"), "{said}");
}
