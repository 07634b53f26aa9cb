//! Tests how long a plan stays in force, and which planned write an interrupted attempt sent.

use std::sync::Arc;

use deed_spec::json;
use serde_json::json;

use super::sequence::{asked, cleared, decided, look, proposed, rehearsed};
use super::*;
use crate::action::id::ActionId;
use crate::contract::template::Rule;
use crate::contract::template::text::Origins;
use crate::exchange::Rendered;
use crate::exchange::claim::Claim;
use crate::fixtures::envelope;
use crate::plan::{Plan, Planned, Rehearsal};

const CONTRACT: &str = r#"
format = 2
[action]
name = "shop.order"
version = "1.0.0"
title = "Order"
verb = "create"
mode = "write"
effect = "observable"
resource = "shop/orders"
adapter = "declared"
[params]
[state.order]
from = "GET /orders/{answer.create.id}"
properties.id = { type = "string" }
[[observe.http]]
upstream = "shop"
request = "GET /orders/{answer.create.id}"
[[observe.http]]
upstream = "shop"
request = "GET /orders"
[[perform.http]]
upstream = "shop"
name = "create"
request = "POST /orders"
body = { by = "{action.id}" }
created = [201]
answer.id = { type = "string", pattern = "^[a-z0-9]{16}$" }
[[perform.http]]
upstream = "shop"
request = "PUT /orders/{answer.create.id}"
body = { state = "open" }
[verify]
after = ["post.order != null"]
may_change = ["/order"]
"#;

const ID: &str = "k3v9x0q7m2z8a1b5";

fn take(story: &mut Story, events: Vec<Event>) {
    for event in events {
        let name = event.name();
        story.apply(&Entry { at_ms: 100, event }).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

fn seen(phase: Phase) -> [Event; 2] {
    [Event::ObserveStarted { phase }, Event::Observed { phase, observation: Sight::shared(look()) }]
}

fn started(n: u32) -> Event {
    Event::AttemptStarted { n, epoch: n.into(), deadline_ms: 10, decision: envelope() }
}

fn observed(verdict: Verdict) -> Story {
    let mut story = Story::fold(&[proposed()]).unwrap();
    let [began, ended] = seen(Phase::Pre);
    take(&mut story, vec![decided(false, verdict), began, ended]);
    story
}

/// The rules of the contract as an action renders them.
fn rules(contract: &Contract) -> Vec<Rendered> {
    let (params, id) = (json!({}), ActionId::new(1, [0; 10]));
    let origins = Origins { params: &params, action: Some(&id), numbers: &[] };
    let render = |rule: &Rule| rule.render(&origins).unwrap();
    contract.perform.http.iter().map(render).collect()
}

#[test]
fn a_plan_belongs_to_the_state_that_was_read_last() {
    let mut story = observed(Verdict::Ask);
    assert_eq!(story.plan(), None);
    take(&mut story, vec![rehearsed(true), asked()]);
    let shown = story.rehearsal.clone();
    assert!(story.plan().is_some() && story.asked_plan == shown);
    take(&mut story, seen(Phase::Gate).into());
    assert_eq!(story.plan(), None, "the state may be another one");
    assert_eq!(story.asked_plan, shown, "people have seen this plan");
    take(&mut story, vec![rehearsed(false)]);
    assert!(story.rehearsal.is_some() && story.plan().is_none());
    take(&mut story, vec![rehearsed(true), Event::Stale { reason: "another plan".into() }]);
    assert!(story.plan().is_some() && story.asked_plan.is_none());
    assert_eq!(story.stale, ["another plan"]);
}

/// Policy may require an approval only for the state or the plan. Then no earlier answer becomes void.
#[test]
fn the_reason_for_the_first_request_for_approval_voids_nothing() {
    let mut story = observed(Verdict::Allow);
    let reason = "policy requires approval for the planned writes".to_owned();
    let gated = vec![rehearsed(true), decided(true, Verdict::Ask), Event::Stale { reason }];
    take(&mut story, gated);
    assert_eq!((story.stale.as_slice(), story.status), (&[][..], Status::Stale));
}

#[test]
fn further_attempts_keep_the_plan() {
    let mut story = observed(Verdict::Allow);
    let attempt = fixtures::attempt(1, Claim::Lost, vec![]);
    let mut events = vec![rehearsed(true), decided(true, Verdict::Allow), cleared(), started(1)];
    events.push(Event::AttemptEnded { attempt: Arc::new(attempt) });
    events.extend(seen(Phase::Post));
    events.push(Event::RetryPlanned { reason: "again".into(), not_before_ms: 5 });
    take(&mut story, events);
    assert!(story.plan().is_some());
}

#[test]
fn only_an_open_contract_needs_a_rehearsal_and_only_one_for_each_state() {
    let mut story = observed(Verdict::Allow);
    assert!(!story.needs_rehearsal(), "the contract is closed");
    let optional = Rendered { optional: true, ..fixtures::request("POST", "/Users") };
    Arc::make_mut(&mut story.bound).perform = vec![optional];
    assert!(story.needs_rehearsal());
    for is_planned in [true, false] {
        let mut story = story.clone();
        take(&mut story, vec![rehearsed(is_planned)]);
        assert!(!story.needs_rehearsal());
        take(&mut story, seen(Phase::Gate).into());
        assert!(story.needs_rehearsal());
    }
}

#[test]
fn without_a_plan_a_rule_gives_as_many_writes_as_it_allows_calls() {
    let mut story = observed(Verdict::Allow);
    let twice = Rendered { calls: 2, ..fixtures::request("POST", "/Users") };
    let rules = vec![fixtures::request("GET", "/Users"), twice.clone()];
    Arc::make_mut(&mut story.bound).perform = rules;
    assert_eq!(story.writes(contract()).unwrap(), [twice.clone(), twice]);
}

/// The plan has the path with its placeholder, and the intent has the digest of the request that was sent.
#[test]
fn a_lost_attempt_tells_which_planned_write_it_sent() {
    let contract = Contract::from_toml("c.toml", CONTRACT).unwrap();
    let rules = rules(&contract);
    let planned = |(rule, request): (u32, &Rendered)| Planned { rule, request: request.clone() };
    let Event::Rehearsed { rehearsal } = rehearsed(true) else { unreachable!() };
    let plan = Some(Plan { writes: (0..).zip(&rules).map(planned).collect() });
    let rehearsal = Arc::new(Rehearsal { plan, ..Arc::unwrap_or_clone(rehearsal) });
    let mut story = observed(Verdict::Allow);
    Arc::make_mut(&mut story.bound).perform.clone_from(&rules);
    let allowed = decided(true, Verdict::Allow);
    take(&mut story, vec![Event::Rehearsed { rehearsal }, allowed, cleared(), started(1)]);

    let paths = |story: &Story| -> Vec<String> {
        story.writes(&contract).unwrap().into_iter().map(|write| write.path).collect()
    };
    assert_eq!(paths(&story), ["/orders", "/orders/{answer.create.id}"]);
    let created = Exchange {
        request: rules[0].clone(),
        response: Some(json!({"id": ID})),
        ..fixtures::exchange("POST", "/orders", Fate::Answered { status: 201 })
    };
    let intent = |ordinal: u32, request: &Rendered| Event::WriteIntended {
        n: 1,
        epoch: Some(1),
        ordinal,
        request_sha256: Digest::of(&json::to_canonical(request).unwrap()),
        deadline_ms: 9,
        idempotency_key: None,
    };
    let ended = Event::WriteEnded { n: 1, epoch: 1, exchange: Arc::new(created) };
    take(&mut story, vec![intent(0, &rules[0]), ended]);
    let path = format!("/orders/{ID}");
    assert_eq!(paths(&story), ["/orders", &path]);

    let sent = Rendered { path: path.clone(), ..rules[1].clone() };
    take(&mut story, vec![intent(1, &sent)]);
    let lost = story.lost_attempt(&contract, 200).unwrap();
    let found: Vec<(&str, Fate)> =
        lost.exchanges.iter().map(|one| (&*one.request.path, one.fate)).collect();
    assert_eq!(found, [("/orders", Fate::Answered { status: 201 }), (&*path, Fate::NoAnswer)]);
}
