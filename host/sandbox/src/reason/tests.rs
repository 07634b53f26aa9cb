use deed_record::exchange::CREDENTIAL_REFUSED;
use serde_json::json;

use super::*;
use crate::tests::support;

const TOLD: &str = "exchange 0 has nothing at `/x`";

fn exchange(fate: Fate, problem: Option<&str>) -> Exchange {
    let value = json!({
        "ordinal": 0, "request": support::get("/Users/42"), "fate": fate, "problem": problem,
        "started_ms": 0, "ended_ms": 0, "deadline_ms": 0,
    });
    serde_json::from_value(value).unwrap()
}

fn answered(status: u16, problem: Option<&str>) -> [Exchange; 1] {
    [exchange(Fate::Answered { status }, problem)]
}

fn look(claim: &Claim, misfit: bool, exchanges: &[Exchange]) -> String {
    let misfit = misfit.then(|| ("user".to_owned(), of(TOLD, "the answer has no `/x`")));
    let misfits = misfit.into_iter().collect();
    of_look(claim, Duration::from_secs(2), &misfits, exchanges).unwrap_or_default()
}

fn of(told: &str, why: &str) -> Misfit {
    Misfit { told: told.to_owned(), why: why.to_owned(), of_content: true }
}

#[test]
fn a_look_is_never_said_to_have_written() {
    for claim in [Claim::Unknown("down".into()), Claim::Unavailable("down".into())] {
        let cut = exchange(Fate::NoAnswer, None);
        for seen in [&answered(503, None)[..], &answered(302, None), &[cut]] {
            assert_eq!(look(&claim, false, seen), "upstream `idp` could not be read: down");
        }
        let only_said = "the adapter reports that the upstream could not be read: down";
        assert_eq!(look(&claim, false, &answered(200, None)), only_said);
    }
    let said = of_attempt(&Claim::Unknown("down".into()), Duration::ZERO);
    assert_eq!(said.unwrap(), "the adapter reports that a write may have landed: down");
}

#[test]
fn an_answer_that_does_not_fit_is_the_upstreams() {
    let seen = answered(200, None);
    let repeated = Claim::Invalid(format!("no user: {TOLD}"));
    assert_eq!(look(&repeated, true, &seen), "the answer has no `/x`");
    let own = Claim::Invalid("no user".into());
    let both = "the answer has no `/x`; the adapter reports: no user";
    assert_eq!(look(&own, true, &seen), both);
    let trapped = Claim::Trapped("unreachable".into());
    assert!(look(&trapped, true, &seen).starts_with("the answer has no `/x`; the adapter was"));
    assert_eq!(look(&Claim::Done, true, &seen), "the answer has no `/x`", "it was ignored");
    let without = "the adapter cannot serve this action: no user";
    assert_eq!(look(&own, false, &seen), without, "nothing else is at fault");
}

#[test]
fn an_answer_that_cannot_be_decoded_is_the_upstreams() {
    let seen = answered(200, Some("the answer is compressed"));
    let why =
        "the answer of upstream `idp` to `GET /Users/42` cannot be used: the answer is compressed";
    for claim in [Claim::Invalid("no id".into()), Claim::Trapped("unreachable".into())] {
        assert!(look(&claim, false, &seen).starts_with(why), "{}", look(&claim, false, &seen));
    }
    assert_eq!(look(&Claim::Done, false, &seen), "", "the guest did without it");
    let refused = look(&Claim::Invalid("no id".into()), false, &answered(404, Some("text/html")));
    assert_eq!(refused, "the adapter cannot serve this action: no id");
}

/// The agent sees the problem of a rehearsal, and the adapter may say what it read.
#[test]
fn the_problem_of_a_rehearsal_has_nothing_that_the_adapter_says() {
    let said = || "what was read".to_owned();
    let panicked = format!("wasm trap: unreachable{}panicked at {}", Claim::LAST_WORDS, said());
    let problem = |claim: &Claim| of_rehearsal(claim, Duration::from_secs(2), &[]);
    for (claim, start) in [
        (Claim::Refused(said()), "the adapter reports that the upstream refused; "),
        (Claim::Unavailable(said()), "the adapter reports that the upstream could not be read; "),
        (Claim::Unknown(said()), "the adapter reports that the upstream could not be read; "),
        (Claim::Invalid(said()), "the adapter cannot serve this action; "),
        (Claim::Trapped(panicked), "the adapter was stopped: wasm trap: unreachable; "),
        (
            Claim::Trapped(format!("unexpected discriminant: {}", said())),
            "the adapter was stopped; ",
        ),
        (Claim::TimedOut, "the adapter did not end within 2000 ms"),
    ] {
        let problem = problem(&claim).unwrap();
        assert!(problem.starts_with(start), "{problem}");
        assert!(!problem.contains(&said()), "{problem}");
    }
    assert_eq!(problem(&Claim::Done), None);
}

#[test]
fn a_refused_credential_is_named_once() {
    let why = format!("{CREDENTIAL_REFUSED}check the secret");
    let claim = Claim::Refused("403".into());
    let told = look(&claim, false, &answered(403, Some(&why)));
    let plain = "the adapter reports that the upstream refused: 403";
    assert_eq!(told, format!("{plain}; {why}"));
    let quoted = Claim::Refused(format!("it says {why}"));
    let told = look(&quoted, false, &answered(403, Some(&why)));
    assert_eq!(told.matches(why.as_str()).count(), 1, "{told}");
    for exchanges in [answered(200, Some(&why)), answered(403, Some("not JSON"))] {
        assert_eq!(look(&claim, false, &exchanges), plain);
    }
}
