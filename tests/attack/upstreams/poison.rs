//! Strings of an upstream that target the approver: terminal sequences, characters that hide or reorder text, forged
//! prompts, floods. The text that an approver reads shows such characters in a visible form, and a terminal executes
//! none of them. JSON output contains the unchanged value.

use deed_test_support::shared::ended;
use deed_tests::host;
use deed_tests::hostile::{Hostile, json};
use deed_tests::world::{BOB, World, edit};
use serde_json::{Value, json};

use super::stage::{RESTORE, Stage, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "poison-for-the-approver" => shown,
        "poison-by-length" => flood,
        "poison-in-an-error" => errors,
    ]
}

const POISON: [&str; 12] = [
    "\u{1b}[2J\u{1b}[Hall is well",
    "\u{1b}]52;c;cm0gLXJmIH4=\u{7}",
    "\u{1b}]8;;https://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\",
    "\u{9b}2K\u{9d}52;c;eA==\u{9c}",
    "\u{8}\u{8}\u{8}\u{7f}\rfalse",
    "Ada\u{202e}ecalevol\u{2066}x\u{2069}",
    "Ada\u{200b}\u{200d}\u{2060}\u{feff}\u{ad}\u{e0041}",
    "Ada\u{2028}sign? [y/N] y\u{2029}",
    "Ada\nsign? [y/N] y\n\nyou sign: DENY, permanently",
    "Ada\"\n  }\nmust hold afterwards\n  true",
    "\u{90}q\u{1b}\\\u{9f}x\u{9c}",
    "\0\u{1}\u{1f}\u{85}\u{600}\u{3164}",
];

/// A fixture in which an approver is shown the user's name before an action may change the user.
fn asking() -> Stage {
    Stage::with(Hostile::start().unwrap(), |dir| {
        edit(dir, "deed.toml", "environment = \"staging\"", "environment = \"production\"")?;
        let places = "may_change = [\"/user/active\"";
        edit(
            dir,
            "contracts/restore_access.toml",
            places,
            &format!("{places}, \"/user/displayName\""),
        )
    })
}

/// Checks that the page contains no character that a terminal interprets or that a reader cannot see.
fn harmless(what: &str, page: &str) {
    let bad = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{3164}' | '\u{e0000}'..='\u{e0fff}')
    };
    assert_eq!(page.chars().find(bad), None, "{what}:\n{}", page.escape_debug());
    let forged = |line: &&str| {
        line.trim_start().starts_with("sign?") || line.trim_start().starts_with("you sign: DENY")
    };
    assert_eq!(page.lines().find(forged), None, "{what}:\n{page}");
    assert!(page.matches("\nmust hold afterwards\n").count() <= 1, "{what}:\n{page}");
}

fn shown() {
    let stage = asking();
    let world = &stage.world;
    for poison in POISON {
        let user = fresh();
        stage.hostile.set(&user, "displayName", poison.into());
        let id = world.propose(&World::proposal(RESTORE, &user)).unwrap().text("/id");
        let path = format!("/v1/actions/{id}/approval_request");
        let request = world.client(BOB).get(&path).unwrap().json();
        assert_eq!(request["pre"]["user"]["displayName"], poison, "JSON keeps the true value");
        let (done, page) = world.approve(&id, "bob", BOB).unwrap();
        assert!(done, "{page}");
        harmless("what deed approve shows", &page);
        assert!(page.contains("/user/displayName: \""), "the value is shown: {page}");
        let view = world.settled(&id).unwrap();
        ended(world, &view, "verified", "");
        pages(world, &id);
    }
    unharmed(world);
}

/// Checks the other pages and their JSON, which a person may also read in a terminal.
fn pages(world: &World, id: &str) {
    let to = ["--url", world.url(), "--token", BOB];
    for args in [vec!["show", id], vec!["ls"], vec!["show", id, "--json"], vec!["ls", "--json"]] {
        let said = host::expect(&[args.clone(), to.to_vec()].concat()).unwrap();
        harmless(&format!("deed {}", args.join(" ")), &said);
        if args.contains(&"--json") {
            serde_json::from_str::<Value>(&said).unwrap();
        }
    }
}

fn flood() {
    let stage = asking();
    let world = &stage.world;
    for text in ["x".repeat(500_000), "\u{1b}[1A".repeat(50_000), "\u{202e}\n".repeat(50_000)] {
        let user = fresh();
        stage.hostile.set(&user, "displayName", text.clone().into());
        let id = world.propose(&World::proposal(RESTORE, &user)).unwrap().text("/id");
        let (done, page) = world.approve(&id, "bob", BOB).unwrap();
        assert!(done, "{page}");
        harmless("what deed approve shows", &page);
        assert!(page.len() < 20_000, "{} bytes of page", page.len());
        assert!(page.contains("more characters"), "that it was cut is said: {page}");
        let view = world.settled(&id).unwrap();
        ended(world, &view, "verified", "");
        let said = host::expect(&["show", &id, "--url", world.url(), "--token", BOB]).unwrap();
        assert!(said.len() < 20_000, "{} bytes of page", said.len());
    }
    unharmed(world);
}

/// Checks what the host reports, in its log and to people, about an answer that the host does not understand.
fn errors() {
    let stage = Stage::new();
    for poison in POISON {
        let text = serde_json::to_string(poison).unwrap();
        let shown = poison.to_owned();
        let scripts: [Vec<u8>; 3] = [
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{{}}{text}"
            )
            .into(),
            deed_tests::hostile::answer(
                "200 OK\r\ncontent-type: application/json",
                format!("{{{text}:1,{text}:2}}"),
            ),
            json(&json!({"id": [shown], "userName": shown})),
        ];
        for script in scripts {
            let view = stage.read(deed_tests::hostile::says(script));
            ended(&stage.world, &view, "failed", "");
            pages(&stage.world, view["id"].as_str().unwrap());
            harmless("a reason", view["reason"].as_str().unwrap());
        }
    }
    let log = stage.world.host.as_ref().unwrap().log();
    assert!(!log.contains(['\u{9b}', '\u{202e}', '\u{7}']), "{}", log.escape_debug());
    unharmed(&stage.world);
}
