//! Tests of witness settings in `deed.toml`: which settings are refused, with which message, and what `deed check`
//! reports about witnesses.

use deed_test_support::shared::scim;
use deed_test_support::witness::Peer;
use deed_tests::host;
use deed_tests::world::{World, edit};

use super::said;

/// Exit code and output of `deed check` for a directory with this text before `[approval]` in `deed.toml`.
fn checked(text: &str) -> (i32, String) {
    let world = World::lay_out(scim(), "scim").unwrap();
    edit(&world.dir, "deed.toml", "[approval]", &format!("{text}\n[approval]")).unwrap();
    said(&["check", world.path()])
}

#[test]
fn check_says_who_vouches_and_what_it_means_when_nobody_does() {
    let (one, two) = (Peer::start("one"), Peer::start("two"));
    let tables = one.table() + &two.table();
    let (code, told) = checked(&format!("witness_quorum = 1\n{tables}"));
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("1 of 2 make a quorum; an action waits at most 2000 ms"), "{told}");
    assert!(told.contains(&format!("one ({})", one.hostile.base_url())), "{told}");
    assert!(told.contains("witness `one` is on this machine"), "{told}");
    let (code, told) = checked("");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("only a witness can detect a host that forks its log"), "{told}");
}

#[test]
fn mistakes_about_witnesses_are_refused_with_their_line() {
    let (one, two) = (Peer::start("one"), Peer::start("two"));
    let (first, second) = (one.table(), two.table());
    let elsewhere = |url: &str| first.replace(&one.hostile.base_url(), url);
    let named = |name: &str| first.replace("name = \"one\"", &format!("name = \"{name}\""));
    let of_a_log = first.replace("one.example/witness", "deed.example/logs/acme");
    for (text, remedy) in [
        (format!("witness_quorum = 0\n{first}"), "from 1 to 1"),
        (format!("witness_quorum = 2\n{first}"), "from 1 to 1"),
        ("witness_quorum = 1\n".to_owned(), "requires a [[witness]]"),
        (format!("witness_wait = \"1m\"\n{first}"), "from 100ms to 30s"),
        (format!("{first}retries = 3\n"), "unknown field `retries`"),
        (first.replace("url", "address"), "unknown field `address`"),
        (elsewhere("http://witness.example"), "https://host/path"),
        (elsewhere("https://user:word@witness.example"), "without a user"),
        (elsewhere("https://witness.example/?x=y"), "query"),
        (elsewhere("http://127.0.0.1:80@witness.example"), "without a user"),
        (named("One"), "is not the name of a witness"),
        (named("none"), "is not the name of a witness"),
        (first.replace("+B", "+C"), "the key is not Ed25519"),
        (first.replace("example/witness+", "example/other+"), "key id"),
        (of_a_log, "key id"),
        (format!("{first}{first}"), "each one needs its own"),
        (format!("{first}{}", second.replace("\"two\"", "\"one\"")), "each one needs its own"),
    ] {
        let (code, told) = checked(&text);
        assert_eq!(code, 1, "{text}\n{told}");
        assert!(told.contains(remedy), "{text}\n{told}");
        let line = told.split(':').nth(1).unwrap();
        assert!(line.parse::<usize>().is_ok_and(|line| line > 0), "{told}");
    }
}

#[test]
fn nobody_witnesses_with_a_key_of_another_purpose() {
    let world = World::lay_out(scim(), "scim").unwrap();
    for (file, words) in [
        ("keys/log.pub", "with which the host itself signs"),
        ("keys/receipt.pub", "with which the host itself signs"),
        ("approvers/bob.pub", "person `bob` have the same key"),
    ] {
        let pem = std::fs::read_to_string(world.dir.join(file)).unwrap();
        let key = deed_spec::dsse::from_pem(pem.trim()).unwrap();
        let key = deed_spec::note::WitnessKey::new("w.example", key).unwrap();
        let table =
            format!("[[witness]]\nname = \"w\"\nvkey = \"{key}\"\nurl = \"https://w.example\"\n\n");
        edit(&world.dir, "deed.toml", "[approval]", &format!("{table}[approval]")).unwrap();
        let (code, told) = said(&["check", world.path()]);
        assert_eq!(code, 1, "{told}");
        assert!(told.contains(words), "{told}");
        let served = host::run(&["serve", world.path()], "").unwrap();
        assert!(
            !served.status.success() && String::from_utf8_lossy(&served.stderr).contains(words)
        );
        edit(&world.dir, "deed.toml", &table, "").unwrap();
    }
}
