use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::fixtures::{self, envelope};
use crate::lifecycle::observation::Sight;
use crate::lifecycle::outcome::Outcome;
use crate::plan::Planned;
use crate::statement::approval::Ask;

const SECRET: &str = "Zaphod";

fn exchange(method: &str, fate: Fate) -> Exchange {
    let response = Some(json!({"displayName": SECRET}));
    Exchange { response, ..fixtures::exchange(method, "/Users/1", fate) }
}

fn entry(event: Event) -> Entry {
    Entry { at_ms: 1_000, event }
}

fn look(problem: Option<&str>) -> Event {
    let observation = Observation {
        exchanges: vec![exchange("GET", Fate::Answered { status: 200 })],
        problem: problem.map(str::to_owned),
        ..fixtures::look(json!({"displayName": SECRET}))
    };
    Event::Observed { phase: Phase::Pre, observation: Sight::shared(observation) }
}

fn attempt(claim: Claim, fate: Fate) -> Event {
    // A refused request may contain state values, so the ledger shows only the number of refused requests.
    let refused = if claim == Claim::TimedOut { vec![SECRET.into()] } else { vec![] };
    let attempt = fixtures::attempt(1, claim, vec![exchange("PATCH", fate)]);
    Event::AttemptEnded { attempt: Arc::new(Attempt { refused, ..attempt }) }
}

fn decision(verdict: Verdict) -> Decision {
    let obligation =
        Obligation { count: 1, role: "support-lead".into(), policy: "restore-needs-lead".into() };
    Decision {
        obligations: if verdict == Verdict::Ask { vec![obligation] } else { vec![] },
        determining: vec!["restore-needs-lead".into()],
        ..fixtures::decision(verdict)
    }
}

fn logged_event() -> Event {
    let leaf = Leaf { kind: "receipt".into(), payload: Digest::of(b""), index: 12 };
    Event::Logged { leaves: vec![leaf], checkpoint: String::new() }
}

fn only(event: Event) -> String {
    tell(&[entry(event)]).remove(0).text
}

#[test]
fn a_stranger_understands_each_line() {
    assert_eq!(
        decided(false, &decision(Verdict::Ask)),
        "policy asked for 1 approval by support-lead (policy restore-needs-lead)"
    );
    assert_eq!(
        decided(true, &decision(Verdict::Allow)),
        "at the gate, policy allowed it (policy restore-needs-lead)"
    );
    assert_eq!(only(look(None)), "looked at idp: GET /Users/1 answered 200");
    assert_eq!(
        only(attempt(Claim::Done, Fate::Answered { status: 204 })),
        "sent PATCH /Users/1 to idp: answered 204; the adapter reports that it is done"
    );
    assert_eq!(
        only(attempt(Claim::Lost, Fate::NoAnswer)),
        "sent PATCH /Users/1 to idp: got no answer, and may have arrived; the host stopped while it ran"
    );
    assert_eq!(
        only(attempt(Claim::TimedOut, Fate::NotSent)),
        "PATCH /Users/1 to idp: was not sent; the adapter exceeded its time limit and was stopped; 1 request(s) outside its grant were refused"
    );
    assert_eq!(
        only(Event::CancelRequested { by: "helpdesk".into() }),
        "helpdesk asked to cancel it"
    );
    assert_eq!(only(logged_event()), "the receipt is entry 12 of the log");
    let (person, role) = ("bob".into(), "support-lead".into());
    let (approves, delegated_by) = (false, None);
    let answer = Answer { person, role, approves, delegated_by, envelope: envelope() };
    assert_eq!(answered(&answer), "bob denied it as support-lead, with a signature");
    let answer = Answer { delegated_by: Some("dave".into()), ..answer };
    assert_eq!(answered(&answer), "bob denied it as support-lead for dave, with a signature");
    let answer =
        Answer { person: "alice".into(), role: "confirm".into(), delegated_by: None, ..answer };
    assert_eq!(answered(&answer), "alice declined to confirm it, with a signature");
    let answer = Answer { approves: true, ..answer };
    assert_eq!(answered(&answer), "alice confirmed it, with a signature");
    let deferral =
        Deferral { person: "bob".into(), reason: "in a meeting".into(), until_ms: 5_000 };
    assert_eq!(
        deferred_by_somebody(&deferral),
        "an approver put the request off until 1970-01-01 00:00:05Z"
    );
    assert_eq!(
        only(Event::Deferred { deferral: deferral.into() }),
        "bob put the request off until 1970-01-01 00:00:05Z: in a meeting"
    );
}

#[test]
fn what_the_configuration_forbids_is_not_the_adapters_doing() {
    let Event::AttemptEnded { attempt } = attempt(Claim::TimedOut, Fate::NotSent) else { return };
    let mut attempt = Attempt::clone(&attempt);
    attempt.exchanges[0].failure = Some(crate::exchange::Failure::Denied);
    for (problem, counted) in [(SECRET, false), ("another", true)] {
        attempt.exchanges[0].problem = Some(problem.to_owned());
        let told = only(Event::AttemptEnded { attempt: Arc::new(attempt.clone()) });
        assert_eq!(told.contains("1 request(s) outside its grant"), counted, "{told}");
    }
}

#[test]
fn a_read_that_failed_after_a_write_does_not_hide_the_write() {
    let down = || Claim::Unavailable("down".into());
    let landed = "; an earlier write of this attempt may have landed";
    for (fate, said) in [
        (Fate::Answered { status: 204 }, true),
        (Fate::Answered { status: 503 }, true),
        (Fate::NoAnswer, true),
        (Fate::Answered { status: 403 }, false),
        (Fate::NotSent, false),
    ] {
        let Event::AttemptEnded { attempt } = attempt(down(), fate) else { unreachable!() };
        let mut attempt = Arc::unwrap_or_clone(attempt);
        attempt.exchanges.push(exchange("GET", Fate::NoAnswer));
        let told = only(Event::AttemptEnded { attempt: Arc::new(attempt.clone()) });
        assert!(told.contains("the adapter reports that the upstream was not available"), "{told}");
        assert_eq!(told.ends_with(landed), said, "{told}");
        // If an earlier attempt carried out a write, the ledger does not say that this attempt carried it out.
        attempt.exchanges[0].carried_from = Some(1);
        let told = only(Event::AttemptEnded { attempt: Arc::new(attempt) });
        assert!(!told.contains(landed), "{told}");
    }
    let read = exchange("GET", Fate::Answered { status: 503 });
    let Event::AttemptEnded { attempt } = attempt(down(), Fate::NotSent) else { unreachable!() };
    let attempt = Attempt { exchanges: vec![read], ..Arc::unwrap_or_clone(attempt) };
    assert!(!only(Event::AttemptEnded { attempt: Arc::new(attempt) }).contains(landed));
}

#[test]
fn what_adapters_say_waits_for_the_end_and_state_is_never_told() {
    let judgement = Judgement::plain(Outcome::Failed, format!("because {SECRET}"));
    let mut entries = vec![
        entry(look(Some(SECRET))),
        entry(attempt(Claim::Refused(SECRET.into()), Fate::NoAnswer)),
        entry(Event::Judged { judgement: Arc::new(judgement) }),
    ];
    assert!(tell(&entries).iter().all(|line| !line.text.contains(SECRET)));
    entries.push(entry(logged_event()));
    let told = tell(&entries);
    assert!(told[2].text.starts_with("failed: because"), "{told:?}");
    assert!(told[1].text.ends_with(SECRET));
    entries[0] = entry(look(None));
    assert_eq!(tell(&entries)[0].text, "looked at idp: GET /Users/1 answered 200");
}

fn rehearsal(plan: Option<Plan>, problem: Option<&str>) -> Event {
    let rehearsal = Rehearsal {
        seed: Digest::of(b""),
        claim: Claim::Done,
        exchanges: vec![exchange("GET", Fate::Answered { status: 200 })],
        refused: vec![],
        plan,
        problem: problem.map(str::to_owned),
        started_ms: 0,
        ended_ms: 0,
    };
    Event::Rehearsed { rehearsal: Arc::new(rehearsal) }
}

fn plan(count: usize) -> Plan {
    let body = Some(json!({"displayName": SECRET}));
    let request = Rendered { body, ..fixtures::request("PUT", "/Users/1") };
    Plan { writes: vec![Planned { rule: 0, request }; count] }
}

#[test]
fn a_rehearsal_names_its_reads_and_the_planned_writes() {
    let read = "rehearsed, with idp: GET /Users/1 answered 200; no write was sent";
    assert_eq!(
        only(rehearsal(Some(plan(1)), None)),
        format!("{read}; the plan has 1 write: PUT /Users/1 to idp")
    );
    let many = only(rehearsal(Some(plan(12)), None));
    assert!(many.contains("; the plan has 12 writes: ") && many.ends_with(" and 2 more"), "{many}");
    assert_eq!(only(rehearsal(Some(plan(0)), None)), format!("{read}; the plan has no write"));
}

#[test]
fn why_there_is_no_plan_and_where_an_attempt_left_it_waits_for_the_end() {
    let refused = fixtures::attempt(1, Claim::Done, vec![]);
    let refused = Attempt { refused: vec![format!("differs: {SECRET}")], ..refused };
    let mut entries = vec![
        entry(rehearsal(Some(plan(1)), None)),
        entry(rehearsal(None, Some(SECRET))),
        entry(Event::AttemptEnded { attempt: Arc::new(refused) }),
    ];
    let told = tell(&entries);
    assert!(told.iter().all(|line| !line.text.contains(SECRET)), "{told:?}");
    entries.push(entry(logged_event()));
    let told = tell(&entries);
    assert!(told[1].text.ends_with(&format!("there is no plan: {SECRET}")), "{told:?}");
    assert!(told[2].text.ends_with(&format!("refused a request: differs: {SECRET}")), "{told:?}");
}

/// The adapter `declared` reports the reason for which the host refused its request, so the ledger has it once.
#[test]
fn a_refusal_that_the_adapter_reports_is_told_once() {
    let why = "denied by the plan: write 1 differs from the plan at `/a`";
    for (claim, told, count) in [
        (Claim::Refused(why.to_owned()), format!(": {why}; the host refused a request"), 1),
        (Claim::Refused(why.to_owned()), format!(": {why}; the host refused 2 requests"), 2),
        (Claim::Done, format!("done; the host refused a request: {why}"), 1),
    ] {
        let attempt = fixtures::attempt(1, claim, vec![]);
        let attempt = Attempt { refused: vec![why.to_owned(); count], ..attempt };
        let ended = entry(Event::AttemptEnded { attempt: Arc::new(attempt) });
        let lines = tell(&[entry(rehearsal(Some(plan(1)), None)), ended, entry(logged_event())]);
        assert!(lines[1].text.ends_with(&told), "{lines:?}");
        assert_eq!(lines[1].text.matches(why).count(), 1, "{lines:?}");
    }
}

/// Only a request for approval can become void. Before the first one, the reason says why people are asked.
#[test]
fn approvals_are_void_only_after_a_request() {
    let stale = || entry(Event::Stale { reason: "policy requires approval".into() });
    let ask = Ask {
        nonce: "0".into(),
        expires_ms: 5,
        pre_state: Digest::of(b""),
        plan: None,
        policy_set: Digest::of(b""),
        obligations: vec![],
    };
    let asked = entry(Event::Asked { ask: Arc::new(ask) });
    let lines = tell(&[stale(), asked, stale(), stale()]);
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let reason = "policy requires approval";
    let void = format!("the approvals so far are void: {reason}");
    assert_eq!((texts[0], texts[2], texts[3]), (reason, void.as_str(), reason));
}

/// The digest of a planned write is over the request of the plan, which contains what the adapter computed.
#[test]
fn a_planned_write_is_named_before_it_is_sent() {
    let plan = plan(1);
    let request_sha256 = Digest::of(&json::to_canonical(&plan.writes[0].request).unwrap());
    let intended = Event::WriteIntended {
        n: 1,
        epoch: Some(1),
        ordinal: 0,
        request_sha256,
        deadline_ms: 0,
        idempotency_key: None,
    };
    let told = tell(&[entry(rehearsal(Some(plan), None)), entry(intended)]);
    assert!(told[1].text.starts_with("about to send PUT /Users/1 to idp;"), "{told:?}");
}

#[test]
fn times_are_utc() {
    for (at_ms, text) in [
        (0, "1970-01-01 00:00:00Z"),
        (-1, "1969-12-31 23:59:59Z"),
        (951_782_400_000, "2000-02-29 00:00:00Z"),
        (1_709_251_199_999, "2024-02-29 23:59:59Z"),
        (4_107_542_400_000, "2100-03-01 00:00:00Z"),
    ] {
        assert_eq!(utc(at_ms), text);
        let read = Some(at_ms.div_euclid(1000) * 1000);
        assert_eq!((from_utc(text), from_utc(&text.replace(' ', "T"))), (read, read), "{text}");
    }
}

#[test]
fn a_time_that_does_not_exist_is_not_read() {
    for text in [
        "",
        "2026-02-29 00:00:00Z",
        "2026-13-01 00:00:00Z",
        "2026-00-01 00:00:00Z",
        "2026-01-00 00:00:00Z",
        "2026-01-01 24:00:00Z",
        "2026-01-01 00:60:00Z",
        "2026-01-01 00:00:00",
        "2026-01-01 00:00:00+01:00",
        "2026-1-1 0:0:0Z",
        "2026-01-01 00:00:00.5Z",
        "+026-01-01 00:00:00Z",
        "2026-01-01-01 00:00:00Z",
        "2026-01-01TT00:00:00Z",
        "99999-01-01 00:00:00Z",
    ] {
        assert_eq!(from_utc(text), None, "{text}");
    }
}

#[test]
fn a_look_that_is_repeated_is_told() {
    let started = |phase| entry(Event::ObserveStarted { phase });
    let lines = tell(&[started(Phase::Pre), started(Phase::Pre), started(Phase::Gate)]);
    let again: Vec<bool> =
        lines.iter().map(|line| line.text.contains("the look before it gave no result")).collect();
    assert_eq!(again, [false, true, false]);
}
