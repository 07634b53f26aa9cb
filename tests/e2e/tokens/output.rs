//! Tests of what `deed token` and `deed serve` print: a token once, a digest never, and the next command.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::layout::hash;
use deed_tests::tokens::path;
use deed_tests::world::World;
use serde_json::{Value, json};

use super::{created, deed};

#[test]
fn a_token_is_printed_once_and_its_digest_never() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let (id, token) = created(&mut world, "add", &["helpdesk", "--expires", "30d", "--note", "n"]);
    let file = path(&world.dir, &id);
    let stored = std::fs::read_to_string(&file).unwrap();
    assert!(stored.contains(&hash(&token)) && !stored.contains(&token), "{stored}");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(file.clone()), mode(world.dir.join("tokens"))), (0o600, 0o700));
    let dir = world.path();
    for args in [
        &["list", dir][..],
        &["list", dir, "--json"],
        &["list", dir, "helpdesk"],
        &["rotate", dir, "helpdesk", "--json"],
        &["rotate", dir, "helpdesk"],
        &["revoke", dir, "--agent", "helpdesk"],
    ] {
        let (code, said) = deed(&[&["token"][..], args].concat());
        assert_eq!(code, 0, "{args:?}: {said}");
        let digest = hash(&token);
        let hex = digest.trim_start_matches("sha256:");
        assert!(!said.contains(&token) && !said.contains("sha256:"), "{args:?}: {said}");
        assert!(!said.contains(hex), "{args:?}: {said}");
    }
}

/// A token that could not be printed is not stored, and the tokens that it would replace do not expire.
#[test]
fn a_token_that_could_not_be_printed_changes_nothing() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    created(&mut world, "add", &["helpdesk"]);
    let before = deed_tests::tokens::report(&world.dir, "list", &[]).unwrap();
    for args in [
        &["add", world.path(), "helpdesk"][..],
        &["rotate", world.path(), "helpdesk", "--grace", "0s"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(host::binary().unwrap());
        let output = command.arg("token").args(args).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("stdout: "), "{args:?}: {said}");
        let after = deed_tests::tokens::report(&world.dir, "list", &[]).unwrap();
        assert_eq!(after, before, "{args:?}");
    }
}

#[test]
fn the_list_names_every_token_and_where_it_is() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let (id, _) = created(&mut world, "add", &["desk", "--note", "a \u{202e}note"]);
    let listed = deed_tests::tokens::report(&world.dir, "list", &[]).unwrap();
    let token = &listed["tokens"][0];
    assert_eq!((&token["id"], &token["tenant"]), (&json!(id), &json!("globex")), "{listed:#}");
    assert_eq!((&token["expires"], &token["expired"]), (&Value::Null, &json!(false)));
    let agents =
        json!([{"tenant": "acme", "agent": "helpdesk"}, {"tenant": "globex", "agent": "desk"}]);
    assert_eq!(listed["in_deed_toml"], agents);
    let (_, said) = deed(&["token", "list", world.path(), "desk"]);
    assert!(said.contains(&format!("{id}  globex/desk  created ")), "{said}");
    assert!(said.contains("does not expire  a \\u{202e}note"), "{said}");
    assert!(said.contains("deed.toml     globex/desk") && !said.contains("helpdesk"), "{said}");
}

#[test]
fn each_command_names_the_next_one() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let dir = world.path();
    for (args, next) in [
        (&["list", dir][..], format!("deed token add {dir} AGENT")),
        (&["add", dir, "helpdesk"], format!("then `deed token list {dir} helpdesk`")),
        (&["list", dir, "helpdesk"], format!("deed token rotate {dir} helpdesk")),
        (&["rotate", dir, "helpdesk"], format!("then `deed token list {dir} helpdesk`")),
        (&["revoke", dir, "--agent", "helpdesk"], format!("deed token list {dir}")),
    ] {
        let output = host::run(&[&["token"][..], args].concat(), "").unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let last = errors.lines().last().unwrap();
        assert!(last.starts_with("next: ") && last.ends_with(&next), "{args:?}: {errors}");
        // A new token has an id, by which it can be revoked.
        let is_named = errors.contains("stored as t_");
        assert_eq!(is_named, matches!(args[0], "add" | "rotate"), "{args:?}: {errors}");
        // A `token` in deed.toml is not changed, and the operator must know it.
        let told = errors.contains("the `token` of `helpdesk` in deed.toml stays valid");
        assert_eq!(told, matches!(args[0], "rotate" | "revoke"), "{args:?}: {errors}");
    }
}

#[test]
fn a_command_that_cannot_be_carried_out_says_why() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let dir = world.path();
    for (args, code, words) in [
        (
            &["add", dir, "nobody"][..],
            1,
            "deed.toml has no agent `nobody`; it names `helpdesk` (acme)",
        ),
        (
            &["add", dir, "helpdesk", "--tenant", "globex"],
            1,
            "no agent `helpdesk` of tenant `globex`",
        ),
        (&["add", dir, "helpdesk", "--expires", "soon"], 2, "write a whole number and s, m, h"),
        (&["add", "/nowhere/at/all", "helpdesk"], 1, "`deed init` creates a directory"),
        (&["rotate", dir, "nobody"], 1, "deed.toml has no agent `nobody`"),
        (&["revoke", dir], 2, "or use --agent AGENT to revoke all tokens"),
        (&["revoke", dir, "../deed"], 2, "is not the id of a token"),
        (&["revoke", dir, "t_0000000000"], 1, "there is no token `t_0000000000`"),
        (&["revoke", dir, "--agent", "helpdesk"], 1, "agent `helpdesk` has no tokens in tokens/"),
        (&["list", dir, "nobody"], 1, "no agent `nobody` has a token"),
    ] {
        let (ended, said) = deed(&[&["token"][..], args].concat());
        assert_eq!(ended, code, "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    let note = "n".repeat(201);
    let (code, said) = deed(&["token", "add", dir, "helpdesk", "--note", &note]);
    assert!(code == 2 && said.contains("a note has at most 200 characters"), "{said}");
}

#[test]
fn the_host_says_how_agents_connect_and_where_the_console_is() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let mut child = Command::new(host::binary().unwrap())
        .arg("serve")
        .arg(&world.dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let lines: Vec<String> = out.lines().take(4).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let url = lines[0].split([' ', '(']).find(|word| word.starts_with("http://")).unwrap();
    let agents = format!("agents connect to {url}/mcp with a token of `deed token add ");
    assert!(lines[1].starts_with(&agents), "{lines:?}");
    let example = format!(
        "  claude mcp add --transport http deed {url}/mcp --header \"Authorization: Bearer $DEED_TOKEN\""
    );
    assert_eq!(lines[2], example);
    let url = url.replace("127.0.0.1", "localhost");
    let console = format!("people open the console at {url}/ and sign in with a name and a token");
    assert_eq!(lines[3], console);
}
