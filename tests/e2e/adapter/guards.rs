//! Upstreams that turn a guarded write away although nothing changed: asking people again would not help.

use deed_tests::hostile::{Script, Step, answer, says};
use deed_tests::world::{BOB, World};
use serde_json::json;

use super::{SUSPEND, Stage, USER};
use crate::shared::ended;

/// The user with this entity tag, whatever was written.
fn tagged(tag: &'static str) -> Script {
    std::sync::Arc::new(move |_| {
        let user = json!({"id": USER, "userName": "honest@example.com", "active": true});
        let head = format!("200 OK\r\ncontent-type: application/scim+json\r\netag: {tag}");
        vec![Step::Send(answer(&head, user.to_string()))]
    })
}

/// Approved once by bob, turned away once. Gives the reason of its end.
fn turned_away(tag: &'static str) -> String {
    let stage = Stage::new("production");
    stage.upstream.lie("GET", 0, 99, tagged(tag));
    stage.upstream.lie("PATCH", 0, 99, says(answer("412 Precondition Failed", "")));
    let proposed = stage.world.propose(&World::proposal(SUSPEND, USER)).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    let (done, said) = stage.world.approve(&proposed.text("/id"), "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = stage.world.settled(&proposed.text("/id")).unwrap();
    let receipt = ended(&stage.world, &view, "failed", "nothing was carried out");
    assert_eq!(receipt["approvals"].as_array().unwrap().len(), 1, "{receipt:#}");
    assert_eq!(receipt["guard"], "etag");
    assert_eq!(stage.upstream.count("PATCH"), 1, "it is not sent again");
    view["reason"].as_str().unwrap().to_owned()
}

#[test]
fn a_weak_tag_that_the_upstream_does_not_accept_is_told() {
    for tag in ["W/\"1\"", "W/\"a-weak-one\""] {
        let reason = turned_away(tag);
        let why = "upstream `idp` does not accept its own weak entity tag in `If-Match`";
        assert!(reason.contains(why) && reason.contains(tag), "{reason}");
        assert!(!reason.contains("the state changed"), "{reason}");
    }
}

#[test]
fn a_strong_tag_that_the_upstream_does_not_accept_is_told() {
    let reason = turned_away("\"1-gzip\"");
    assert!(reason.contains("the entity tag that it shows"), "{reason}");
    assert!(!reason.contains("weak") && !reason.contains("the state changed"), "{reason}");
}
