//! Tests of token files with faults: a running host ignores them and accepts all other tokens, and a start refuses them.

use std::fs;

use deed_test_support::issuer::{HOST_SECRET, Issuer};
use deed_test_support::shared::scim;
use deed_tests::canary::Canary;
use deed_tests::host;
use deed_tests::receiver::{Receiver, SECRET, for_operators};
use deed_tests::services::ScimServer;
use deed_tests::tokens::{file, path, plant};
use deed_tests::world::{BOB, HELPDESK, World};

use super::{becomes, created, deed, logged, status};

const TOKEN: &str = "deed_a-token-that-was-planted-in-a-file";
const ID: &str = "t_0000000000";

/// A faulty file, the line of the fault and its words.
fn broken() -> [(String, usize, &'static str); 8] {
    let good = file("acme", "helpdesk", TOKEN);
    let with = |from: &str, to: &str| good.replace(from, to);
    let hash = deed_tests::layout::hash(TOKEN);
    [
        ("hash = ".to_owned(), 1, "string values must be quoted"),
        (format!("{good}colour = \"red\"\n"), 5, "unknown field `colour`"),
        (with("acme", "nowhere"), 1, "no tenant `nowhere`"),
        (with("helpdesk", "desk"), 2, "tenant `acme` has no agent `desk`"),
        (with(&hash, TOKEN), 3, "`hash` is not the digest of a token"),
        (with("22:07:47Z", "22:07"), 4, "`created` is not a time in UTC"),
        (format!("{good}expires = \"tomorrow\"\n"), 5, "`expires` is not a time in UTC"),
        (file("acme", "helpdesk", ""), 3, "an empty token"),
    ]
}

#[test]
fn a_file_with_a_fault_leaves_the_others_alone() {
    let mut world = World::start(scim()).unwrap();
    world.canaries.push(Canary::new("a token in the place of its digest", TOKEN.as_bytes()));
    let (_, good) = created(&mut world, "add", &["helpdesk"]);
    becomes(&world, &good, 200);
    for (n, (text, line, words)) in broken().into_iter().enumerate() {
        // A syntax error has a message of the parser.
        let words = if n == 0 { "" } else { words };
        let id = format!("t_000000000{n}");
        plant(&world.dir, &id, &text).unwrap();
        logged(
            &world,
            &["WARN", &format!("tokens/{id}.toml:{line}: "), words, "ignores this file"],
        );
        assert_eq!((status(&world, &good), status(&world, TOKEN)), (200, 401), "{words}");
        let (code, said) = deed(&["check", world.path()]);
        let start = format!("tokens/{id}.toml:{line}: ");
        let told = said.lines().any(|l| l.starts_with(&start) && l.contains(words));
        assert!(code == 1 && told, "{start}{words}: {said}");
        fs::remove_file(path(&world.dir, &id)).unwrap();
    }
    let (_, next) = created(&mut world, "add", &["helpdesk"]);
    becomes(&world, &next, 200);
    let (code, said) = deed(&["check", world.path()]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn one_token_in_two_files_is_refused_in_both() {
    let mut world = World::start(scim()).unwrap();
    let (id, token) = created(&mut world, "add", &["helpdesk"]);
    becomes(&world, &token, 200);
    plant(&world.dir, ID, &file("globex", "desk", &token)).unwrap();
    becomes(&world, &token, 401);
    for (one, other) in [(id.as_str(), ID), (ID, id.as_str())] {
        let place = format!("tokens/{one}.toml:3: ");
        logged(&world, &["WARN", &place, &format!("the token in `tokens/{other}.toml`")]);
    }
    assert_eq!(world.metric("deed_token_files").unwrap(), Some(2));
    fs::remove_file(path(&world.dir, ID)).unwrap();
    becomes(&world, &token, 200);
}

#[test]
fn a_token_file_takes_over_no_caller_of_the_configuration() {
    let world = World::start(scim()).unwrap();
    for (n, (token, words)) in [
        (BOB, "the token of `bob` in deed.toml"),
        (HELPDESK, "the token of `helpdesk` in deed.toml"),
        (ScimServer::READ_TOKEN, "a credential of an upstream"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("t_000000000{n}");
        plant(&world.dir, &id, &file("globex", "desk", token)).unwrap();
        logged(&world, &["WARN", &format!("tokens/{id}.toml:3: this is also {words}")]);
    }
    // Bob is still a person of acme, and the helpdesk agent still an agent of acme.
    let proposal = World::proposal("idp.read_user", &"0".repeat(32));
    assert_eq!(world.client(BOB).propose(&proposal, &[]).unwrap().status, 403);
    for (token, tenant) in [(BOB, "acme"), (HELPDESK, "acme")] {
        let log = world.client(token).get(&format!("/log/{tenant}/checkpoint")).unwrap();
        assert_eq!(log.status, 200, "{token}");
    }
    assert_eq!(status(&world, ScimServer::READ_TOKEN), 401);
}

#[test]
fn a_token_file_takes_over_no_secret_of_the_host() {
    let (issuer, receiver) = (Issuer::start(), Receiver::start().unwrap());
    let world = World::with(scim(), "scim", |dir| {
        issuer.declare_introspection(dir, "")?;
        for_operators(dir, &receiver.url(), "")
    })
    .unwrap();
    for (id, secret, words) in [
        ("t_0000000000", HOST_SECRET, "the secret of the host at an issuer"),
        ("t_0000000001", SECRET, "the secret of a webhook"),
    ] {
        plant(&world.dir, id, &file("globex", "desk", secret)).unwrap();
        logged(&world, &["WARN", &format!("tokens/{id}.toml:3: this is also {words}")]);
        assert_ne!(status(&world, secret), 200, "{words}");
    }
}

/// A token is revoked by its id, whatever its file contains.
#[test]
fn a_file_with_a_fault_can_be_revoked() {
    let world = World::lay_out(scim(), "scim").unwrap();
    plant(&world.dir, ID, "nothing").unwrap();
    let (code, said) = deed(&["token", "list", world.path()]);
    assert!(code == 0 && said.contains(&format!("tokens/{ID}.toml:1: ")), "{said}");
    host::expect(&["token", "revoke", world.path(), ID]).unwrap();
    assert!(!path(&world.dir, ID).exists());
}

#[test]
fn a_token_can_be_revoked_whatever_is_wrong_with_deed_toml() {
    let world = World::lay_out(scim(), "scim").unwrap();
    plant(&world.dir, ID, &file("acme", "helpdesk", TOKEN)).unwrap();
    fs::write(world.dir.join("deed.toml"), "colour = \"red\"\n").unwrap();
    host::expect(&["token", "revoke", world.path(), ID]).unwrap();
    assert!(!path(&world.dir, ID).exists());
    let (code, said) = deed(&["token", "revoke", world.path(), ID]);
    assert!(code == 1 && said.contains("there is no token"), "{said}");
}
