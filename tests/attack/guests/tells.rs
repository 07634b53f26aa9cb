//! Guests that lie about what they did or observed, or disclose data that they must not know.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use deed_test_support::shared::{ended, is_active, look, scim};
use deed_tests::guests::Guest;
use deed_tests::hostile::{Hostile, answer, says};
use deed_tests::proxy::Fault;
use deed_tests::services::ScimServer;
use deed_tests::world::edit;
use serde_json::json;

use super::siege::{self, Siege};
use crate::case::unharmed;
use crate::upstreams::stage::{Stage, fresh};

pub(super) fn lies() {
    let siege = Siege::of(Guest::Lies);
    // The upstream answers 204 and does nothing; the adapter claims that the user is active.
    siege.world.proxy.set("PATCH", Fault::Lie2xx);
    let view = siege.run();
    for name in ["pre", "post"] {
        let seen = look(&siege.world, &view, name);
        assert_eq!(seen["state"]["user"]["active"], false, "{name} is what the host read");
    }
    siege.ended(&view, "mismatch", "reported success and nothing changed");
    assert!(!siege.log().contains("believed"), "{}", siege.log());
}

pub(super) fn silent() {
    let siege = Siege::of(Guest::Silent);
    let receipt = siege.ended(&siege.run(), "failed", "no write was sent");
    assert_eq!(receipt["attempts"][0]["claim"], "done");
    assert!(!is_active(&siege.user));
}

pub(super) fn claims_success() {
    let siege = Siege::of(Guest::ClaimsSuccess);
    siege.world.proxy.set("PATCH", Fault::Refuse { status: 403 });
    let receipt = siege.ended(&siege.run(), "failed", "the upstream refused and nothing changed");
    assert_eq!(receipt["attempts"][0]["claim"], "done");
    assert!(!is_active(&siege.user));
}

pub(super) fn claims_failure() {
    let siege = Siege::of(Guest::ClaimsFailure);
    let receipt = siege.ended(&siege.run(), "verified", "every expectation holds");
    assert_eq!(receipt["attempts"][0]["claim"], json!({"refused": "the directory said no"}));
    assert_eq!(siege.world.proxy.count("PATCH"), 1);
    assert!(is_active(&siege.user));
}

pub(super) fn panics() {
    let siege = Siege::of(Guest::Panics);
    let receipt = siege.ended(&siege.run(), "verified", "every expectation holds");
    let claim = receipt["attempts"][0]["claim"]["trapped"].as_str().unwrap();
    assert!(claim.contains("unreachable"), "{claim}");
    assert!(claim.contains("panicked at ") && claim.contains("panics.rs:"), "{claim}");
    assert!(claim.contains(r"outcome: failed\nthe upstream said 204 \u{202e}xxx"), "{claim}");
    assert!(claim.len() < 1_024 && claim.is_ascii() && !claim.contains('\n'), "{claim}");
    assert!(siege.log().contains("it panics now"));
    assert!(siege.log().contains("panics.rs:"), "{}", siege.log());
}

pub(super) fn reads_while_performing() {
    let siege = Siege::generous(Guest::ReadsWhilePerforming);
    siege.ended(&siege.run(), "verified", "every expectation holds");
}

pub(super) fn points_astray() {
    let siege = Siege::of(Guest::PointsAstray);
    let view = siege.run();
    assert_eq!(look(&siege.world, &view, "pre")["state"]["user"]["id"], json!(siege.user));
    siege.ended(&view, "verified", "every expectation holds");
}

pub(super) fn reads_refusals() {
    let siege = Siege::of(Guest::ReadsRefusals);
    scim().delete_user(&siege.user).unwrap();
    let view = siege.run();
    let receipt =
        siege.ended(&view, "failed", "has the status 404; state is read only from 2xx answers");
    assert_eq!(receipt["attempts"], json!([]));
}

pub(super) fn remembers() {
    let siege = Siege::of(Guest::Remembers);
    // All actions run the same component, one after the other, in the only warm slot of the host's pool.
    for _ in 0..3 {
        siege.run();
    }
    siege.ended(&siege.run(), "failed", "");
}

/// The guest sends its requests in the same order in each of three actions on the same user. The check at the end of
/// each action also asserts that a replay gives the guest the same inputs.
pub(super) fn races() {
    let rule = "[[perform.http]]                   # RFC 7644 section 3.5.2.3\n";
    let two = format!(
        "[[observe.http]]\nupstream = \"idp\"\nrequest = \"GET /ServiceProviderConfig\"\n\n{rule}"
    );
    let siege = Siege::with(Guest::Races, |dir| edit(dir, siege::CONTRACT, rule, &two));
    let mut claims = Vec::new();
    for _ in 0..3 {
        let locked = json!([{"op": "replace", "path": "active", "value": false}]);
        scim().patch(&siege.user, &locked).unwrap();
        let receipt = ended(&siege.world, &siege.run(), "verified", "every expectation holds");
        let claim = receipt["attempts"][0]["claim"]["unknown"].as_str().unwrap().to_owned();
        claims.push(claim.split_once(", told").unwrap().0.to_owned());
    }
    assert!(claims[0].starts_with("chance ") && claims.iter().all(|claim| *claim == claims[0]));
    unharmed(&siege.world);
}

/// The directory service shows both credentials in fields of the user, as a server that echoes would.
pub(super) fn leaks() {
    let siege = Siege::of(Guest::Leaks);
    let [read, write] = [ScimServer::READ_TOKEN, ScimServer::WRITE_TOKEN];
    let encoded = [BASE64.encode(write.as_bytes()), HEXLOWER.encode(read.as_bytes())];
    let [base64, hex] = &encoded;
    let echo = |(path, value)| json!({"op": "replace", "path": path, "value": value});
    let echoes = [
        ("nickName", &*format!("Bearer {read}")),
        ("preferredLanguage", write),
        ("timezone", base64),
        ("locale", hex),
    ];
    scim().patch(&siege.user, &echoes.map(echo).to_vec().into()).unwrap();
    siege.stopped_while_observing("the adapter made a request outside its grant");
    assert!(siege.log().contains(r#""nickName":"redacted""#), "the guest told: {}", siege.log());
    for path in files(&siege.world.dir) {
        let text = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&text);
        for secret in [read, write, base64, hex] {
            assert!(!text.contains(secret), "{} holds a credential", path.display());
        }
    }
}

/// The user changes between two reads of the user in one run. Approvers are shown the state from the first read, so the
/// write must be conditional on the entity tag of the first read.
pub(super) fn mixes_looks() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        siege::install(dir, Guest::MixesLooks)?;
        let (look, write) = ("\"GET /Users/{user_id}\"", "\"PATCH /Users/{user_id}\"");
        edit(dir, siege::CONTRACT, look, &format!("{look}\ncalls    = 2"))?;
        edit(dir, siege::CONTRACT, write, &format!("{write}\nguard    = \"etag\""))
    });
    for (tag, name) in [("1", "Anna"), ("2", "Bert")] {
        let head = format!("200 OK\r\ncontent-type: application/json\r\netag: \"{tag}\"");
        let seen = json!({"id": "1", "userName": "u", "displayName": name, "active": false});
        stage.hostile.lie("GET", 0, 1, says(answer(&head, seen.to_string())));
    }
    stage.hostile.lie("PATCH", 0, 1, says(answer("412 Precondition Failed", "")));
    let view = stage.propose(siege::RESTORE, &fresh());
    let sent = stage.hostile.requests();
    let write = sent.iter().find(|request| request.method == "PATCH").unwrap();
    assert_eq!(write.header("if-match"), Some("\"1\""), "the tag of what was shown");
    // The answers of the directory service itself have no entity tags, so the next observation ends the action.
    ended(&stage.world, &view, "denied", "the observation has no entity tag");
    assert_eq!(stage.hostile.count("PATCH"), 1);
    unharmed(&stage.world);
}

/// All files of the served directory, except the secret files that the operator keeps there.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let entries = entries.filter(|path| !path.ends_with("secrets"));
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(below).collect()
}
