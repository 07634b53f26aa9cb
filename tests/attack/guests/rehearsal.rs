//! Hostile adapters of an open contract, which show one plan and try to send another, or put into a plan what does not
//! belong there.

use deed_test_support::shared::look;
use deed_test_support::upstream::{Reply, Request};
use deed_tests::canary::Canary;
use deed_tests::guests::Guest;
use deed_tests::world::{BOB, HELPDESK};
use serde_json::{Value, json};

use crate::rehearsal::{Run, Setup, Yard, refused};

/// The writes of an honest run for the thing with this number.
fn whole(number: usize) -> [String; 3] {
    let described = format!("PUT /things/real{number:016x}");
    ["POST /things".to_owned(), described, "POST /links".to_owned()]
}

/// Checks that each of these attacks gives no plan, for a reason with this text.
fn no_plan(yard: &Yard, attacks: &[(&str, &str)]) {
    for (how, why) in attacks {
        yard.denied(&yard.run(how), why);
    }
}

pub(super) fn acts_differently_live() {
    let yard = Setup::of(Guest::ActsDifferentlyLive).serve();
    for how in ["by-the-id", "by-the-answer"] {
        let run = yard.run(how);
        let missing = "write 2 of the plan, `PUT /things/{answer.create.id}`, was not sent";
        let receipt = yard.ended(&run, "mismatch", missing);
        assert_eq!(run.lines(), ["POST /things"], "{how}");
        assert_eq!(run.view["differs_from_plan"], true, "{:#}", run.view);
        let refused = refused(&receipt);
        assert!(refused.contains("write 2 differs from the plan at `/text`"), "{refused}");
        assert!(refused.contains("cannot be rehearsed"), "{refused}");
        assert_eq!(receipt["unsent"].as_array().unwrap().len(), 2, "{receipt:#}");
    }
    let run = yard.run("by-other-means");
    yard.ended(&run, "verified", "every expectation holds");
    assert_eq!(run.lines(), whole(3));
    assert_eq!(run.view.get("differs_from_plan"), None, "{:#}", run.view);
    yard.unharmed();
}

pub(super) fn drops_the_last_write() {
    let setup = Setup::of(Guest::DropsTheLastWrite);
    let yard = setup.serve();
    let run = yard.run("it");
    let receipt = yard.ended(&run, "mismatch", "write 3 of the plan, `POST /links`, was not sent");
    assert_eq!(run.lines(), &whole(1)[..2]);
    assert_eq!(receipt["attempts"][0]["claim"], "done");
    yard.unharmed();
    let links = "request  = \"POST /links\"";
    let yard = setup.with(links, &format!("{links}\noptional = true")).serve();
    let run = yard.run("it");
    let receipt = yard.ended(&run, "verified", "every expectation holds");
    let unsent = json!([{"write": 3, "method": "POST", "path": "/links", "optional": true}]);
    assert_eq!(receipt["unsent"], unsent);
    assert_eq!(run.lines(), &whole(1)[..2]);
}

pub(super) fn reorders_writes() {
    let yard = Setup::of(Guest::ReordersWrites).serve();
    let run = yard.run("it");
    let receipt = yard.ended(&run, "mismatch", "write 2 of the plan");
    assert_eq!(run.lines(), ["POST /things"]);
    let refused = refused(&receipt);
    assert!(refused.contains("write 2 is `PUT /things/{answer.create.id}`"), "{refused}");
    assert!(refused.contains("the adapter asked for `POST /links`"), "{refused}");
    yard.unharmed();
}

pub(super) fn repeats_a_write() {
    let yard = Setup::of(Guest::RepeatsAWrite).serve();
    for (number, how, sent, outcome, why) in [
        (1, "the-first", 1, "mismatch", "write 2 is `PUT /things/{answer.create.id}`"),
        (2, "the-second", 2, "mismatch", "write 3 is `POST /links`"),
        (3, "the-last", 3, "verified", "after the last one"),
    ] {
        let run = yard.run(how);
        let receipt = yard.ended(&run, outcome, "");
        assert_eq!(run.lines(), &whole(number)[..sent], "{how}");
        let refused = refused(&receipt);
        assert!(refused.contains(why), "{how}: `{refused}` does not say `{why}`");
    }
    yard.unharmed();
}

pub(super) fn spends_a_token() {
    let yard = Setup::of(Guest::SpendsAToken).serve();
    let attacks = [
        ("in-a-part", "at `/text`, which is not a place for `answer.create.id`"),
        ("inside-a-part", "at `/text`, which is not a place for `answer.create.id`"),
        ("in-the-last-write", "at `/note`, which is not a place for `answer.create.id`"),
        ("in-a-fixed-place", "at `/kind`, which is not a place for `answer.create.id`"),
        ("as-a-name", "`PUT /things/{answer.create.id}`"),
        ("in-the-query", "contains the value of `answer.create.id`"),
        ("in-another-path", "contains the value of `answer.create.id`"),
        ("in-a-read", "contains the value of `answer.create.id`"),
    ];
    no_plan(&yard, &attacks);
    yard.unharmed();
}

pub(super) fn computes_on_a_token() {
    let yard = Setup::of(Guest::ComputesOnAToken).serve();
    for (how, place) in [
        ("in-hex", "write 2 differs at `/text`"),
        ("backwards", "write 2 differs at `/text`"),
        ("as-a-sum", "write 2 differs at `/text`"),
        ("in-halves", "write 2 differs at `/text`"),
        ("in-the-last-write", "write 3 differs at `/note`"),
    ] {
        let reason = yard.denied(&yard.run(how), place);
        let why = "the adapter computes on a value that only the answer to a write will have";
        assert!(reason.contains(why), "{how}: {reason}");
    }
    yard.unharmed();
}

/// The data that a part must not have. Each reason names the write and the place.
pub(super) fn smuggles_in_any() {
    let yard = Setup::of(Guest::SmugglesInAny).serve();
    no_plan(
        &yard,
        &[
            ("too-long", "`/text`"),
            ("huge", "`/text`"),
            ("of-another-type", "`/text`"),
            ("null", "`/text`"),
            ("too-deep", "nested deeper than 48 levels"),
            ("far-too-deep", "nested deeper than 64 levels"),
            ("beside-the-part", "the body of `PUT /things/{answer.create.id}`"),
            ("in-a-fixed-place", "`/kind`"),
            ("under-the-same-name", "the body is no strict JSON"),
            ("as-a-fraction", "the body is no strict JSON"),
            ("without-a-body", "`PUT /things/{answer.create.id}`"),
            ("as-a-list", "`PUT /things/{answer.create.id}`"),
        ],
    );
    yard.unharmed();
    let text = "text = { any = { type = \"string\", maxLength = 200 }";
    let open = "text = { any = { properties = { a = { type = \"string\" } } }";
    let yard = Setup::of(Guest::SmugglesInAny).with(text, open).serve();
    no_plan(&yard, &[("more-members", "at `/text`: it must be an object with no other members")]);
    private();
}

/// A plan is evidence, so it must not have a private value in any of the encodings that the host searches.
fn private() {
    const SECRET: &str = "nobody may plan this";
    let secret =
        "properties.secret = { type = \"string\", minLength = 8, maxLength = 60, private = true }";
    let mut yard = Setup::of(Guest::SmugglesInAny)
        .with("\"id\", \"how\"]", "\"id\", \"how\", \"secret\"]")
        .with("properties.how", &format!("{secret}\nproperties.how"))
        .with("by    = \"{action.id}\"", "by    = \"{action.id}\"\nsecret = \"{secret}\"")
        .serve();
    yard.world.canaries.push(Canary::private("a private parameter", SECRET.as_bytes()));
    for how in ["private", "private-in-hex", "private-in-base", "private-as-a-name"] {
        let run = yard.run_with(how, &json!({ "secret": SECRET }));
        yard.denied(&run, "private");
    }
    yard.unharmed();
}

/// Answers `GET /kit` with another number at each read.
fn counting() -> impl FnMut(&Request) -> Option<Reply> + Send + 'static {
    let mut count = 0;
    move |request| {
        request.is("GET", "/kit").then(|| {
            count += 1;
            Reply::json(200, json!({ "number": count }))
        })
    }
}

pub(super) fn plans_differ() {
    let yard = Setup::of(Guest::PlansDiffer).asking().serve_with(counting());
    let id = yard.waiting("it");
    for _ in 0..2 {
        let (done, said) = yard.world.approve(&id, "bob", BOB).unwrap();
        assert!(!done, "{said}");
        let view = yard.world.settled(&id).unwrap();
        assert_eq!(view["status"], "waiting", "{view:#}");
        let stale = view["stale"].as_array().unwrap().last().unwrap().as_str().unwrap();
        assert!(stale.contains("the plan changed after it was shown to the approver"), "{stale}");
        assert!(stale.contains("write 2 differs at `/text`"), "{stale}");
    }
    assert!(yard.world.answer("deny", &id, "bob", BOB).unwrap().0);
    let run = yard.end(&id, 0);
    yard.ended(&run, "denied", "");
    assert_eq!(run.lines(), Vec::<&str>::new());
    yard.unharmed();
    same_in_the_attempt();
}

/// Nobody is waited for, so there is one rehearsal. The attempt gets the number that the rehearsal got.
fn same_in_the_attempt() {
    let yard = Setup::of(Guest::PlansDiffer).serve_with(counting());
    let run = yard.run("it");
    yard.ended(&run, "verified", "every expectation holds");
    assert_eq!(run.lines(), whole(1));
    assert_eq!(run.sent[1].1["text"], "text 1");
    let seen = yard.upstream.seen();
    assert_eq!(seen.iter().filter(|one| one.is("GET", "/kit")).count(), 1);
}

/// Rules with more requests in all than a plan may have writes, or a run may have requests.
fn many(method: &str, rules: usize) -> String {
    let body = |n: usize| match method {
        "GET" => String::new(),
        _ => format!(
            "optional = true\n\
             body     = {{ note = {{ any = {{ type = \"string\", maxLength = 100000 }}, name = \"many-{n}\" }} }}\n"
        ),
    };
    let rule = |n: usize| {
        let body = body(n);
        format!(
            "[[perform.http]]\nupstream = \"yard\"\nrequest  = \"{method} /many/{n}\"\ncalls    = 64\n{body}\n"
        )
    };
    (0..rules).map(rule).collect()
}

pub(super) fn plans_without_end() {
    let end = "# What the other writes do";
    let within = |timeout: &str| {
        let limit = format!("timeout = \"{timeout}\"");
        Setup::of(Guest::PlansWithoutEnd).with("timeout = \"20s\"", &limit)
    };
    let writes = format!("{}{end}", many("POST", 5));
    let yard = within("60s").with(end, &writes).serve();
    no_plan(&yard, &[("writes", "at most 256 writes"), ("bytes", "2 MiB")]);
    let reads = format!("{}{end}", many("GET", 6));
    let yard = within("60s").with(end, &reads).serve();
    no_plan(&yard, &[("reads", "320 exchanges at most")]);
    let yard = within("2s").serve();
    let late = "did not end within 2000 ms";
    no_plan(&yard, &[("spins-at-once", late), ("spins-after-its-plan", late)]);
    yard.unharmed();
}

/// Lets the guest compute any number of values.
fn unbounded(guest: Guest, items: &str) -> Setup {
    let part = |length: usize| format!("any = {{ type = \"string\", maxLength = {length} }}");
    let text = format!("text = {{ {}", part(200));
    let list = format!("text = {{ any = {{ type = \"array\", items = {{ {items} }} }}");
    Setup::of(guest).with(&text, &list)
}

pub(super) fn plans_with_many_values() {
    let guest = Guest::PlansWithManyValues;
    let yard = unbounded(guest, "type = \"integer\"").serve();
    let many = "the body of a request has more than 20000 values";
    let attacks = ["items", "lists", "deep-lists", "just-too-many"].map(|how| (how, many));
    no_plan(&yard, &attacks);
    yard.unharmed();
    // Each write has fewer values than one body may have.
    let yard = unbounded(guest, "type = \"decimal\"")
        .with(
            "note  = { any = { type = \"string\", maxLength = 200 }",
            "note  = { any = { type = \"array\", items = { type = \"decimal\" } }",
        )
        .serve();
    no_plan(&yard, &[("in-all-writes", "at most 20000 values")]);
    let yard = unbounded(guest, "type = \"decimal\"").serve();
    let run = yard.run("decimals");
    yard.ended(&run, "verified", "every expectation holds");
    assert_eq!(run.sent[1].1["text"].as_array().unwrap().len(), 9_000);
    let long = "type = \"string\", maxLength = 2000000";
    let yard = Setup::of(guest).with("type = \"string\", maxLength = 200", long).serve();
    no_plan(&yard, &[("long-text", "at most 2 MiB")]);
    yard.unharmed();
}

/// What the guest reads. It is valid as a path, a method and a name.
const READ: &str = "QUOTED-STATE-5b1e";

pub(super) fn quotes_state_to_its_agent() {
    let reading = |request: &Request| {
        request.is("GET", "/kit").then(|| Reply::json(200, json!({"number": 1, "note": READ})))
    };
    let yard = Setup::of(Guest::QuotesStateToItsAgent).serve_with(reading);
    for (how, why) in [
        ("refused", "the adapter reports that the upstream refused"),
        ("unavailable", "the adapter reports that the upstream could not be read"),
        ("unknown", "the adapter reports that the upstream could not be read"),
        ("invalid", "the adapter cannot serve this action"),
        ("panic", "the adapter was stopped"),
        ("path", "a `PUT` request to `yard`"),
        ("query", "a `PUT` request to `yard`"),
        ("method", "a request to `yard`"),
        ("upstream", "a `PUT` request to another upstream"),
        ("header", "a request has a header that is not the adapter's to set"),
        ("value", "at `/text`: it must be a string with at most 200 characters"),
        ("name", "at `/text`: it must be a string with at most 200 characters"),
        ("name-of-a-token", "has the value of an answer at `/text`"),
        ("fixed-value", "differs from its rule at `/kind`"),
        ("beside-the-part", "differs from its rule"),
        ("repeated-name", "the body is no strict JSON"),
        ("no-json", "the body is no strict JSON"),
        ("twice", "was sent as often as one run may"),
    ] {
        let run = yard.run(how);
        yard.denied(&run, why);
        agent_sees_nothing(&yard, how, &run);
        // People find it in the evidence, unless the refusal says only where the body is wrong.
        let rehearsal = look(&yard.world, &run.view, "rehearsal");
        let told = format!("{}{}", rehearsal["claim"], rehearsal["refused"]);
        let is_place = ["fixed-value", "no-json", "twice"].contains(&how);
        assert_eq!(told.contains(READ), !is_place, "{how}: {told}");
    }
    yard.unharmed();
}

/// Checks the action, its events and its bundle, as the agent gets them.
fn agent_sees_nothing(yard: &Yard, how: &str, run: &Run) {
    let client = yard.world.client(HELPDESK);
    let action = format!("/v1/actions/{}", run.view["id"].as_str().unwrap());
    let view = client.get(&action).unwrap().json().to_string();
    assert!(view.contains("the rehearsal gave no plan") && !view.contains(READ), "{how}: {view}");
    let copy = client.get(&format!("{action}/bundle")).unwrap().bytes;
    for (part, bytes) in deed_record::bundle::read(&copy).unwrap() {
        assert!(!String::from_utf8_lossy(&bytes).contains(READ), "{how}: {part}");
    }
}

pub(super) fn writes_in_rehearsal_what_policy_forbids() {
    let forbids = r#"
@id("yard-forbids-a-title")
forbid (principal, action == Deed::Action::"yard.build", resource)
when { context has plan.any.title && context.plan.any.title == "forbidden" };
"#;
    let guest = Guest::WritesInRehearsalWhatPolicyForbids;
    let yard = Setup::of(guest).asking().under(forbids).serve();
    let run = yard.run("in-the-plan");
    let receipt = yard.ended(&run, "denied", "forbidden by `yard-forbids-a-title`");
    assert_eq!(receipt["attempts"], Value::Array(vec![]));
    Yard::nothing_was_sent(&run);
    let run = yard.run("beside-the-plan");
    yard.denied(&run, "none of this run's requests");
    assert!(yard.upstream.writes().is_empty());
    yard.unharmed();
}
