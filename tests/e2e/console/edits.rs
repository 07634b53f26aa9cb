//! The form that changes a waiting action: what it has, what becomes of what a person types, and whom it refuses. The
//! tests of `edits` have what becomes of the two actions.

use std::path::Path;

use deed_test_support::shared::{ended, is_active, locked_out, scim, user};
use deed_tests::browser::{Browser, FORM, FORM_TOKEN, Page, encoded};
use deed_tests::private;
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, World, edit};
use serde_json::{Value, json};

use super::{browser, page, section};

const RESTORE: &str = "idp.restore_access";
const INTENT: &str = "the ticket names <b>another</b> user";

/// A parameter of each type, besides the user.
fn more(dir: &Path) -> Result<()> {
    let more = "properties.count = { type = \"integer\", minimum = 1, maximum = 9 }\n\
        properties.note = { type = \"string\", maxLength = 4000 }\n\
        properties.plan = { type = \"string\", enum = [\"basic\", \"pro\"] }\n\
        properties.tags = { type = \"array\", items = { type = \"string\" } }\n\
        properties.urgent = { type = \"boolean\" }\n\n[state.user]";
    edit(dir, "contracts/restore_access.toml", "\n[state.user]", more)
}

fn params(user: &str) -> Value {
    json!({
        "user_id": user, "count": 3, "note": "line one\nline <two>", "plan": "basic", "tags": ["a", "<b>"],
    })
}

/// The fields as a browser sends them when nothing was changed.
fn unchanged(user: &str) -> Vec<(&'static str, String)> {
    [
        ("param.count", "3"),
        ("param.note", "line one\r\nline <two>"),
        ("param.plan", "\"basic\""),
        ("param.tags", "[\r\n  \"a\",\r\n  \"<b>\"\r\n]"),
        ("param.urgent", ""),
        ("param.user_id", user),
        ("intent", INTENT),
        ("sources", "ticket:4712"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// The same fields with other values.
fn with(user: &str, changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut fields = unchanged(user);
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((*name, (*value).to_owned()));
    }
    fields
}

fn waiting(world: &World, params: &Value) -> String {
    let mut proposal = World::proposal(RESTORE, "");
    proposal["params"] = params.clone();
    let answer = world.propose(&proposal).unwrap();
    assert_eq!(answer.text("/status"), "waiting", "{}", answer.json());
    answer.text("/id")
}

fn place(id: &str) -> String {
    format!("/actions/{id}/edit")
}

/// Sends the form with these fields.
fn send(browser: &mut Browser, id: &str, fields: &[(&'static str, String)]) -> Page {
    let token = browser.get("/").unwrap().form_token().unwrap().to_owned();
    let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
    let all: Vec<(&str, &str)> = [(FORM_TOKEN, token.as_str())].into_iter().chain(fields).collect();
    browser.post(&place(id), &all).unwrap()
}

/// The id of the action to whose page an answer leads.
fn new_id(answer: &Page) -> String {
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.header("location").unwrap().strip_prefix("/actions/").unwrap().to_owned()
}

#[test]
fn a_person_changes_an_action_on_the_page_and_another_one_approves_it() {
    let world = World::with(scim(), "scim", more).unwrap();
    let (wrong, right) = (locked_out(), locked_out());
    let old = waiting(&world, &params(&wrong));
    let mut bob = browser(&world, "bob", BOB);
    let link = format!("<a href=\"{}\">Change and propose again</a>", place(&old));
    assert!(page(&mut bob, &format!("/actions/{old}")).html.contains(&link));
    let form = page(&mut bob, &place(&old));
    for wanted in [
        format!("name=\"param.user_id\" type=\"text\" value=\"{wrong}\""),
        "name=\"param.count\" type=\"text\" value=\"3\" inputmode=\"numeric\"".to_owned(),
        ">\nline one\nline &lt;two&gt;</textarea>".to_owned(),
        "<option value=\"&quot;basic&quot;\" selected>basic</option>".to_owned(),
        "<option value=\"\">(left out)</option>".to_owned(),
        ">\n[\n  &quot;a&quot;,\n  &quot;&lt;b&gt;&quot;\n]</textarea>".to_owned(),
    ] {
        assert!(form.html.contains(&wanted), "{wanted}: {form:?}");
    }
    let quoted = section(&form, "from-agent");
    assert!(quoted.contains("the user is locked out and has shown who they are"), "{quoted}");
    assert!(!form.html.contains("<script"), "{form:?}");
    // What was not changed is no changed version.
    let same = send(&mut bob, &old, &unchanged(&wrong));
    assert_eq!(same.status, 409, "{same:?}");
    assert!(same.text().contains("are those of the waiting action"), "{same:?}");
    let changes = [("param.urgent", "true"), ("param.count", " 4 "), ("param.note", "")];
    let new = new_id(&send(&mut bob, &old, &with(&right, &changes)));
    let view = world.show(&new).unwrap();
    let params = json!({"user_id": right, "count": 4, "plan": "basic", "tags": ["a", "<b>"], "urgent": true});
    assert_eq!((&view["status"], &view["params"]), (&json!("waiting"), &params), "{view:#}");
    assert_eq!((&view["intent"], &view["edit"]["edited_by"]), (&json!(INTENT), &json!(["bob"])));
    let sources = json!([{"uri": "ticket:4712"}, {"uri": format!("deed:{old}")}]);
    assert_eq!(view["sources"], sources);
    ended(&world, &world.settled(&old).unwrap(), "denied", "replaced by");
    lead_to_each_other(&mut bob, &old, &new);
    let (done, said) = world.approve(&new, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&new).unwrap(), "verified", "every expectation holds");
    assert!(is_active(&right) && !is_active(&wrong));
}

/// Checks the pages of both actions for their editor.
fn lead_to_each_other(bob: &mut Browser, old: &str, new: &str) {
    let before = page(bob, &format!("/actions/{old}"));
    let link = format!("<a href=\"/actions/{new}\"><bdi>{new}</bdi></a>");
    assert!(before.html.contains(&format!("<dt>Replaced by</dt><dd>{link}")), "{before:?}");
    assert!(before.html.contains(&format!("Reason: <bdi>replaced by </bdi>{link}")), "{before:?}");
    assert!(section(&before, "ledger").contains(&link), "{before:?}");
    let after = page(bob, &format!("/actions/{new}"));
    let link = format!("<a href=\"/actions/{old}\"><bdi>{old}</bdi></a>");
    assert!(after.html.contains(&format!("<dt>In place of</dt><dd>{link}")), "{after:?}");
    let source = format!("<a href=\"/actions/{old}\"><bdi>deed:{old}</bdi></a>");
    assert!(section(&after, "from-agent").contains(&source), "{after:?}");
    let answer = section(&after, "answer");
    assert!(answer.contains("`bob` edited this action"), "{answer}");
    assert!(
        answer.contains("Because your answer would not count, you cannot change the action"),
        "{answer}"
    );
}

#[test]
fn what_is_refused_is_shown_again_beside_its_field() {
    let world = World::with(scim(), "scim", more).unwrap();
    let user = locked_out();
    // If no parameter were changed, that alone would be refused.
    let (id, other) = (waiting(&world, &params(&user)), locked_out());
    let mut bob = browser(&world, "bob", BOB);
    let (long, many) = ("x".repeat(5_000), "ticket:1\n".repeat(32));
    for (change, field, reason) in [
        (("param.count", "many"), "param-0", "`\"many\"` is not an integer"),
        (("param.count", "10"), "param-0", "is above 9"),
        (("param.count", "9007199254740993"), "param-0", "is not an integer"),
        (("param.plan", "\"gold\""), "param-2", "is none of"),
        (("param.plan", "gold"), "param-2", "not one of those to choose from"),
        (("param.tags", "[\"a\""), "param-3", "the text is not JSON: line 1"),
        (("param.tags", "[\"a\", 1]"), "param-3", "at /1: `1` is not a string"),
        (("param.urgent", "yes"), "param-4", "not one of those to choose from"),
        (("param.user_id", "\"><b>"), "param-5", "does not match the pattern"),
        (("intent", " \n "), "intent", "describe what the action is for"),
        (("intent", long.as_str()), "intent", "is longer than 4096 bytes"),
        (("sources", many.as_str()), "sources", "has more than 32 sources"),
    ] {
        let refused = send(&mut bob, &id, &with(&other, &[change]));
        assert_eq!(refused.status, 422, "{change:?}: {refused:?}");
        let (html, text) = (&refused.html, refused.text());
        assert!(
            html.contains("role=\"alert\"") && text.contains(reason),
            "{change:?}: {refused:?}"
        );
        let described =
            format!("aria-describedby=\"{field}-note {field}-error\" aria-invalid=\"true\"");
        assert!(html.contains(&described), "{change:?}: {refused:?}");
        assert!(html.contains(&format!("<a href=\"#{field}\">")), "{change:?}: {refused:?}");
        assert_eq!(html.matches("aria-invalid=\"true\"").count(), 1, "{change:?}: {refused:?}");
        assert!(!html.contains("<b>"), "{change:?}: {refused:?}");
        let typed = change.1.replace('"', "&quot;").replace('>', "&gt;").replace('<', "&lt;");
        let is_choice = ["param.plan", "param.urgent"].contains(&change.0);
        assert!(is_choice || html.contains(&typed), "what was typed is kept: {refused:?}");
    }
    let undeclared = send(&mut bob, &id, &with(&user, &[("param.colour", "red")]));
    assert_eq!(undeclared.status, 422, "{undeclared:?}");
    let said = "/params/colour: is not declared by the contract";
    assert!(undeclared.text().contains(said), "{undeclared:?}");
    let mut absent = unchanged(&user);
    absent.retain(|(name, _)| *name != "param.user_id");
    let absent = send(&mut bob, &id, &absent);
    assert_eq!(absent.status, 422, "{absent:?}");
    assert!(absent.text().contains("is required but absent"), "{absent:?}");
    // The API refuses the same draft alike.
    let body = json!({"params": {"user_id": user, "count": "many"}, "intent": "x", "sources": [{"uri": "ticket:4712"}]});
    let api = world.client(BOB).post(&format!("/v1/actions/{id}/draft"), &body).unwrap();
    assert_eq!((api.status, api.text("/errors/0/pointer").as_str()), (422, "/params/count"));
    let all = world.client(BOB).get("/v1/actions").unwrap().json();
    assert_eq!(all["actions"].as_array().unwrap().len(), 1, "{all:#}");
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
}

#[test]
fn what_is_no_form_of_the_page_is_refused() {
    let world = World::with(scim(), "scim", more).unwrap();
    let id = waiting(&world, &params(&locked_out()));
    let mut bob = browser(&world, "bob", BOB);
    let token = page(&mut bob, &place(&id)).form_token().unwrap().to_owned();
    let origin = format!("Origin: {}", world.url());
    let mut status = |kind: &str, body: &str| {
        bob.send("POST", &place(&id), &[origin.as_str(), kind], body).unwrap().status
    };
    let form = |name: &str, values: &[&str]| {
        let fields = values.iter().map(|value| (name, *value));
        encoded(&[(FORM_TOKEN, token.as_str())].into_iter().chain(fields).collect::<Vec<_>>())
    };
    assert_eq!(status(FORM, &form("colour", &["red"])), 400);
    assert_eq!(status(FORM, &form("intent", &["a", "b"])), 400);
    assert_eq!(status(FORM, &form("param.note", &["a", "b"])), 400);
    assert_eq!(status(FORM, &form("param.note", &["x".repeat(70_000).as_str()])), 413);
    // Each field is short enough, and the form is a little too long.
    let parts: Vec<String> = (0..5).map(|n| format!("param.p{n}={}", "x".repeat(52_500))).collect();
    assert_eq!(status(FORM, &parts.join("&")), 413);
    assert_eq!(status(FORM, &"param.a=1&".repeat(2_000)), 400);
    assert_eq!(status("Content-Type: application/json", "{}"), 415);
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
}

#[test]
fn a_person_who_may_not_change_an_action_is_told_why() {
    let world = World::with(scim(), "scim", |dir| {
        let person = |name: &str| format!("[tenant.acme.agent.helpdesk]\nperson = \"{name}\"");
        edit(dir, "deed.toml", &person("alice"), &person("bob"))
    });
    let (world, user) = (world.unwrap(), locked_out());
    let id = waiting(&world, &json!({ "user_id": user }));
    let (mut bob, mut carol) = (browser(&world, "bob", BOB), browser(&world, "carol", CAROL));
    let why =
        "You cannot change this action and propose it again: `bob` is responsible for the agent";
    let sent = [("param.user_id", locked_out()), ("intent", "mine".to_owned())];
    let (shown, refused) = (page(&mut bob, &place(&id)), send(&mut bob, &id, &sent));
    assert_eq!(refused.status, 409, "{refused:?}");
    for one in [&shown, &refused] {
        assert!(one.text().contains(why) && !one.html.contains("param.user_id"), "{one:?}");
    }
    let action = page(&mut bob, &format!("/actions/{id}"));
    assert!(!action.html.contains(&place(&id)), "{action:?}");
    assert!(
        action.text().contains("Because your answer would not count, you cannot change the action")
    );
    assert!(page(&mut carol, &format!("/actions/{id}")).html.contains(&place(&id)));
    // A script with the token of a person can read the page, and has no form.
    let line = format!("Authorization: Bearer {CAROL}");
    let read = Browser::new(world.url()).send("GET", &place(&id), &[&line], "").unwrap();
    assert_eq!((read.status, read.form_token()), (200, None), "{read:?}");
    let nobody = Browser::new(world.url()).get(&place(&id)).unwrap();
    let to = format!("/sign-in?next=%2Factions%2F{id}%2Fedit");
    assert_eq!((nobody.status, nobody.header("location")), (303, Some(to.as_str())));
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
    assert!(!is_active(&user));
}

#[test]
fn who_has_approved_an_action_cannot_change_it() {
    let two = |dir: &Path| edit(dir, "policies/starter.cedar", "approve:1:", "approve:2:");
    let world = World::with(scim(), "scim", two).unwrap();
    let id = waiting(&world, &json!({"user_id": locked_out()}));
    assert!(world.approve(&id, "bob", BOB).unwrap().0);
    let mut bob = browser(&world, "bob", BOB);
    let action = page(&mut bob, &format!("/actions/{id}"));
    let why = "`bob` has approved this action, or another person has for `bob`";
    assert!(section(&action, "answer").contains(why), "{action:?}");
    assert!(!action.html.contains(&place(&id)), "{action:?}");
    let sent = [("param.user_id", locked_out()), ("intent", "late".to_owned())];
    let refused = send(&mut bob, &id, &sent);
    assert!(refused.status == 409 && refused.text().contains(why), "{refused:?}");
    assert_eq!(world.show(&id).unwrap()["status"], "waiting");
}

#[test]
fn an_action_that_ended_meanwhile_is_not_changed() {
    let world = World::start(scim()).unwrap();
    let id = waiting(&world, &json!({"user_id": locked_out()}));
    let mut bob = browser(&world, "bob", BOB);
    assert!(page(&mut bob, &place(&id)).html.contains("param.user_id"));
    assert!(world.answer("deny", &id, "carol", CAROL).unwrap().0);
    world.settled(&id).unwrap();
    let sent = [("param.user_id", locked_out()), ("intent", "late".to_owned())];
    let refused = send(&mut bob, &id, &sent);
    assert_eq!(refused.status, 409, "{refused:?}");
    let alert = refused.html.split("role=\"alert\"").nth(1).unwrap();
    assert!(alert.contains("no approval is requested for this action now"), "{refused:?}");
    assert!(refused.html.contains(&format!("href=\"/actions/{id}\"")), "{refused:?}");
    assert!(!page(&mut bob, &place(&id)).html.contains("param.user_id"));
}

#[test]
fn a_changed_version_that_ends_at_once_leaves_the_action_as_it_was() {
    let world = World::start(scim()).unwrap();
    let (locked, active) = (locked_out(), user("not-locked-out", Some(true)));
    let old = waiting(&world, &json!({ "user_id": locked }));
    let mut bob = browser(&world, "bob", BOB);
    let sent = [("param.user_id", active), ("intent", "another one".to_owned())];
    let sent = [&sent[..], &[("sources", "ticket:4712".to_owned())]].concat();
    let new = new_id(&send(&mut bob, &old, &sent));
    let status = world.settled(&new).unwrap()["status"].clone();
    assert!(status == "denied" || status == "failed", "{status}");
    assert_eq!(world.show(&old).unwrap()["status"], "waiting");
    assert!(page(&mut bob, &format!("/actions/{old}")).html.contains(&place(&old)));
}

#[test]
fn a_private_value_is_in_no_field_and_is_kept() {
    let (kept, other) = ("to be seen by a lead first", "to be seen by nobody else");
    let world = private::world(scim(), &[kept, other], |_| Ok(())).unwrap();
    let (first, second) = (user("private", Some(false)), user("private", Some(false)));
    let proposed = world.propose(&private::proposal(&first, kept, "honestly")).unwrap();
    let old = proposed.text("/id");
    let mut bob = browser(&world, "bob", BOB);
    let form = page(&mut bob, &place(&old));
    assert!(form.text().contains("Leave the field empty to keep the present value"), "{form:?}");
    assert!(!form.html.contains(kept) && !form.html.contains("hmac-sha256"), "{form:?}");
    let fields = |note: &str, intent: &str| {
        [
            ("param.how", "\"honestly\"".to_owned()),
            ("param.user_id", second.clone()),
            ("param.note", note.to_owned()),
            ("intent", intent.to_owned()),
        ]
    };
    let refused = send(&mut bob, &old, &fields(other, " "));
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(!refused.html.contains(kept) && !refused.html.contains(other), "{refused:?}");
    let new = new_id(&send(&mut bob, &old, &fields("", "the other account")));
    let (done, said) = world.approve(&new, "carol", CAROL).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&new).unwrap(), "verified", "every expectation holds");
    assert_eq!(scim().get_user(&second).unwrap()["title"], kept);
    assert_ne!(scim().get_user(&first).unwrap()["title"], kept);
}
