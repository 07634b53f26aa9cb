//! Tests of `deed edit`: what it shows before it proposes, what it refuses, and the commands that it suggests.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{ended, is_active, locked_out, scim, user};
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::{Value, json};

use super::{RESTORE, Said, to, waiting};

const INTENT: &str = "the ticket names another user";
const UNKNOWN: &str = "act_00000000000000000000000000";

/// Proposes a changed version without being asked for confirmation.
fn change(world: &World, token: &str, id: &str, more: &[&str]) -> Said {
    let always = ["edit", id, "--intent", INTENT, "--source", "ticket:4712", "--yes"];
    to(world, token, &[&always[..], more].concat())
}

fn user_id(user: &str) -> String {
    format!("user_id=\"{user}\"")
}

/// The id at the beginning of the page of an action.
fn id_of(said: &Said) -> String {
    said.out.split(' ').next().unwrap().to_owned()
}

#[test]
fn an_edit_shows_what_differs_and_who_can_approve_it() {
    let (world, wrong, right) = (World::start(scim()).unwrap(), locked_out(), locked_out());
    let old = waiting(&world, &wrong);
    let more = ["--set", &user_id(&right)];
    let said = change(&world, BOB, &old, &more);
    assert_eq!(said.code, 0, "{said:?}");
    let new = id_of(&said);
    for line in [
        &format!("in place of  {old}, {RESTORE} on idp/users/{wrong}\n"),
        &format!("changed      /user_id: \"{wrong}\" -> \"{right}\"\n"),
        "source       ticket:4712\n",
        &format!("your intent\n  | {INTENT}\n"),
        "you cannot approve the changed version; another approver must\n",
    ] {
        assert!(said.err.contains(line), "no `{line}` in {}", said.err);
    }
    let who = format!(
        "{new} waits for approval in the role `support-lead`; who edited it (bob) and who is responsible for the \
         agent (alice) cannot approve it"
    );
    assert!(said.err.contains(&who), "{}", said.err);
    assert!(said.out.contains(&format!("edited by    bob, in place of {old}")), "{}", said.out);
    assert_eq!(said.next(), [format!("deed show {new} --url {}", world.url())]);
    ended(&world, &world.settled(&old).unwrap(), "denied", &format!("replaced by {new}"));
    let (done, said) = world.approve(&new, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&new).unwrap(), "verified", "every expectation holds");
    assert!(is_active(&right) && !is_active(&wrong));
}

#[test]
fn all_parameters_come_from_a_file_or_from_stdin() {
    let world = World::start(scim()).unwrap();
    let (old, right) = (waiting(&world, &locked_out()), locked_out());
    let file = world.dir.join("params.json");
    fs::write(&file, json!({"user_id": right}).to_string()).unwrap();
    let params = ["--params", file.to_str().unwrap()];
    let said = change(&world, BOB, &old, &[&params[..], &["--json"]].concat());
    assert_eq!((said.code, said.next()), (0, vec![]), "{said:?}");
    assert!(said.err.contains(&format!("-> \"{right}\"")), "{}", said.err);
    let view = said.json();
    assert_eq!((&view["status"], &view["intent"]), (&json!("waiting"), &json!(INTENT)), "{view:#}");
    assert_eq!(view["edit"]["edited_by"], json!(["bob"]));
    assert_eq!(
        (&view["edit"]["replaces"], &view["params"]["user_id"]),
        (&json!(old), &json!(right))
    );
    let [second, third] = [locked_out(), locked_out()];
    let id = view["id"].as_str().unwrap();
    let to_host = ["--url", world.url(), "--token", CAROL, "--intent", INTENT];
    let to_host = [&to_host[..], &["--source", "ticket:4712"]].concat();
    let args = [&["edit", id, "--params", "-"][..], &to_host[..]].concat();
    let input = json!({"user_id": second}).to_string();
    let output = host::run(&args, &input).unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && err.contains("add --yes"), "{err}");
    // A parameter of --set takes precedence.
    let set = user_id(&third);
    let args = [&args[..], &["--yes", "--json", "--set", set.as_str()]].concat();
    let output = host::run(&args, &input).unwrap();
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &view["params"]["user_id"]), (Some(0), &json!(third)));
    assert_eq!(view["edit"]["edited_by"], json!(["bob", "carol"]));
}

#[test]
fn arguments_without_a_change_are_refused_before_anything_is_proposed() {
    let world = World::start(scim()).unwrap();
    let user = locked_out();
    let id = waiting(&world, &user);
    let odd = world.dir.join("odd.json");
    let long = world.dir.join("long.json");
    fs::write(&odd, "[1]").unwrap();
    fs::write(&long, " ".repeat((256 << 10) + 1)).unwrap();
    let (odd, long) = (odd.to_str().unwrap(), long.to_str().unwrap());
    let same = user_id(&user);
    for (more, code, words) in [
        (vec![], 2, "use --set NAME=JSON for one parameter"),
        (vec!["--set", "user_id"], 2, "write NAME=JSON"),
        (vec!["--set", "user_id=abc"], 2, "a text needs quotes, as in --set 'user_id=\"text\"'"),
        (vec!["--set", "a=1", "--set", "a=2"], 2, "--set names `a` twice"),
        (vec!["--params", odd], 2, "as one JSON object"),
        (vec!["--params", long], 1, "has more than 256 KiB"),
        (vec!["--params", "no-such.json"], 1, "`no-such.json`: "),
        (vec!["--set", &same], 1, "the parameters are those of the waiting action"),
    ] {
        let said = change(&world, BOB, &id, &more);
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{more:?}: {said:?}");
        assert!(said.err.contains(words), "{more:?}: {}", said.err);
    }
    // Without a terminal, nobody can confirm.
    let args = ["edit", id.as_str(), "--intent", INTENT, "--set", &user_id(&locked_out())];
    let said = to(&world, BOB, &args);
    assert!(said.code == 1 && said.err.contains("changed      /user_id: "), "{said:?}");
    assert!(said.err.contains("so nothing was proposed; use --yes in scripts"), "{said:?}");
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
    let listed = world.client(BOB).get("/v1/actions").unwrap().json();
    assert_eq!(listed["actions"].as_array().unwrap().len(), 1, "{listed:#}");
}

#[test]
fn what_the_host_refuses_is_told_with_the_next_command() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world, &locked_out());
    let to_host = format!("--url {}", world.url());
    let (contract, other) = (format!("deed contracts {RESTORE} {to_host}"), user_id(&locked_out()));
    for (set, pointer) in
        [("colour=\"crimson\"", "/params/colour"), ("user_id=7", "/params/user_id")]
    {
        let said = change(&world, BOB, &id, &["--set", set]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{set}: {said:?}");
        assert!(said.err.contains(pointer), "{set}: {}", said.err);
        // An unknown parameter may be a private one that was misspelt.
        assert!(!said.err.contains("crimson"), "{}", said.err);
        assert_eq!(said.next(), [contract.as_str()], "{said:?}");
    }
    let agent = change(&world, HELPDESK, &id, &["--set", &other]);
    assert!(agent.code == 1 && agent.err.contains("use a person's token"), "{agent:?}");
    let unknown = change(&world, BOB, UNKNOWN, &["--set", &other]);
    assert!(unknown.code == 1 && unknown.err.contains("`deed ls` lists"), "{unknown:?}");
    // A precondition of the contract does not hold for a user who is active, so the waiting action waits on.
    let active = user_id(&user("edited-to-active", Some(true)));
    let ends = change(&world, BOB, &id, &["--set", &active]);
    assert!(
        ends.code == 1 && ends.err.contains("error: the changed version ended as `"),
        "{ends:?}"
    );
    let show = |id: &str| format!("deed show {id} {to_host}");
    assert_eq!(ends.next(), [show(&id)], "{ends:?}");
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
    let edited = id_of(&change(&world, BOB, &id, &["--set", &other]));
    let third = user_id(&locked_out());
    for (id, words) in [(&edited, "`bob` edited this action"), (&id, "no approval is requested")] {
        let said = change(&world, BOB, id, &["--set", &third]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(said.err.contains(words), "{}", said.err);
        assert_eq!(said.next(), [show(id)], "{said:?}");
    }
    assert_eq!(world.show(&edited).unwrap()["status"], "waiting");
}

/// A host whose contract has a private parameter, and a waiting action with this value of it.
fn with_note(note: &str) -> (World, String) {
    let private = |dir: &Path| -> Result<()> {
        let contract = "contracts/restore_access.toml";
        let more =
            "[params]\nproperties.note = { type = \"string\", minLength = 8, private = true }";
        edit(dir, contract, "[params]", more)?;
        edit(dir, contract, "body     = { ", "body     = { note = \"{note}\", ")
    };
    let world = World::with(scim(), "scim", private).unwrap();
    let mut proposal = World::proposal(RESTORE, &locked_out());
    proposal["params"]["note"] = json!(note);
    let id = world.propose(&proposal).unwrap().text("/id");
    (world, id)
}

/// The parameters that are not changed include private ones, whose values the page for agents does not have.
#[test]
fn a_private_parameter_that_is_not_changed_stays_as_it_is() {
    let (world, old) = with_note("known to a few only");
    let said = change(&world, BOB, &old, &["--set", &user_id(&locked_out())]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.err.contains("known to a few only"), "it does not differ: {}", said.err);
    let path = format!("/v1/actions/{}/approval_request", id_of(&said));
    let request = world.client(CAROL).get(&path).unwrap().json();
    assert_eq!(request["private"]["note"]["value"], "known to a few only", "{request:#}");
}

/// What the command prints can be kept by a script, so it has neither the old nor the new value.
#[test]
fn a_private_parameter_that_is_changed_is_named_without_its_values() {
    let (old_note, new_note) = ("known to a few only", "known to others only");
    let (world, old) = with_note(old_note);
    let hides = |said: &Said| {
        let all = format!("{}{}", said.out, said.err);
        assert!(!all.contains(old_note) && !all.contains(new_note), "{all}");
    };
    let unquoted = change(&world, BOB, &old, &["--set", &format!("note={new_note}")]);
    assert_eq!(unquoted.code, 2, "{unquoted:?}");
    hides(&unquoted);
    let note = format!("note=\"{new_note}\"");
    let said = change(&world, BOB, &old, &["--set", &note, "--set", &user_id(&locked_out())]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("changed      /note: (private) -> (private)\n"), "{}", said.err);
    hides(&said);
    let edited = id_of(&said);
    let path = format!("/v1/actions/{edited}/approval_request");
    let request = world.client(CAROL).get(&path).unwrap().json();
    assert_eq!(request["private"]["note"]["value"], new_note, "{request:#}");
    // All parameters of a file that has no note leave it out.
    let file = world.dir.join("params.json");
    fs::write(&file, json!({"user_id": locked_out()}).to_string()).unwrap();
    let said = change(&world, CAROL, &edited, &["--params", file.to_str().unwrap()]);
    assert!(said.err.contains("changed      /note: (private) -> nothing\n"), "{}", said.err);
    hides(&said);
}
