//! Tests of answers with a special meaning: the write is still running, a 403 is a rate limit, a job was only accepted,
//! or a 200 is a refusal.

use std::thread;
use std::time::Duration;

use deed_test_support::shared::ended;
use serde_json::json;

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const SET: &str = r#"
[state.thing]
from = "GET /t/{id}"
properties.a = { type = "integer" }
[[observe.http]]
upstream = "field"
request  = "GET /t/{id}"
[[perform.http]]
upstream = "field"
request  = "PUT /t/{id}"
body     = { a = 2 }
@rule@
[verify]
after      = ["has(post.thing.a) && post.thing.a == 2"]
may_change = ["/thing/a"]
@verify@
[limits]
attempts = 4
backoff  = "50ms"
"#;

/// A contract that sets `a` to 2, with these lines in the write and these lines in `[verify]`.
pub(super) fn set(rule: &str, verify: &str) -> String {
    contract("update", &SET.replace("@rule@", rule).replace("@verify@", verify))
}

/// An upstream that calls `write` for each write with the number of the write, from 1. `write` returns the answer and
/// whether the write takes effect.
pub(super) fn answering(
    mut write: impl FnMut(usize) -> (Reply, bool) + Send + 'static,
) -> Upstream {
    let (mut a, mut n) = (1, 0);
    Upstream::start(move |request| {
        if request.method == "PUT" {
            n += 1;
            let (reply, applied) = write(n);
            if applied {
                a = 2;
            }
            return reply;
        }
        Reply::json(200, json!({"a": a}))
    })
}

#[test]
fn a_write_that_still_runs_is_repeated_under_its_key() {
    let upstream = answering(|n| match n {
        1 => {
            thread::sleep(Duration::from_millis(700));
            (Reply::json(200, json!({})), false)
        }
        2 => (Reply::json(409, json!({"code": "in_use"})), false),
        _ => (Reply::json(200, json!({})), true),
    });
    let text = set("", "").replace("effect   = \"observable\"", "effect   = \"keyed\"");
    let lines = "idempotency = { header = \"Idempotency-Key\", window = \"24h\" }";
    let world = served(&upstream, &text, lines);
    let file = world.dir.join("deed.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("timeout   = \"2s\"", "timeout   = \"500ms\"")).unwrap();
    let mut world = world;
    world.restart().unwrap();
    ended(&world, &tried(&world), "verified", "every expectation holds");
    let keys: Vec<String> = upstream
        .writes()
        .iter()
        .map(|write| write.header("idempotency-key").unwrap().to_owned())
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[test]
fn a_rate_limit_with_403_is_not_a_refusal_if_the_contract_says_so() {
    let limited = || {
        answering(|n| match n {
            1 => {
                let mut reply = Reply::json(403, json!({"message": "secondary rate limit"}));
                reply.headers.push(("retry-after", "1".into()));
                (reply, false)
            }
            _ => (Reply::json(200, json!({})), true),
        })
    };
    let upstream = limited();
    let world = served(&upstream, &set("throttled = [403]", ""), "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
    assert_eq!(upstream.writes().len(), 2);
    let upstream = limited();
    let world = served(&upstream, &set("", ""), "");
    ended(&world, &tried(&world), "failed", "the upstream refused");
    assert_eq!(upstream.writes().len(), 1);
    // A 403 without `Retry-After` is a refusal, even if the contract lists 403 in `throttled`.
    let upstream = answering(|_| (Reply::json(403, json!({})), false));
    let world = served(&upstream, &set("throttled = [403]", ""), "");
    ended(&world, &tried(&world), "failed", "the upstream refused");
    assert_eq!(upstream.writes().len(), 1);
}

#[test]
fn a_pause_is_also_read_from_a_date() {
    let upstream = answering(|n| match n {
        1 => {
            let mut reply = Reply::json(503, json!({}));
            reply.headers.push(("date", "Sun, 06 Nov 1994 08:49:37 GMT".into()));
            reply.headers.push(("retry-after", "Sun, 06 Nov 1994 08:49:39 GMT".into()));
            (reply, false)
        }
        _ => (Reply::json(200, json!({})), true),
    });
    let world = served(&upstream, &set("", ""), "");
    let started = std::time::Instant::now();
    ended(&world, &tried(&world), "verified", "every expectation holds");
    assert!(started.elapsed() >= Duration::from_secs(2), "the upstream asked for two seconds");
}

#[test]
fn a_job_that_was_accepted_is_neither_a_success_nor_a_failure() {
    for (rule, outcome, why) in [
        ("accepted = [202]", "indeterminate", "the upstream accepted the write"),
        ("", "mismatch", "nothing changed; the status 202 can mean"),
    ] {
        let upstream = answering(|_| (Reply::json(202, json!({})), false));
        let world = served(&upstream, &set(rule, ""), "");
        let view = tried(&world);
        ended(&world, &view, outcome, why);
        let remedy = view["reason"].as_str().unwrap().contains("write `accepted = [202]`");
        assert_eq!(remedy, rule.is_empty(), "{view:#}");
        assert_eq!(upstream.writes().len(), 1, "what was accepted is not sent again");
    }
    let upstream = answering(|_| (Reply::json(202, json!({})), true));
    let world = served(&upstream, &set("accepted = [202]", ""), "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
}

#[test]
fn a_refusal_with_200_is_a_refusal_if_the_contract_says_so() {
    let refusing = || answering(|_| (Reply::json(200, json!({"ok": false})), false));
    let rule = "refused_when = \"answer.status == 200 && answer.body.ok == false\"";
    let upstream = refusing();
    let world = served(&upstream, &set(rule, ""), "");
    ended(&world, &tried(&world), "failed", "the upstream refused");
    assert_eq!(upstream.writes().len(), 1);
    // An answer without the member that `refused_when` reads is not a refusal.
    let upstream = answering(|_| (Reply::json(200, json!({})), true));
    let world = served(&upstream, &set(rule, ""), "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
    let upstream = refusing();
    let world = served(&upstream, &set("", ""), "");
    ended(&world, &tried(&world), "mismatch", "the upstream reported success");
}
