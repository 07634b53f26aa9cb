//! States that are an element of a list with several pages.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use deed_test_support::shared::{ended, look};
use deed_tests::host::expect;
use deed_tests::world::World;
use serde_json::{Value, json};

use super::upstream::{Reply, Request, Upstream};
use super::{contract, served, tried};

/// A note that is found by the parameter `id` on one of two pages.
const PAGES: &str = r#"
[state.note]
from = ["GET /notes?page=1", "GET /notes?page=2"]
only = "/items"
required = ["id", "text"]
properties.id = { type = "integer" }
properties.text = { type = "string" }
[[observe.http]]
upstream = "field"
request  = "GET /notes?page=1"
where    = { "/about" = "{id}" }
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /notes?page=2"
where    = { "/about" = "{id}" }
absent   = [404]
complete = true
control  = "GET /me"
[[observe.http]]
upstream = "field"
request  = "GET /me"
[limits]
backoff = "50ms"
"#;

const DELETE: &str = r#"
[[perform.http]]
upstream = "field"
request  = "DELETE /notes/{id}"
[verify]
before     = ["pre.note != null"]
after      = ["post.note == null"]
may_change = ["/note"]
"#;

const UPDATE: &str = r#"
[[perform.http]]
upstream = "field"
request  = "PATCH /notes/{id}"
body     = { text = "y" }
[verify]
before     = ["pre.note != null && pre.note.text == 'x'"]
after      = ["post.note != null && post.note.text == 'y'"]
may_change = ["/note/text"]
"#;

const CREATE: &str = r#"
[[perform.http]]
upstream = "field"
request  = "POST /notes"
body     = { by = "{action.id}", text = "x" }
[verify]
before     = ["pre.note == null"]
after      = ["post.note != null && post.note.text == 'x'"]
may_change = ["/note"]
"#;

fn delete() -> String {
    contract("delete", &[PAGES, DELETE].concat())
}

/// A contract that finds the note by the id of the action. No write has a status in `created`.
fn create() -> String {
    let tables = [PAGES, CREATE].concat();
    contract("create", &tables.replace("\"/about\" = \"{id}\"", "\"/by\" = \"{action.id}\""))
}

/// The note with this number.
fn note(id: usize, about: &str) -> Value {
    json!({"id": id, "text": "x", "about": about})
}

/// An upstream with these notes, in pages of two. `page` may replace the answer to a request, and gets the number of
/// notes.
fn notes(
    first: Vec<Value>,
    page: impl Fn(&Request, usize) -> Option<Reply> + Send + 'static,
) -> Upstream {
    let mut items = first;
    Upstream::start(move |request| {
        if let Some(reply) = page(request, items.len()) {
            return reply;
        }
        let is_one = |item: &Value| {
            item["about"].as_str().is_some_and(|about| request.target == format!("/notes/{about}"))
        };
        match request.method.as_str() {
            "DELETE" => items.retain(|item| !is_one(item)),
            "PATCH" => {
                let found = items.iter_mut().find(|item| is_one(item));
                found.unwrap()["text"] = request.json()["text"].clone();
            }
            "POST" => {
                let mut made = request.json();
                made["id"] = json!(items.len());
                items.push(made);
            }
            _ => {
                let skipped = if request.target.ends_with("page=2") { 2 } else { 0 };
                let shown: Vec<&Value> = items.iter().skip(skipped).take(2).collect();
                return Reply::json(200, json!({ "items": shown }));
            }
        }
        Reply::json(200, json!({}))
    })
}

fn three() -> Vec<Value> {
    vec![note(0, "b"), note(1, "c"), note(2, "a1")]
}

fn states(world: &World, view: &Value) -> [Value; 2] {
    ["pre", "post"].map(|name| look(world, view, name)["state"]["note"].clone())
}

#[test]
fn an_element_on_the_second_page_is_deleted() {
    let upstream = notes(three(), |_, _| None);
    let world = served(&upstream, &delete(), "");
    let view = tried(&world);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(states(&world, &view), [json!({"id": 2, "text": "x"}), Value::Null]);
    assert_eq!(upstream.writes().len(), 1);
}

#[test]
fn an_element_on_the_second_page_is_updated() {
    let upstream = notes(three(), |_, _| None);
    let world = served(&upstream, &contract("update", &[PAGES, UPDATE].concat()), "");
    let view = tried(&world);
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(states(&world, &view)[1], json!({"id": 2, "text": "y"}), "{receipt:#}");
}

/// There is no second page before the create.
#[test]
fn an_element_is_created_on_a_new_page() {
    let upstream = notes(vec![note(0, "b"), note(1, "c")], |request, count| {
        let beyond = request.target.ends_with("page=2") && count <= 2;
        beyond.then(|| Reply::json(404, json!({})))
    });
    let world = served(&upstream, &create(), "");
    let view = tried(&world);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(states(&world, &view), [Value::Null, json!({"id": 2, "text": "x"})]);
}

#[test]
fn an_element_is_on_the_first_page_and_there_is_no_second() {
    let upstream = notes(vec![note(0, "a1")], |request, _| {
        request.target.ends_with("page=2").then(|| Reply::json(404, json!({})))
    });
    let world = served(&upstream, &delete(), "");
    ended(&world, &tried(&world), "verified", "every expectation holds");
}

/// A page without a usable answer may have the element.
#[test]
fn nothing_is_sent_if_one_page_is_not_known() {
    for (text, page, status, why) in [
        (delete(), "page=1", 500, "has the status 500"),
        (create(), "page=1", 404, "has the status 404"),
        (create(), "page=2", 500, "has the status 500"),
        (create(), "page=2", 403, "has the status 403"),
        (create(), "page=2", 0, "there is no answer of upstream `field`"),
        (create(), "page=2", 200, "has no list at `/items`"),
    ] {
        let upstream = notes(three(), move |request, _| {
            let answer = || Reply::json(status, json!({}));
            request.target.ends_with(page).then(answer)
        });
        let world = served(&upstream, &text, "");
        ended(&world, &tried(&world), "failed", why);
        assert!(upstream.writes().is_empty(), "{page} {status}");
    }
}

#[test]
fn an_absence_on_all_pages_is_confirmed_by_the_control_request() {
    let upstream = notes(vec![note(0, "b")], |request, _| {
        (request.target == "/me").then(|| Reply::json(403, json!({})))
    });
    let world = served(&upstream, &create(), "");
    ended(&world, &tried(&world), "failed", "the absence is not confirmed");
    assert!(upstream.writes().is_empty());
}

#[test]
fn an_element_on_each_page_is_not_a_state() {
    let upstream = notes(vec![note(0, "a1"), note(1, "b"), note(2, "a1")], |_, _| None);
    let world = served(&upstream, &delete(), "");
    let why = "the answers to its 2 requests together have 2 elements with the values of `where` at `/items`";
    ended(&world, &tried(&world), "failed", why);
    assert!(upstream.writes().is_empty());
}

/// The answers of a test of the contract, before and after its write.
const CASES: &str = r#"
format = 1
[[case]]
name   = "on the second page"
params = { id = "a1" }
before = [
    { request = "GET /notes?page=1", status = 200, body = { items = [{ id = 1, text = "x", about = "b" }] } },
    { request = "GET /notes?page=2", status = 200, body = { items = [{ id = 2, text = "x", about = "a1" }] } },
    { request = "GET /me", status = 200, body = {} },
]
writes = [{ request = "DELETE /notes/{id}", status = 204 }]
after  = [
    { request = "GET /notes?page=1", status = 200, body = { items = [{ id = 1, text = "x", about = "b" }] } },
    { request = "GET /notes?page=2", status = 404 },
    { request = "GET /me", status = 200, body = {} },
]
want   = "verified"
[[case]]
name   = "without an answer for the second page"
params = { id = "a1" }
before = [
    { request = "GET /notes?page=1", status = 200, body = { items = [{ id = 1, text = "x", about = "a1" }] } },
    { request = "GET /me", status = 200, body = {} },
]
want   = "failed"
reason = "was not sent"
"#;

#[test]
fn the_commands_know_pages() {
    let dir = std::env::temp_dir().join(format!("deed-pages-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let (file, cases) = (dir.join("c.toml"), dir.join("c.cases.toml"));
    fs::write(&file, delete()).unwrap();
    fs::write(&cases, CASES).unwrap();
    let (file, cases) = (file.to_str().unwrap(), cases.to_str().unwrap());
    let explained = ["contract", "explain", file, "--param", "id=a1"];
    let line = "state     note: read by the host from the pages `GET /notes?page=1`, `GET /notes?page=2`; null if";
    let said = expect(&explained).unwrap();
    assert!(said.contains(line), "{said}");
    let report: Value =
        serde_json::from_str(&expect(&[&explained[..], &["--json"]].concat()).unwrap()).unwrap();
    let from = &report["states"][0]["from"];
    assert_eq!(*from, json!(["GET /notes?page=1", "GET /notes?page=2"]));
    let tested = expect(&["contract", "test", file, "--cases", cases]).unwrap();
    assert!(tested.ends_with("2 cases, 0 differ\n"), "{tested}");
    fs::remove_dir_all(dir).unwrap();
}

/// The delete fails, and the element moves to the first page after that page was read.
#[test]
fn an_element_that_moves_to_another_page_is_not_gone() {
    let failed = AtomicBool::new(false);
    let upstream = notes(three(), move |request, _| {
        if request.method == "DELETE" {
            failed.store(true, Ordering::SeqCst);
            return Some(Reply::json(500, json!({})));
        }
        let moved = failed.load(Ordering::SeqCst) && request.target.ends_with("page=2");
        moved.then(|| Reply::json(200, json!({"items": []})))
    });
    let world = served(&upstream, &delete(), "");
    ended(&world, &tried(&world), "indeterminate", "it may have moved to another page");
}
