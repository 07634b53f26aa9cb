//! Writes that the upstream carries out later, as a job whose path is in `Location`.

use deed_test_support::shared::ended;
use deed_tests::world::World;
use serde_json::{Value, json};

use super::upstream::{Reply, Upstream};
use super::{contract, served, tried};

const JOB: &str = r#"
[state.job]
from = "GET /jobs/{answer.suspend.job}"
required = ["status"]
properties.status = { type = "string", enum = ["queued", "running", "done", "failed"] }
[state.user]
from = "GET /users/{id}"
required = ["active"]
properties.active = { type = "boolean" }
[[observe.http]]
upstream = "field"
request  = "GET /jobs/{answer.suspend.job}"
[[observe.http]]
upstream = "field"
request  = "GET /users/{id}"
[[perform.http]]
upstream = "field"
name     = "suspend"
request  = "POST /users/{id}/suspend"
accepted = [202]
created  = [202]
location = "/jobs/{job}"
answer   = { job = { type = "integer", minimum = 1 } }
[verify]
before     = ["pre.user.active"]
after      = ["!post.user.active", "post.job != null && post.job.status == 'done'"]
pending    = "post.job != null && post.job.status in ['queued', 'running']"
may_change = ["/job", "/user/active"]
settle     = "1s"
[limits]
observe  = "20s"
"#;

/// An upstream on which job 7 suspends a user. Each read of the job returns the next of these statuses, and the last
/// status is repeated.
fn job(location: &'static str, statuses: &'static [&'static str]) -> Upstream {
    let mut reads = 0;
    let mut active = true;
    Upstream::start(move |request| match request.target.as_str() {
        "/users/a1/suspend" => Reply::json(202, json!({})).header("location", location),
        "/jobs/7" => {
            let status = statuses.get(reads).or(statuses.last()).unwrap();
            reads += 1;
            active = *status != "done";
            Reply::json(200, json!({"status": status}))
        }
        "/users/a1" => Reply::json(200, json!({"active": active})),
        _ => Reply::json(404, json!({})),
    })
}

#[test]
fn a_job_is_followed_to_its_end() {
    let text = contract("update", JOB);
    for (statuses, outcome, why) in [
        (&["done"][..], "verified", "every expectation holds"),
        (&["queued", "running", "done"], "verified", "every expectation holds"),
        (
            &["queued", "failed"],
            "mismatch",
            "`post.job != null && post.job.status == 'done'` does not hold",
        ),
    ] {
        let upstream = job("/jobs/7", statuses);
        let world = served(&upstream, &text, "");
        ended(&world, &tried(&world), outcome, why);
        assert_eq!(upstream.writes().len(), 1);
    }
}

/// If a job runs longer than the contract waits, the outcome is open until a later observation settles it.
#[test]
fn a_slow_job_is_settled_later() {
    let text = contract("update", JOB).replace("settle     = \"1s\"", "settle     = \"0s\"");
    for (last, outcome) in [("done", "verified"), ("failed", "mismatch")] {
        let statuses: &'static [&'static str] = match last {
            "done" => &["queued", "running", "running", "done"],
            _ => &["queued", "running", "failed"],
        };
        let upstream = job("/jobs/7", statuses);
        let world = served(&upstream, &text, "");
        let view = tried(&world);
        ended(&world, &view, "indeterminate", "the upstream is still carrying out the action");
        assert_eq!(settled(&world, &view), outcome);
        assert_eq!(upstream.writes().len(), 1);
    }
}

/// Returns the outcome that a later observation settled, and asserts that a verifier accepts the bundle.
fn settled(world: &World, view: &Value) -> String {
    let id = view["id"].as_str().unwrap();
    let view = world.until(id, |view| view["status"] != "indeterminate").unwrap();
    let report = deed_test_support::shared::report(world, id);
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
    view["status"].as_str().unwrap().to_owned()
}

/// Only a location below the base URL of the upstream counts, and only its declared part is used.
#[test]
fn a_location_elsewhere_is_not_followed() {
    for place in [
        "http://127.0.0.1:1/jobs/7",
        "//127.0.0.1:1/jobs/7",
        "/jobs/7/../8",
        "/jobs/..",
        "/jobs/7?admin=1",
        "/jobs/-7",
        "/users/7",
        "jobs/7",
        "",
    ] {
        let upstream = job(place, &["done"]);
        let world = served(&upstream, &contract("update", JOB).replace("\"1s\"", "\"0s\""), "");
        ended(&world, &tried(&world), "indeterminate", "the answer to the write of");
        assert!(!upstream.seen().iter().any(|one| one.is("GET", "/jobs")), "{place}");
    }
}

#[test]
fn an_absolute_location_of_the_same_upstream_is_followed() {
    let upstream = Upstream::start(|request| match request.target.as_str() {
        "/users/a1/suspend" => {
            let host = request.header("host").unwrap();
            Reply::json(202, json!({})).header("location", &format!("HTTP://{host}/jobs/7"))
        }
        "/jobs/7" => Reply::json(200, json!({"status": "failed"})),
        _ => Reply::json(200, json!({"active": true})),
    });
    let world = served(&upstream, &contract("update", JOB), "");
    ended(&world, &tried(&world), "mismatch", "does not hold");
}

/// `pending` covers neither a change that is not allowed nor a refusal.
#[test]
fn a_job_of_somebody_else_does_not_keep_an_outcome_open() {
    let text = contract("update", JOB)
        .replace("\"1s\"", "\"0s\"")
        .replace("post.job != null && post.job.status in ['queued', 'running']", "post.user.active")
        .replace("may_change = [\"/job\", ", "may_change = [");
    let upstream = job("/jobs/7", &["running"]);
    let world = served(&upstream, &text, "");
    ended(&world, &tried(&world), "mismatch", "`/job` changed, which is not allowed");
    let upstream = Upstream::start(|request| match request.target.as_str() {
        "/users/a1" => Reply::json(200, json!({"active": true})),
        _ => Reply::json(422, json!({})),
    });
    let world = served(&upstream, &text, "");
    ended(&world, &tried(&world), "failed", "the upstream refused and nothing changed");
}
