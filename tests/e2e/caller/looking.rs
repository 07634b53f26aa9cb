//! Tests of `deed show`, `ls`, `cancel` and `bundle`: their output, the input that they refuse, and the next command
//! that they suggest.

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::services::{Result, free_address};
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, edit};
use serde_json::{Value, json};

use super::{RESTORE, deed, to, waiting};

#[test]
fn show_has_the_parameters_and_the_bodies_of_the_writes() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let id = waiting(&world, &user);
    // The agent sees parameters and writes even while its action waits. Agents must not see observed state, but
    // parameters and writes are not observed state.
    for token in [BOB, HELPDESK] {
        let view = to(&world, token, &["show", &id, "--json"]).json();
        assert_eq!(view["params"], json!({ "user_id": user }), "{view:#}");
        let write = &view["writes"][0];
        assert_eq!((&write["method"], &write["upstream"]), (&json!("PATCH"), &json!("idp")));
        assert_eq!(write["path"], format!("/Users/{user}"));
        assert_eq!(write["body"]["Operations"][0]["path"], "active");
        assert!(!view.to_string().contains("locked-out-"), "state is not shown: {view:#}");
        let page = to(&world, token, &["show", &id]).out;
        for line in [&format!("parameter    user_id = \"{user}\"\n"), "\"op\": \"replace\""] {
            assert!(page.contains(line), "no `{line}` in\n{page}");
        }
    }
    assert_eq!(to(&world, STRANGER, &["show", &id]).code, 1);
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    let view = world.settled(&id).unwrap();
    assert_eq!((&view["status"], &view["params"]["user_id"]), (&json!("verified"), &json!(user)));
    // A read action sends no writes, but its view contains the parameters.
    let read = world.run(&World::proposal("idp.read_user", &user)).unwrap();
    assert_eq!((&read["writes"], &read["params"]["user_id"]), (&json!([]), &json!(user)));
}

#[test]
fn a_private_parameter_is_shown_as_its_commitment() {
    let private = |dir: &std::path::Path| -> Result<()> {
        let contract = "contracts/restore_access.toml";
        let more =
            "[params]\nproperties.note = { type = \"string\", minLength = 8, private = true }";
        edit(dir, contract, "[params]", more)?;
        edit(dir, contract, "body     = { ", "body     = { note = \"{note}\", ")
    };
    let world = World::with(scim(), "scim", private).unwrap();
    let mut proposal = World::proposal(RESTORE, &locked_out());
    proposal["params"]["note"] = json!("known to a few only");
    let id = world.propose(&proposal).unwrap().text("/id");
    for token in [BOB, HELPDESK] {
        let said = to(&world, token, &["show", &id, "--json"]);
        assert!(!said.out.contains("known to a few only"), "{}", said.out);
        let view = said.json();
        for place in ["/params/note", "/writes/0/body/note"] {
            let shown = view.pointer(place).and_then(Value::as_str).unwrap();
            assert!(shown.starts_with("private:hmac-sha256:"), "{place}: {shown}");
        }
    }
}

#[test]
fn a_filter_that_nothing_can_pass_is_refused_with_those_that_there_are() {
    let world = World::start(scim()).unwrap();
    waiting(&world, &locked_out());
    for (args, code, words) in [
        (["--status", "nonsense"], 1, "invalid status `nonsense`: use one of pending, waiting"),
        (["--status", "Waiting"], 1, "indeterminate, expired, cancelled"),
        (["--status", ""], 1, "invalid status ``"),
        (["--resource", ""], 1, "such as `idp/users/42`"),
        (["--limit", "0"], 2, "1..=500"),
        (["--limit", "501"], 2, "1..=500"),
    ] {
        let said = to(&world, BOB, &[&["ls"], &args[..]].concat());
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{args:?}: {said:?}");
        assert!(said.err.contains(words), "{args:?}: {}", said.err);
    }
    for query in ["limit=0", "limit=501", "trace=abc", "trace="] {
        let answer = world.client(BOB).get(&format!("/v1/actions?{query}")).unwrap();
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (400, "application/problem+json")
        );
        let name = query.split('=').next().unwrap();
        assert!(answer.text("/detail").contains(name), "{query}: {}", answer.json());
    }
    let listed = to(&world, BOB, &["ls", "--status", "waiting", "--limit", "1"]);
    assert_eq!((listed.code, listed.out.lines().count()), (0, 1), "{listed:?}");
}

#[test]
fn each_command_names_the_next_one() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world, &user("next", Some(false)));
    let to_host = format!("--url {}", world.url());
    let shown = to(&world, BOB, &["show", &id]);
    let approve =
        format!("deed approve {id} --key FILE --person NAME --role support-lead {to_host}");
    assert_eq!(shown.next(), [approve.as_str()], "{shown:?}");
    let show = format!("deed show {id} {to_host}");
    assert_eq!(to(&world, BOB, &["ls"]).next(), [show.as_str()]);
    let early = to(&world, BOB, &["bundle", &id, "-o", "never.deed"]);
    assert_eq!((early.code, early.next()), (1, vec![show.as_str()]), "{early:?}");
    let cancelled = to(&world, HELPDESK, &["cancel", &id]);
    assert_eq!((cancelled.code, cancelled.next()), (0, vec![show.as_str()]), "{cancelled:?}");
    let again = to(&world, HELPDESK, &["cancel", &id]);
    assert_eq!((again.code, again.next()), (1, vec![show.as_str()]), "{again:?}");
    let bundle = format!("deed bundle {id} -o {id}.deed {to_host}");
    assert_eq!(to(&world, BOB, &["show", &id]).next(), [bundle.as_str()]);
    let file = world.dir.join("my own.deed");
    let fetched = to(&world, BOB, &["bundle", &id, "-o", file.to_str().unwrap()]);
    let verify = format!("deed verify '{}' --trust DIR", file.display());
    assert_eq!((fetched.code, fetched.next()), (0, vec![verify.as_str()]), "{fetched:?}");
    assert!(!fetched.err.contains("without evidence"), "{fetched:?}");
    let copy = to(&world, HELPDESK, &["bundle", &id, "-o", file.to_str().unwrap()]);
    assert_eq!((copy.code, copy.next()), (0, vec![verify.as_str()]), "{copy:?}");
    for words in ["an agent's copy without evidence", "exits with 3", "a person's token"] {
        assert!(copy.err.contains(words), "no `{words}` in {copy:?}");
    }
    for args in [vec!["show", &id, "--json"], vec!["ls", "--json"]] {
        assert_eq!(to(&world, BOB, &args).err, "", "{args:?}");
    }
}

#[test]
fn a_host_or_a_token_that_is_missing_is_told_with_the_remedy() {
    // The port was free a moment ago, so no host answers on it.
    let free = free_address().unwrap();
    let url = format!("http://{free}");
    let id = "act_00000000000000000000000000";
    for args in [vec!["ls"], vec!["show", id], vec!["cancel", id]] {
        let said = deed(&[&args[..], &["--url", &url, "--token", BOB]].concat());
        assert_eq!(said.code, 1, "{said:?}");
        for words in [&format!("no answer from `{url}`"), "start a host with `deed serve DIR`"] {
            assert!(said.err.contains(words), "{args:?}: {}", said.err);
        }
        let said = deed(&[&args[..], &["--url", &url]].concat());
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains("set DEED_TOKEN, or use --token"), "{args:?}: {}", said.err);
    }
    let world = World::start(scim()).unwrap();
    let unknown = to(&world, "deed_nobody-has-this-token", &["ls"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("set DEED_TOKEN, or use --token"), "{}", unknown.err);
    assert!(
        unknown.err.contains("the host does not know the token that was sent"),
        "{}",
        unknown.err
    );
    assert!(!unknown.err.contains("Authorization"), "{}", unknown.err);
    // The host gives the same answer for an action of another tenant and for an action that never existed.
    let own = waiting(&world, &user("foreign", Some(false)));
    for (token, id) in [(BOB, id), (STRANGER, &own)] {
        for args in [vec!["show", id], vec!["cancel", id], vec!["bundle", id, "-o", "never.deed"]] {
            let said = to(&world, token, &args);
            assert_eq!((said.code, said.out.as_str()), (1, ""), "{args:?}: {said:?}");
            assert!(said.err.contains("`deed ls` lists the actions"), "{args:?}: {}", said.err);
        }
    }
}
