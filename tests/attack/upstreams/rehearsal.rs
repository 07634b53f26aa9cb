//! Answers to the first write of a plan that try to lead its later writes elsewhere, or to put a credential into them.

use std::sync::{Arc, Mutex, PoisonError};

use deed_test_support::upstream::{Reply, Request};
use deed_tests::services::ScimServer;
use serde_json::{Value, json};

use crate::case::{Case, cases};
use crate::rehearsal::{ID, Run, Setup, Yard, refused};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "answer-does-not-fit" => does_not_fit,
        "answer-names-another" => names_another,
        "answer-is-redacted" => is_redacted,
    ]
}

/// A schema that allows all characters that an id may have.
const ANY: &str = "pattern = \"^[A-Za-z0-9._@+-]+$\"";

/// The reason for an id that cannot be a segment of a path.
const DOTS: &str = "is empty or a dot segment";

type Answer = Arc<Mutex<Reply>>;

/// An upstream that answers the first write with `answer`, and shows a thing under every id.
fn served(setup: &Setup) -> (Yard, Answer) {
    let answer = Arc::new(Mutex::new(Reply::empty(500)));
    let next = Arc::clone(&answer);
    let yard = setup.serve_with(move |request| {
        if request.is("POST", "/things") {
            return Some(next.lock().unwrap_or_else(PoisonError::into_inner).clone());
        }
        let shows = request.is("GET", "/things/") || request.is("PUT", "/things/");
        shows.then(|| Reply::json(200, json!({"by": "somebody"})))
    });
    (yard, answer)
}

/// Runs one action whose first write gets this answer.
fn run(yard: &Yard, answer: &Answer, reply: Reply) -> Run {
    *answer.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    yard.run("it")
}

/// Checks that only the first write left, and that both the outcome and the refusal of the next write say why.
fn stops(yard: &Yard, run: &Run, why: &str, variant: &str) {
    let receipt = yard.ended(run, "indeterminate", why);
    assert_eq!(run.lines(), ["POST /things"], "{variant}");
    let refused = refused(&receipt);
    assert!(refused.contains(why), "{variant}: `{refused}` does not say `{why}`");
    assert!(refused.contains("write 2"), "{variant}: `{refused}` does not name the write");
    let reads = yard.upstream.seen();
    let elsewhere = |one: &&Request| one.target.starts_with("/things/");
    assert_eq!(reads.iter().filter(elsewhere).count(), 0, "{variant}: {reads:?}");
}

fn does_not_fit() {
    let (yard, answer) = served(&Setup::declared());
    let id = |id: Value| Reply::json(201, json!({ "id": id }));
    let long = "a".repeat(21);
    for (reply, why) in [
        (id(json!(7)), "does not fit `answer.id`"),
        (id(json!("short")), "does not fit `answer.id`"),
        (id(json!(long)), "does not fit `answer.id`"),
        (id(json!("ABCDEFGHIJKLMNOPQRST")), "does not fit `answer.id`"),
        (id(Value::Null), "does not fit `answer.id`"),
        (id(json!(["real0000000000000001"])), "does not fit `answer.id`"),
        (Reply::json(201, json!({})), "has no `id`"),
        (Reply::json(201, json!({"data": {"id": "real0000000000000001"}})), "has no `id`"),
        (Reply::raw(201, "real0000000000000001"), "cannot be used"),
        (
            Reply::raw(201, r#"{"id":"real0000000000000001","id":"real0000000000000002"}"#),
            "cannot be used",
        ),
        (Reply::raw(201, ""), "has no `id`"),
    ] {
        let variant = format!("{:?}", reply.body);
        stops(&yard, &run(&yard, &answer, reply), why, &variant);
    }
    yard.unharmed();
}

fn names_another() {
    let (yard, answer) = served(&Setup::declared().with(ID, ANY));
    let id = |id: &str| Reply::json(201, json!({ "id": id }));
    for one in [".", ".."] {
        let run = run(&yard, &answer, id(one));
        stops(&yard, &run, DOTS, one);
    }
    for one in [
        "../things/admin",
        "real/../../admin",
        "%2e%2e%2fadmin",
        "real?of=admin",
        "real#admin",
        "real;admin",
        "real\\admin",
        "real\r\nx: y",
        "{answer.create.id}",
        "",
    ] {
        let run = run(&yard, &answer, id(one));
        stops(&yard, &run, "does not fit `answer.id`", one);
    }
    // An id that fits is one segment of the path, whatever characters it has.
    let run = run(&yard, &answer, id("a@b+..c"));
    let end = ["verified", "every expectation holds"];
    yard.ended_as(&run, end, ["a%40b%2B..c", "a@b+..c"]);
    assert_eq!(run.lines(), ["POST /things", "PUT /things/a%40b%2B..c", "POST /links"]);
    yard.unharmed();
}

/// The upstream sends the credential back as the id. At the end of the case, all files are searched for it.
fn is_redacted() {
    let setup = Setup::declared().with(ID, ANY);
    let yard = setup.serve_with(|request| {
        let token = request.header("authorization")?.strip_prefix("Bearer ")?.to_owned();
        let id = request.is("POST", "/things").then_some(token)?;
        Some(Reply::json(201, json!({ "id": id })))
    });
    let run = yard.run("it");
    stops(&yard, &run, "held a secret in `id`", "the write credential");
    let write = yard.upstream.writes();
    let sent = write[0].header("authorization").unwrap();
    assert!(sent.ends_with(ScimServer::WRITE_TOKEN), "the upstream knows the credential");
    yard.unharmed();
}
