//! An upstream that redirects the host. The host never follows a redirect: it dials one address per exchange, which it
//! has checked before, and treats a 3xx like any other answer.

use deed_test_support::shared::ended;
use deed_tests::hostile::{Hostile, Script, answer, says};
use serde_json::json;

use super::stage::{RESTORE, Stage, fates};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "redirects-a-read" => reads,
        "redirects-a-write" => writes,
        "points-elsewhere-in-headers" => hints,
    ]
}

const STATUSES: [&str; 7] = [
    "300 Choices",
    "301 Moved",
    "302 Found",
    "303 Other",
    "305 Proxy",
    "307 Temporary",
    "308 Permanent",
];

fn redirect(status: &str, location: &str) -> Script {
    let kind = "content-type: application/json";
    says(answer(
        &format!("{status}\r\nlocation: {location}\r\n{kind}"),
        r#"{"id":"1","userName":"u"}"#,
    ))
}

/// Targets that a client would reach if it followed redirects. The first target is a listener of the test.
fn places(elsewhere: &Hostile) -> [String; 6] {
    [
        elsewhere.base_url(),
        "http://169.254.169.254/latest/meta-data/iam/security-credentials/".into(),
        "http://[fd00:ec2::254]/latest/meta-data/".into(),
        format!("//{}/", elsewhere.address()),
        "/v2/Users/00000000000000000000000000000000".into(),
        "file:///etc/passwd".into(),
    ]
}

fn reads() {
    let (stage, elsewhere) = (Stage::new(), Hostile::start().unwrap());
    let mut sent = 0;
    for status in STATUSES {
        for place in places(&elsewhere) {
            let view = stage.read(redirect(status, &place));
            ended(&stage.world, &view, "failed", status.split(' ').next().unwrap());
            sent += 1;
            assert_eq!(stage.hostile.connections(), sent, "one connection per look: {place}");
        }
    }
    assert_eq!(elsewhere.connections(), 0, "the host went elsewhere");
    unharmed(&stage.world);
}

/// An upstream that answers a write with 3xx may have carried out the write. The host waits until the write can no
/// longer take effect, and then reads the state.
fn writes() {
    let (stage, elsewhere) = (Stage::new(), Hostile::start().unwrap());
    let scripts = ["302 Found", "307 Temporary", "308 Permanent"]
        .map(|status| (status, redirect(status, &elsewhere.base_url())));
    for view in stage.all(RESTORE, "PATCH", &scripts) {
        ended(&stage.world, &view, "failed", "there was no definite answer");
        let fate = &fates(&view, "perform")[0];
        assert!(fate["answered"]["status"].as_u64().is_some_and(|s| s / 100 == 3), "{fate}");
    }
    assert_eq!((stage.hostile.count("PATCH"), elsewhere.connections()), (3, 0));
    unharmed(&stage.world);
}

fn hints() {
    let (stage, elsewhere) = (Stage::new(), Hostile::start().unwrap());
    let place = elsewhere.address();
    let head = format!(
        "200 OK\r\ncontent-type: application/json\r\nalt-svc: h2=\"{place}\"\r\nrefresh: 0; url=http://{place}/\r\n\
         content-location: http://{place}/\r\nlink: <http://{place}/>; rel=preload"
    );
    let view = stage.read(says(answer(&head, r#"{"id":"1","userName":"honest@example.com"}"#)));
    ended(&stage.world, &view, "verified", "");
    assert_eq!(fates(&view, "observe"), [json!({"answered": {"status": 200}})]);
    assert_eq!(elsewhere.connections(), 0);
    unharmed(&stage.world);
    assert_eq!(elsewhere.connections(), 0);
}
