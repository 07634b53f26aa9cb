//! Tests of writes that were answered, but whose answer does not say whether the write took effect or will take effect.

use std::time::{Duration, Instant};

use deed_test_support::shared::{ended, report};
use serde_json::json;

use super::answers::{answering, set};
use super::upstream::{Reply, Upstream};
use super::{served, tried};

fn with_effect(effect: &str) -> String {
    set("", "").replace("effect   = \"observable\"", &format!("effect   = \"{effect}\""))
}

/// The upstream answers the first write with a conflict, a redirection or 425 (Too Early). The host sends the write
/// again, with the same idempotency key.
#[test]
fn a_first_write_without_a_definite_answer_is_repeated_as_the_effect_allows() {
    for (effect, status) in [
        ("keyed", 409),
        ("keyed", 307),
        ("observable", 409),
        ("observable", 302),
        ("idempotent", 425),
    ] {
        let upstream = answering(move |n| match n {
            1 => (Reply::json(status, json!({"code": "in_use"})), false),
            _ => (Reply::json(200, json!({})), true),
        });
        let lines = "idempotency = { header = \"Idempotency-Key\", window = \"24h\" }";
        let world = served(&upstream, &with_effect(effect), lines);
        ended(&world, &tried(&world), "verified", "every expectation holds");
        let keys: Vec<_> = upstream
            .writes()
            .iter()
            .map(|one| one.header("idempotency-key").map(str::to_owned))
            .collect();
        assert_eq!(keys.len(), 2, "{effect} {status}");
        assert!(keys[0].is_some() && keys[0] == keys[1], "{effect} {status}: {keys:?}");
    }
}

/// A write is sent once if it took effect in spite of its answer, or if its effect cannot be observed.
#[test]
fn a_write_without_a_definite_answer_is_not_repeated_without_need() {
    for status in [307, 409] {
        let upstream = answering(move |_| (Reply::json(status, json!({})), true));
        let world = served(&upstream, &with_effect("observable"), "");
        ended(&world, &tried(&world), "verified", "every expectation holds");
        assert_eq!(upstream.writes().len(), 1, "{status}");
        let upstream = answering(move |_| (Reply::json(status, json!({})), false));
        let world = served(&upstream, &with_effect("opaque"), "");
        let view = tried(&world);
        assert_eq!(view["status"], "indeterminate", "{status}: {view:#}");
        assert_eq!(upstream.writes().len(), 1, "{status}");
    }
}

#[test]
fn a_rate_limit_has_the_status_that_the_contract_names() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (status, after) in [(420, "1"), (400, "1"), (403, "Sun, 06 Nov 1994 08:49:38 GMT")] {
        let upstream = answering(move |n| match n {
            1 => {
                let limited = Reply::json(status, json!({"message": "slow down"}));
                (limited.header("date", date).header("retry-after", after), false)
            }
            _ => (Reply::json(200, json!({})), true),
        });
        let world = served(&upstream, &set(&format!("throttled = [{status}]"), ""), "");
        let started = Instant::now();
        ended(&world, &tried(&world), "verified", "every expectation holds");
        let pause = Duration::from_secs(1);
        assert!(started.elapsed() >= pause, "{status}: the upstream asked for one second");
        assert_eq!(upstream.writes().len(), 2, "{status}");
    }
}

/// The upstream accepts the write, and carries it out after the second read.
#[test]
fn an_accepted_write_that_takes_effect_later_is_settled_later() {
    let (mut written, mut reads) = (false, 0);
    let upstream = Upstream::start(move |request| {
        if request.method == "PUT" {
            written = true;
            return Reply::json(202, json!({}));
        }
        reads += usize::from(written);
        let a = if reads > 2 { 2 } else { 1 };
        Reply::json(200, json!({ "a": a }))
    });
    let world = served(&upstream, &set("accepted = [202]", "settle = \"0s\""), "");
    let view = tried(&world);
    ended(&world, &view, "indeterminate", "");
    let id = view["id"].as_str().unwrap();
    let view = world.until(id, |view| view["status"] != "indeterminate").unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    let report = report(&world, id);
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
    assert_eq!(upstream.writes().len(), 1, "what was accepted is not sent again");
}

/// A query language answers every request with 200, and names errors in the body.
#[test]
fn a_list_of_errors_with_200_is_a_refusal_if_the_contract_says_so() {
    let rule = "refused_when = \"has(answer.body.errors)\"";
    for (body, applied, outcome, why) in [
        (json!({"data": null, "errors": [{"message": "locked"}]}), false, "failed", "refused"),
        (json!({"data": {"suspend": {"ok": true}}}), true, "verified", "every expectation holds"),
        (json!({"data": {"suspend": {"ok": true}}}), false, "mismatch", "nothing changed"),
    ] {
        let upstream = answering(move |_| (Reply::json(200, body.clone()), applied));
        let world = served(&upstream, &set(rule, ""), "");
        ended(&world, &tried(&world), outcome, why);
        assert_eq!(upstream.writes().len(), 1);
    }
}
