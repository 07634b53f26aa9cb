//! Tests with upstreams that reject a guarded write although the state did not change. If a new approval can help, the
//! host requests one; otherwise it ends the action.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use deed_test_support::shared::ended;
use deed_tests::hostile::{Script, Step, answer, says};
use deed_tests::world::{BOB, World};
use serde_json::json;

use super::{SUSPEND, Stage, USER};

/// Always answers with the same user and this entity tag, even after writes.
fn tagged(tag: &'static str) -> Script {
    Arc::new(move |_| {
        let user = json!({"id": USER, "userName": "honest@example.com", "active": true});
        let head = format!("200 OK\r\ncontent-type: application/scim+json\r\netag: {tag}");
        vec![Step::Send(answer(&head, user.to_string()))]
    })
}

/// Runs an action that bob approves once and the upstream rejects once. Returns the reason for which the action ended.
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

/// The host makes no further attempt, because two observations after the rejection still show the same state and entity
/// tag.
#[test]
fn a_strong_tag_that_never_changes_is_given_up_at_once() {
    for tag in ["\"1-gzip\"", "\"W/1\""] {
        let stage = Stage::new("staging");
        stage.upstream.lie("GET", 0, 99, tagged(tag));
        stage.upstream.lie("PATCH", 0, 99, says(answer("412 Precondition Failed", "")));
        let view = stage.world.run(&World::proposal(SUSPEND, USER)).unwrap();
        let why = "two later looks show the same state and tag";
        let receipt = ended(&stage.world, &view, "failed", why);
        assert_eq!(receipt["attempts"].as_array().unwrap().len(), 1, "{receipt:#}");
        assert_eq!(stage.upstream.count("PATCH"), 1);
        assert_eq!(stage.upstream.count("GET"), 3);
        let reason = view["reason"].as_str().unwrap();
        let not = "upstream `idp` does not accept the entity tag that it shows in `If-Match`";
        assert!(reason.contains(not) && !reason.contains("the state changed"), "{reason}");
    }
}

/// A user directory with two servers. The primary takes the writes, and its state has changed. A replica still answers
/// reads with the old state.
#[derive(Default)]
struct Lagging {
    turned_away: AtomicUsize,
    reads_since: AtomicUsize,
    done: AtomicBool,
}

impl Lagging {
    /// The first read after a rejected write returns the old version.
    fn read(&self) -> Vec<Step> {
        let moved = self.turned_away.load(SeqCst) > 0;
        let fresh = moved && self.reads_since.fetch_add(1, SeqCst) > 0;
        let (tag, name) = if fresh { ("2", "Bert") } else { ("1", "Anna") };
        let active = !self.done.load(SeqCst);
        let user = json!({
            "id": USER, "userName": "honest@example.com", "displayName": name, "active": active
        });
        let head = format!("200 OK\r\ncontent-type: application/scim+json\r\netag: \"{tag}\"");
        vec![Step::Send(answer(&head, user.to_string()))]
    }

    fn write(&self, if_match: Option<&str>) -> Vec<Step> {
        if if_match == Some("\"2\"") {
            self.done.store(true, SeqCst);
            return vec![Step::Send(answer("204 No Content", ""))];
        }
        self.turned_away.fetch_add(1, SeqCst);
        vec![Step::Send(answer("412 Precondition Failed", ""))]
    }
}

#[test]
fn an_old_tag_of_a_replica_does_not_end_the_action() {
    let stage = Stage::new("production");
    let lagging = Arc::new(Lagging::default());
    let (reads, writes) = (Arc::clone(&lagging), lagging);
    stage.upstream.lie("GET", 0, 99, Arc::new(move |_| reads.read()));
    stage.upstream.lie("PATCH", 0, 99, Arc::new(move |sent| writes.write(sent.header("if-match"))));
    let view = stage.world.run(&World::proposal(SUSPEND, USER)).unwrap();
    assert_eq!(view["status"], "waiting", "people are asked about what is now: {view:#}");
    let id = view["id"].as_str().unwrap();
    let (done, said) = stage.world.approve(id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = stage.world.settled(id).unwrap();
    let receipt = ended(&stage.world, &view, "verified", "every expectation holds");
    assert_eq!(receipt["attempts"].as_array().unwrap().len(), 2, "{receipt:#}");
}
