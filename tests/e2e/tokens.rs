//! Tests of tokens that are created, rotated and revoked while the host runs.

mod copies;
mod faults;
mod output;

use deed_test_support::shared::scim;
use deed_tests::canary::Canary;
use deed_tests::host;
use deed_tests::layout::hash;
use deed_tests::tokens::{file, plant, report};
use deed_tests::wait::{answer, until};
use deed_tests::world::{HELPDESK, World, edit};
use serde_json::{Value, json};

/// A member of a report, as text.
fn text(report: &Value, member: &str) -> String {
    report[member].as_str().unwrap().to_owned()
}

/// The report of a command that creates a token. No file of the world may contain the token.
fn created(world: &mut World, verb: &str, more: &[&str]) -> (String, String) {
    let report = report(&world.dir, verb, more).unwrap();
    let token = text(&report, "token");
    world.canaries.push(Canary::new("a token of a command", token.as_bytes()));
    (text(&report, "id"), token)
}

fn status(world: &World, token: &str) -> u16 {
    world.client(token).get("/v1/contracts").unwrap().status
}

/// Waits until the host answers requests with this token by this status.
#[track_caller]
fn becomes(world: &World, token: &str, wanted: u16) {
    answer("the host has read the tokens", || status(world, token), |found| *found == wanted);
}

/// Waits until the host has logged a line with all of these words.
#[track_caller]
fn logged(world: &World, words: &[&str]) {
    let log = || world.host.as_ref().unwrap().log();
    let fits = |line: &str| words.iter().all(|word| line.contains(word));
    until(&format!("the log has a line with {words:?}"), || log().lines().any(fits));
}

/// Exit code and all output of a command.
fn deed(args: &[&str]) -> (i32, String) {
    let output = host::run(args, "").unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_token_is_accepted_and_refused_while_the_host_runs() {
    let mut world = World::start(scim()).unwrap();
    let (id, token) = created(&mut world, "add", &["helpdesk", "--note", "laptop"]);
    becomes(&world, &token, 200);
    logged(&world, &["INFO", "a token was added", "acme", "helpdesk", &id]);
    let listed = world.client(&token).get("/v1/contracts").unwrap().json();
    assert_eq!(listed, world.client(HELPDESK).get("/v1/contracts").unwrap().json());
    report(&world.dir, "revoke", &[&id]).unwrap();
    becomes(&world, &token, 401);
    logged(&world, &["INFO", "a token was removed", "acme", "helpdesk", &id]);
    assert_eq!(status(&world, HELPDESK), 200, "the token in deed.toml is another one");
    let (log, digest) = (world.host.as_ref().unwrap().log(), hash(&token));
    assert!(!log.contains(digest.trim_start_matches("sha256:")), "{log}");
}

#[test]
fn a_token_stays_valid_over_a_restart() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let (_, token) = created(&mut world, "add", &["helpdesk"]);
    world.serve().unwrap();
    assert_eq!(status(&world, &token), 200, "the host accepts it from its first answer on");
    world.restart().unwrap();
    assert_eq!(status(&world, &token), 200);
}

#[test]
fn an_agent_needs_no_token_in_its_table() {
    let line = format!("token = \"{}\"\n", hash(HELPDESK));
    let mut world = World::with(scim(), "scim", |dir| edit(dir, "deed.toml", &line, "")).unwrap();
    assert_eq!(status(&world, HELPDESK), 401);
    let warning = "warning: deed.toml:";
    let words = "agent `helpdesk` has no token, so it cannot use the host";
    let (code, said) = deed(&["check", world.path()]);
    assert!(
        code == 0 && said.lines().any(|l| l.starts_with(warning) && l.contains(words)),
        "{said}"
    );
    let (_, token) = created(&mut world, "add", &["helpdesk"]);
    becomes(&world, &token, 200);
    let (code, said) = deed(&["check", world.path()]);
    assert!(code == 0 && !said.contains(words), "{said}");
}

#[test]
fn after_a_rotation_both_tokens_are_valid_and_then_only_the_new_one() {
    let mut world = World::start(scim()).unwrap();
    let (old_id, old) = created(&mut world, "add", &["helpdesk", "--note", "laptop"]);
    becomes(&world, &old, 200);
    let report = report(&world.dir, "rotate", &["helpdesk", "--grace", "20s"]).unwrap();
    let (new_id, new) = (text(&report, "id"), text(&report, "token"));
    world.canaries.push(Canary::new("a token of a rotation", new.as_bytes()));
    assert_eq!(report["expiring"][0]["id"], json!(old_id), "{report:#}");
    assert_eq!((&report["note"], &report["expires"]), (&json!("laptop"), &Value::Null));
    assert_eq!(report["in_deed_toml"], json!(true), "{report:#}");
    becomes(&world, &new, 200);
    assert_eq!(status(&world, &old), 200);
    becomes(&world, &old, 401);
    logged(&world, &["INFO", "a token has expired", "acme", "helpdesk", &old_id]);
    assert_eq!((status(&world, &new), status(&world, HELPDESK)), (200, 200));
    // The next rotation removes the file of the token that has expired.
    created(&mut world, "rotate", &["helpdesk"]);
    let listed = deed_tests::tokens::report(&world.dir, "list", &["helpdesk"]).unwrap();
    let ids: Vec<&Value> = listed["tokens"].as_array().unwrap().iter().map(|t| &t["id"]).collect();
    assert!(ids.len() == 2 && !ids.contains(&&json!(old_id)), "{listed:#}");
    let new_id = json!(new_id);
    let is_it = |token: &&Value| token["id"] == new_id;
    let kept = listed["tokens"].as_array().unwrap().iter().find(is_it).unwrap();
    assert!(kept["expires"].is_string(), "an hour is the default: {listed:#}");
}

/// A grace period never extends the life of a token.
#[test]
fn a_token_that_expires_earlier_than_the_grace_still_does() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    created(&mut world, "add", &["helpdesk", "--expires", "1h"]);
    let before = report(&world.dir, "list", &[]).unwrap()["tokens"][0]["expires"].clone();
    let rotated = report(&world.dir, "rotate", &["helpdesk", "--grace", "24h"]).unwrap();
    assert_eq!(rotated["expiring"][0]["expires"], before, "{rotated:#}");
}

#[test]
fn a_token_expires_by_itself() {
    let mut world = World::start(scim()).unwrap();
    let (_, token) = created(&mut world, "add", &["helpdesk", "--expires", "10s"]);
    becomes(&world, &token, 200);
    becomes(&world, &token, 401);
    let past = "deed_a-token-that-expired-before-it-came";
    let expires = "expires = \"2020-01-01 00:00:00Z\"\n";
    let id = "t_0000000000";
    plant(&world.dir, id, &format!("{}{expires}", file("acme", "helpdesk", past))).unwrap();
    logged(&world, &["a token has expired", id]);
    assert_eq!(status(&world, past), 401);
    assert_eq!(world.metric("deed_token_files").unwrap(), Some(2), "both are counted");
}

/// Otherwise a person who can rotate a token could remove the bound on an agent's refusals.
#[test]
fn a_new_token_does_not_come_with_a_new_budget() {
    // An agent with a full budget has at least this many refusals in a row.
    const BURST: usize = 100;
    let mut world = World::start(scim()).unwrap();
    let (_, old) = created(&mut world, "add", &["helpdesk"]);
    becomes(&world, &old, 200);
    let unknown = World::proposal("idp.no_such", &"0".repeat(32));
    let refusals = |world: &World, token: &str| {
        let ask = || world.client(token).propose(&unknown, &[]).unwrap().status;
        (0..5_000).take_while(|_| ask() != 429).count()
    };
    assert!(refusals(&world, &old) >= BURST);
    let (_, new) = created(&mut world, "rotate", &["helpdesk"]);
    answer("the new token is known", || status(&world, &new), |found| *found != 401);
    let left = refusals(&world, &new);
    assert!(left < BURST, "{left} refusals with the new token");
}
