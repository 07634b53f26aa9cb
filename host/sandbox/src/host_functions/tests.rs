use serde_json::{Value, json};

use super::log::Host as _;
use super::state::Host as _;
use super::*;
use crate::exchange_log::Known;
use crate::tests::support;

const SHAPE: &str = r#"{"properties": {"id": {"type": "string"}, "active": {"type": "boolean"}}}"#;

/// The host's state of a guest that has already received these answers, each given as (status, body, redacted places).
fn guest(observing: bool, answers: Vec<(u16, Value, &[&str])>) -> Guest {
    let shape: StateShape = serde_json::from_str(SHAPE).unwrap();
    let derived = StateShape { derived: true, ..shape.clone() };
    let egress = support::egress(&support::upstream(1), Vec::new(), None);
    for (status, body, redacted) in answers {
        let redacted = redacted.iter().map(|place| (*place).to_owned()).collect();
        let entry = egress.exchanges.open(
            support::get("/x"),
            Known::default(),
            std::time::Duration::from_secs(1),
        );
        entry.answered(super::super::exchange_log::Answer {
            status,
            body: Some(body),
            redacted,
            ..Default::default()
        });
    }
    let redactor = egress.road.redactor();
    let states = BTreeMap::from([("user".to_owned(), shape), ("count".to_owned(), derived)]);
    Guest {
        egress,
        observing,
        states: states.into(),
        reads: BTreeMap::new(),
        kept: 0,
        log: Vec::new(),
        dropped: 0,
        panic: None,
        misfits: BTreeMap::new(),
        refused: Vec::new(),
        redactor,
        meter: Meter::default(),
        action: ActionId::new(1, [0; 10]),
        wasi: None,
    }
}

fn user() -> Value {
    json!({"id": "42", "active": false, "password": "x"})
}

#[test]
fn the_host_extracts_and_keeps_what_is_declared() {
    let mut guest = guest(true, vec![(200, json!({"list": [user()]}), &[])]);
    let kept = guest.read("user".into(), 0, "/list/0".into());
    assert_eq!(kept.as_deref(), Ok(r#"{"active":false,"id":"42"}"#));
    let read = guest.reads.get("user").unwrap();
    assert_eq!((read.derived, &read.value), (false, &json!({"id": "42", "active": false})));
    assert!(guest.read("user".into(), 0, "/list/0".into()).unwrap_err().contains("already"));
}

#[test]
fn what_the_host_did_not_see_is_no_state() {
    let answers: Vec<(u16, Value, &[&str])> =
        vec![(404, user(), &[]), (200, json!({"id": 1}), &[]), (302, user(), &[])];
    let mut guest = guest(true, answers);
    let mut refused = |name: &str, exchange, pointer: &str| {
        guest.read(name.into(), exchange, pointer.into()).unwrap_err()
    };
    assert!(refused("user", 7, "").contains("no exchange 7"));
    assert!(refused("user", 0, "").contains("404"));
    assert!(refused("user", 1, "").contains("does not fit"));
    assert!(refused("user", 1, "/nowhere").contains("nothing at"));
    assert!(refused("user", 2, "").contains("302"));
    assert!(refused("other", 1, "").contains("[state.other]"));
    let mut performing = super::tests::guest(false, vec![(200, user(), &[])]);
    assert!(performing.read("user".into(), 0, String::new()).unwrap_err().contains("observing"));
}

#[test]
fn a_redacted_place_is_not_known() {
    let body = json!({"id": "redacted", "active": true, "password": "redacted"});
    let mut held = guest(true, vec![(200, body.clone(), &["/id"])]);
    assert!(held.read("user".into(), 0, String::new()).unwrap_err().contains("`/id`"));
    // The contract does not declare this field, so a redacted value in it does not make the state unusable.
    let mut dropped = guest(true, vec![(200, body, &["/password"])]);
    assert!(dropped.read("user".into(), 0, String::new()).is_ok());
}

#[test]
fn only_what_may_be_derived_is() {
    let mut guest = guest(true, vec![(200, user(), &[]), (500, user(), &[])]);
    let value = r#"{"active": true}"#;
    assert!(
        guest.derive("user".into(), value.into(), vec![0]).unwrap_err().contains("derived = true")
    );
    assert!(guest.derive("count".into(), value.into(), Vec::new()).is_err());
    assert!(guest.derive("count".into(), value.into(), vec![1]).is_err());
    assert!(guest.derive("count".into(), "{".into(), vec![0]).is_err());
    assert_eq!(guest.derive("count".into(), value.into(), vec![0]), Ok(()));
    assert!(guest.reads.get("count").unwrap().derived);
}

#[test]
fn only_an_answer_at_fault_is_a_misfit() {
    let mut guest = guest(true, vec![(200, json!({"id": 1, "ok": user()}), &[])]);
    let misfit = |guest: &Guest| guest.misfits.get("user").map(|one| one.why.clone());
    for (exchange, pointer) in [(7, ""), (u32::MAX, "/id")] {
        assert!(guest.read("user".into(), exchange, pointer.into()).is_err());
        assert_eq!(misfit(&guest), None);
    }
    guest.read("other".into(), 0, String::new()).unwrap_err();
    assert!(guest.misfits.is_empty());
    let places = ["/nowhere".to_owned(), "/x".repeat(4_000)];
    for (pointer, said) in places.into_iter().zip(["nothing at `/nowhere`", "of 8000 bytes"]) {
        assert!(guest.read("user".into(), 0, pointer).is_err());
        let why = misfit(&guest).unwrap();
        assert!(why.contains("upstream `idp` to `GET /x`") && why.contains(said), "{why}");
    }
    assert!(guest.read("user".into(), 0, "/ok".into()).is_ok());
    assert_eq!(misfit(&guest), None, "it was read after all");
}

#[test]
fn the_last_words_are_bounded_and_redacted() {
    let mut guest = guest(true, Vec::new());
    guest.write(log::Level::Info, "not this".into());
    assert_eq!(guest.last_words(), None);
    let at = "panicked at a.rs:1:2: ";
    for (said, kept) in [
        (format!("{at}{}", support::READ), "redacted".to_owned()),
        (format!("{at}a\nb\u{202e}"), format!("{at}a\\nb\\u{{202e}}")),
        (format!("{at}{}", "x".repeat(9_999)), {
            format!("{at}{}", "x".repeat(limits::LAST_ERROR - at.len()))
        }),
    ] {
        guest.write(log::Level::Error, said);
        assert_eq!(guest.last_words(), Some(kept));
    }
}

#[test]
fn only_a_panic_becomes_evidence() {
    let panic = "panicked at a.rs:1:2: why";
    let lines = ["user 42 is 7", "", "panicked", "panicked: 7", "Panicked at a", " panicked at a"];
    for line in lines {
        let mut guest = guest(true, Vec::new());
        guest.write(log::Level::Error, line.into());
        assert_eq!(guest.trapped("unreachable"), "unreachable", "`{line}`");
        for level in [log::Level::Debug, log::Level::Info, log::Level::Warn] {
            guest.write(level, panic.into());
            assert_eq!(guest.trapped("unreachable"), "unreachable", "of another level");
        }
        guest.write(log::Level::Error, panic.into());
        guest.write(log::Level::Error, line.into());
        assert!(guest.trapped("unreachable").ends_with(panic), "`{line}`");
    }
}

#[test]
fn a_trap_is_cut_where_earlier_releases_cut_it() {
    for length in [0, 3, 479, 480, 600, limits::TEXT, 9_999] {
        let mut guest = guest(true, Vec::new());
        let message = "x".repeat(length);
        let trap = "x".repeat(length.min(limits::TEXT));
        assert_eq!(guest.trapped(&message), trap);
        guest.write(log::Level::Error, "panicked at a.rs:1:2: why".into());
        let words = "; its last line of level error: panicked at a.rs:1:2: why";
        assert_eq!(guest.trapped(&message), format!("{trap}{words}"));
    }
}

#[test]
fn the_log_is_bounded_and_redacted() {
    let mut guest = guest(true, Vec::new());
    guest.write(log::Level::Info, format!("token {}", support::READ));
    guest.write(log::Level::Warn, "a\nb".into());
    // A secret is found even if only its beginning is in the kept part of the line.
    let cut = limits::LOG_LINE - 8;
    guest.write(log::Level::Warn, format!("{}{}", "x".repeat(cut), support::READ));
    guest.write(log::Level::Warn, "x".repeat(100_000));
    for _ in 0..200 {
        guest.write(log::Level::Debug, String::new());
    }
    let texts: Vec<&str> = guest.log.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts[..3], ["redacted", "a\\nb", "redacted"]);
    assert_eq!(texts[3].len(), limits::LOG_LINE);
    assert_eq!((texts.len(), guest.dropped), (limits::LOG_LINES, 104));
}
