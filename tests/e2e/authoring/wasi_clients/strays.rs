//! The templates with code that sends requests beyond the contract, or fails. The contract is that of the template, and
//! the server is one of the test.

use std::fs;

use deed_test_support::shared::ended;
use deed_tests::authored;
use deed_tests::home::Home;

use super::project;
use crate::authoring::adapters::acts::{close, desk, served};
use crate::authoring::adapters::has_toolchains;

const JAVASCRIPT: &str = include_str!("strays.js");
const PYTHON: &str = include_str!("strays.py");

/// What each request beyond the contract is refused for.
const REFUSED: [&str; 5] = [
    "`GET /latest/meta-data` to `169.254.169.254`",
    "`GET /tickets/7/history` to `desk`",
    "`DELETE /tickets/7` to `desk`",
    "differs from the rendered one at `/status`",
    "header `authorization` is not the adapter's to set",
];

/// The number of the line that reads a member of nothing.
fn failing_line(source: &str) -> usize {
    source.lines().position(|line| line.contains("return nothing.status")).unwrap() + 1
}

/// Ticket 7 is closed after requests that are refused, and ticket 8 makes the adapter fail at this place.
fn strays(project: &Home, refused_as: &str, place: &str, message: &str) {
    let built = authored::build(&project.dir, &[]).unwrap();
    let desk = desk();
    let world = served(&project.dir.join("tickets.toml"), &built, &desk, "wasi = true");

    let receipt = ended(&world, &close(&world, 7), "verified", "every expectation holds");
    let refused = receipt["attempts"][0]["refused"].as_array().unwrap();
    assert_eq!(refused.len(), REFUSED.len(), "{refused:#?}");
    for (reason, part) in refused.iter().zip(REFUSED) {
        assert!(reason.as_str().unwrap().contains(part), "no `{part}` in {reason}");
    }
    let seen = desk.seen();
    let written = desk.writes();
    assert!(seen.iter().all(|one| one.target == "/tickets/7"), "{seen:#?}");
    assert!(seen.iter().all(|one| one.header("authorization") != Some("Bearer own")), "{seen:#?}");
    assert_eq!(written.len(), 1, "{written:#?}");
    assert_eq!(written[0].body, "{\"status\":\"closed\"}");
    let log = world.host.as_ref().unwrap().log();
    assert_eq!(log.matches(&format!("adapter: refused as {refused_as}")).count(), 5, "{log}");
    assert!(log.contains("adapter: the end of standard error"), "{log}");
    assert!(!log.contains("adapter: answered"), "{log}");

    let view = close(&world, 8);
    ended(&world, &view, "failed", "no write was sent");
    for told in [view["ledger"].to_string(), world.host.as_ref().unwrap().log()] {
        assert!(told.contains("panicked at ") && told.contains(place), "no {place} in {told}");
        assert!(told.contains(message), "{told}");
    }
    assert_eq!(desk.writes().len(), 1);
}

#[test]
#[ignore = "compiles SpiderMonkey; run `make authoring`"]
fn requests_of_fetch_beyond_the_contract_are_refused_and_exceptions_have_their_place() {
    if !has_toolchains("refusals of `fetch`") {
        return;
    }
    let project = project("tickets", "js");
    let file = |name: &str| project.dir.join("src").join(name);
    fs::rename(file("adapter.js"), file("own.js")).unwrap();
    fs::write(file("adapter.js"), JAVASCRIPT).unwrap();
    let place = format!("src/adapter.js:{}:", failing_line(JAVASCRIPT));
    strays(&project, "TypeError", &place, "TypeError: ");
}

#[test]
#[ignore = "compiles CPython; run `make authoring`"]
fn requests_of_urllib_beyond_the_contract_are_refused_and_exceptions_have_their_place() {
    if !has_toolchains("refusals of `urllib.request`") {
        return;
    }
    let project = project("tickets", "python");
    fs::rename(project.dir.join("app.py"), project.dir.join("own.py")).unwrap();
    fs::write(project.dir.join("app.py"), PYTHON).unwrap();
    let place = format!("app.py:{}:", failing_line(PYTHON));
    strays(&project, "URLError", &place, "AttributeError: ");
}
