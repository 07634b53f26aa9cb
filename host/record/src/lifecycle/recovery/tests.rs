//! Tests which attempts may follow, for each effect with each fate of a write, alone and together with another write.

use deed_spec::json::Change;
use serde_json::json;

use super::*;
use crate::action::Idempotency;
use crate::exchange::codec::kind::Accepted;
use crate::exchange::secret::TakenSecret;
use crate::fixtures::{self, exchange};

fn contract(effect: &str) -> Contract {
    fixtures::contract(effect, "[limits]\ntimeout = \"30s\"\nattempts = 3\ntotal = \"1m\"\n")
}

fn write(path: &str, fate: Fate) -> Exchange {
    let idempotency_key = Some(format!("key of {path}"));
    Exchange { idempotency_key, ..exchange("PATCH", path, fate) }
}

fn attempt(n: u32, exchanges: Vec<Exchange>) -> Attempt {
    fixtures::attempt(n, Claim::Unknown(String::new()), exchanges)
}

/// Three judgements: one of an observation without a change, one of an observation with a change, and one without a
/// usable observation.
fn unchanged() -> Judgement {
    let check = crate::lifecycle::outcome::Check {
        expression: "after".into(),
        holds: false,
        problem: None,
    };
    Judgement { checks: vec![check], ..Judgement::plain(Outcome::Failed, "") }
}

fn changed() -> Judgement {
    let change = Change { pointer: "/user/active".into(), old: None, new: Some(json!(true)) };
    Judgement { changes: vec![change], outcome: Outcome::Mismatch, ..unchanged() }
}

fn blind() -> Judgement {
    Judgement::plain(Outcome::Indeterminate, "")
}

fn bindings(window_ms: Option<u64>) -> BTreeMap<String, Binding> {
    let header = "idempotency-key".to_owned();
    let binding = Binding {
        base_url: "http://127.0.0.1".into(),
        addresses: vec![],
        tls_roots: None,
        client_certificate: None,
        client_key: None,
        proxy: None,
        read: None,
        write: None,
        headers: BTreeMap::new(),
        accepted: Accepted::default(),
        idempotency: window_ms.map(|window_ms| Idempotency { header, window_ms }),
        vault: BTreeMap::new(),
        rules: vec![],
    };
    [("idp".to_owned(), binding)].into()
}

fn ask(effect: &str, attempts: &[Attempt], judged: &Judgement, now_ms: i64) -> Result<(), Final> {
    let bindings = bindings(Some(600_000));
    another(&contract(effect), attempts, &bindings, judged, now_ms).map(|_| ())
}

const OPEN: [Fate; 3] =
    [Fate::NoAnswer, Fate::Answered { status: 503 }, Fate::Answered { status: 429 }];
const EFFECTS: [&str; 4] = ["idempotent", "keyed", "observable", "opaque"];

#[test]
fn what_was_not_sent_may_be_sent_whatever_the_effect() {
    let none = [attempt(1, vec![write("/1", Fate::NotSent)])];
    for effect in EFFECTS {
        assert_eq!(ask(effect, &none, &unchanged(), 0), Ok(()), "{effect}");
        assert_eq!(ask(effect, &none, &blind(), 0), Ok(()), "{effect}");
    }
    let mut denied = write("/1", Fate::NotSent);
    denied.failure = Some(Failure::Denied);
    let denied = [attempt(1, vec![denied])];
    assert_eq!(ask("idempotent", &denied, &unchanged(), 0), Err(Final::NotHindered));
    assert_eq!(ask("idempotent", &[attempt(1, vec![])], &unchanged(), 0), Err(Final::NotHindered));
    let lost = [Attempt { claim: Claim::Lost, ..attempt(1, vec![]) }];
    assert_eq!(ask("opaque", &lost, &unchanged(), 0), Ok(()));
}

#[test]
fn a_write_whose_secret_is_stored_is_not_sent_again() {
    let mut one = write("/1", Fate::NoAnswer);
    let (name, file) = ("key".to_owned(), Some("vault/a".to_owned()));
    one.secrets = vec![TakenSecret { name, file, commitment: None, problem: None }];
    let stored = [attempt(1, vec![one, write("/2", Fate::NotSent)])];
    for judged in [unchanged(), changed()] {
        for effect in EFFECTS {
            assert_eq!(ask(effect, &stored, &judged, 0), Err(Final::SecretStored), "{effect}");
        }
    }
}

#[test]
fn what_may_have_landed_is_sent_again_as_its_effect_promises() {
    for fate in OPEN {
        let open = [attempt(1, vec![write("/1", fate)])];
        for (effect, judged, expected) in [
            ("idempotent", unchanged(), Ok(())),
            ("idempotent", changed(), Ok(())),
            ("idempotent", blind(), Ok(())),
            ("keyed", unchanged(), Ok(())),
            ("keyed", changed(), Ok(())),
            ("keyed", blind(), Ok(())),
            ("observable", unchanged(), Ok(())),
            ("observable", changed(), Err(Final::Inconclusive)),
            ("observable", blind(), Err(Final::Inconclusive)),
            ("opaque", unchanged(), Err(Final::Opaque)),
            ("opaque", changed(), Err(Final::Opaque)),
            ("opaque", blind(), Err(Final::Opaque)),
        ] {
            assert_eq!(ask(effect, &open, &judged, 0), expected, "{effect} {fate:?} {judged:?}");
        }
    }
}

#[test]
fn an_answer_unexpected_changes_and_a_spent_budget_end_it() {
    let open = || attempt(1, vec![write("/1", Fate::NoAnswer)]);
    let verified = Judgement { outcome: Outcome::Verified, ..unchanged() };
    assert_eq!(ask("idempotent", &[open()], &verified, 0), Err(Final::Answered));
    let mut strange = changed();
    strange.unexpected = strange.changes.clone();
    assert_eq!(ask("idempotent", &[open()], &strange, 0), Err(Final::Unexpected));
    assert_eq!(ask("idempotent", &[open(), open()], &unchanged(), 60_000), Ok(()));
    assert_eq!(ask("idempotent", &[open()], &unchanged(), 60_001), Err(Final::Budget));
    let three = [open(), open(), open()];
    assert_eq!(ask("idempotent", &three, &unchanged(), 0), Err(Final::Budget));
    let refused = [attempt(1, vec![write("/1", Fate::Answered { status: 403 })])];
    assert_eq!(ask("idempotent", &refused, &unchanged(), 0), Err(Final::NotHindered));
    assert_eq!(ask("idempotent", &[], &unchanged(), 0), Err(Final::Nothing));
}

#[test]
fn of_two_writes_each_counts_for_itself() {
    let done = || write("/1", Fate::Answered { status: 204 });
    let second = |fate| [attempt(1, vec![done(), write("/2", fate)])];
    for effect in EFFECTS {
        assert_eq!(ask(effect, &second(Fate::NotSent), &changed(), 0), Ok(()), "{effect}");
    }
    assert_eq!(ask("idempotent", &second(Fate::NoAnswer), &changed(), 0), Ok(()));
    let judged = [changed(), unchanged()];
    for judged in &judged {
        let observed = ask("observable", &second(Fate::NoAnswer), judged, 0);
        assert_eq!(observed, Err(Final::Inconclusive), "what is seen may be of the first");
    }
    assert_eq!(ask("opaque", &second(Fate::NoAnswer), &changed(), 0), Err(Final::Opaque));
    let refused = second(Fate::Answered { status: 422 });
    assert_eq!(ask("idempotent", &refused, &changed(), 0), Err(Final::NotHindered));
    let both = [attempt(
        1,
        vec![write("/2", Fate::Answered { status: 422 }), write("/1", Fate::NoAnswer)],
    )];
    assert_eq!(ask("idempotent", &both, &changed(), 0), Err(Final::Refused));
    // A write whose result is unknown stays unknown, even if the second attempt did not send the write.
    let again = [
        attempt(1, vec![write("/1", Fate::NoAnswer)]),
        attempt(2, vec![write("/1", Fate::NotSent)]),
    ];
    assert_eq!(ask("opaque", &again, &unchanged(), 0), Err(Final::Opaque));
    let settled = [
        attempt(1, vec![write("/1", Fate::NoAnswer)]),
        attempt(2, vec![done(), write("/2", Fate::NotSent)]),
    ];
    assert_eq!(ask("opaque", &settled, &changed(), 0), Ok(()));
}

#[test]
fn a_key_counts_inside_of_its_window_and_only_if_it_is_the_same() {
    let keyed = |one: Exchange, two: Exchange, now_ms, window_ms| {
        let attempts = [attempt(1, vec![one]), attempt(2, vec![two])];
        let bindings = bindings(window_ms);
        let contract = contract("keyed");
        another(&contract, &attempts, &bindings, &unchanged(), now_ms).map(|_| ())
    };
    let open = || write("/1", Fate::NoAnswer);
    assert_eq!(keyed(open(), open(), 53_999, Some(60_000)), Ok(()));
    assert_eq!(keyed(open(), open(), 54_000, Some(60_000)), Err(Final::Keyless));
    assert_eq!(keyed(open(), open(), 0, None), Err(Final::Keyless));
    let other = Exchange { idempotency_key: Some("other".into()), ..open() };
    assert_eq!(keyed(open(), other, 0, Some(60_000)), Err(Final::Keyless));
    let none = || Exchange { idempotency_key: None, ..open() };
    assert_eq!(keyed(none(), none(), 0, Some(60_000)), Err(Final::Keyless));
}

#[test]
fn what_was_planned_is_judged_anew_when_its_time_has_come() {
    let held = |effect, exchange: Exchange, now_ms| {
        let attempts = [attempt(1, vec![exchange])];
        in_time(&contract(effect), &attempts, &bindings(Some(30_000)), now_ms)
    };
    let open = || write("/1", Fate::NoAnswer);
    let done = || write("/1", Fate::Answered { status: 204 });
    assert_eq!(held("idempotent", open(), 60_000), Ok(()));
    assert_eq!(held("idempotent", open(), 60_001), Err(Final::Budget));
    assert_eq!(held("keyed", open(), 26_999), Ok(()));
    assert_eq!(held("keyed", open(), 27_000), Err(Final::Keyless));
    assert_eq!(held("keyed", done(), 27_000), Ok(()), "it is carried");
    assert_eq!(held("keyed", write("/1", Fate::NotSent), 27_000), Ok(()));
    for (effect, exchange) in [
        ("idempotent", open()),
        ("keyed", open()),
        ("keyed", done()),
        ("keyed", write("/1", Fate::NotSent)),
    ] {
        let attempts = [attempt(1, vec![exchange.clone()])];
        let until_ms = in_time_until_ms(&contract(effect), &attempts, &bindings(Some(30_000)));
        assert_eq!(held(effect, exchange.clone(), until_ms - 1), Ok(()), "{effect}");
        assert!(held(effect, exchange, until_ms).is_err(), "{effect}");
    }
}

#[test]
fn what_is_done_is_carried_with_its_first_attempt_and_keys_stay() {
    let done = write("/1", Fate::Answered { status: 204 });
    let first = attempt(1, vec![done.clone(), write("/2", Fate::NoAnswer), done.clone()]);
    let carried = Exchange { carried_from: Some(1), ..done };
    let second = attempt(2, vec![carried.clone(), write("/2", Fate::NotSent)]);
    let known = known(&[first, second]);
    let places: Vec<_> = known.iter().map(|one| (&*one.request.path, one.done.clone())).collect();
    assert_eq!(
        places,
        [("/1", Some(carried.clone())), ("/2", None), ("/1", Some(carried))],
        "equal ones in their order"
    );
    assert!(known.iter().all(|one| one.key == Some(format!("key of {}", one.request.path))));
}

#[test]
fn a_write_that_was_done_is_carried_or_it_was_sent_twice() {
    let run = |carried_from, fate| vec![Exchange { carried_from, ..write("/1", fate) }.summary()];
    let done = Fate::Answered { status: 204 };
    let twice = |first, second| sent_twice(&[first, second]).is_some();
    assert!(!twice(run(None, done), run(Some(1), done)));
    assert!(twice(run(None, done), run(None, done)));
    assert!(twice(run(None, Fate::NoAnswer), run(Some(1), done)), "carried, and was not done");
    assert!(twice(run(Some(1), done), vec![]), "carried from nowhere");
    assert!(!twice(run(None, Fate::NoAnswer), run(None, done)));
}

/// A later write needs a value of an answer. If that answer was lost, the attempt cannot have sent the later write, so
/// only the effect of the first write counts.
#[test]
fn after_a_lost_answer_that_a_later_write_needs_the_effect_of_the_first_write_counts() {
    let lost = [attempt(1, vec![write("/orders", Fate::NoAnswer)])];
    for (effect, judged, expected) in [
        ("idempotent", changed(), Ok(())),
        ("keyed", changed(), Ok(())),
        ("keyed", blind(), Ok(())),
        ("observable", unchanged(), Ok(())),
        ("observable", changed(), Err(Final::Inconclusive)),
        ("opaque", unchanged(), Err(Final::Opaque)),
    ] {
        assert_eq!(ask(effect, &lost, &judged, 0), expected, "{effect} {judged:?}");
    }
}

#[test]
fn a_write_with_a_value_of_an_answer_is_the_same_write_in_every_attempt() {
    let done = write("/orders", Fate::Answered { status: 201 });
    let first = attempt(1, vec![write("/orders", Fate::NoAnswer)]);
    let second = attempt(2, vec![done, write("/orders/k3v9x0q7", Fate::NoAnswer)]);
    let known = known(&[first, second]);
    let found: Vec<_> =
        known.iter().map(|one| (&*one.request.path, one.done.is_some(), one.left_ms)).collect();
    assert_eq!(found, [("/orders", true, Some(0)), ("/orders/k3v9x0q7", false, Some(0))]);
}

/// The first write was carried out, and its answer does not have the value that the next write needs. Another attempt
/// would get the same recorded answer.
#[test]
fn an_answer_that_cannot_be_used_ends_the_attempts() {
    let done = attempt(1, vec![write("/orders", Fate::Answered { status: 201 })]);
    for effect in EFFECTS {
        assert_eq!(
            ask(effect, std::slice::from_ref(&done), &changed(), 0),
            Err(Final::NotHindered),
            "{effect}"
        );
    }
}
