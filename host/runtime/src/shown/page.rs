//! Formats the host's view of an action as one page of text.
//!
//! All text is escaped, and text that the agent wrote is marked as unchecked.

use deed_record::exchange::{Fate, Rendered};
use deed_record::lifecycle::outcome::Check;
use deed_record::policy::{CONFIRM, Decision, Verdict};
use deed_record::timeline::{fate, utc};
use deed_spec::json::Change;
use deed_spec::text::safe;

use super::credential::of_write;
use super::text::{compact, line, pretty, row, safe_lines};
use super::{agents_plan, bodies, plan, requests, secrets, state};
use crate::api::draft::Edited;
use crate::api::view::{StaleState, View};

/// The whole page: the proposal, the decisions of policy and people, the requests, the changes, the receipt and the
/// ledger.
pub(crate) fn of(view: &View) -> String {
    let mut page = head(view);
    page += &asked(view);
    page += &wanted(view);
    page += &decided(view);
    page += &sent(view);
    page += &changed(view);
    if let Some(said) = &view.resolution {
        page += &row("resolved", &safe(&said.words()));
        page += &safe_lines(&said.reason, "  | ");
    }
    let settled = view.reconciliation.as_ref().map(|settled| ("settled", settled));
    for (title, receipt) in view.receipt.iter().map(|one| ("receipt", one)).chain(settled) {
        let place = receipt.index.map_or_else(
            || "not in the log yet".to_owned(),
            |index| format!("entry {index} of the log"),
        );
        page += &row(title, &format!("{place}, {}", receipt.payload_sha256));
    }
    page += "\nledger (UTC)\n";
    for told in &view.ledger {
        line(&mut page, format_args!("  {}  {}", utc(told.at_ms), safe(&told.text)));
    }
    page
}

/// The policy decision and the policies that led to it.
pub(crate) fn verdict(decision: &Decision) -> String {
    let word = match decision.verdict {
        Verdict::Allow => "allow",
        Verdict::Ask => "ask for approval",
        Verdict::Deny => "deny",
    };
    let because = match decision.causes().join(", ") {
        none if none.is_empty() => none,
        some => format!(", because of {}", safe(&some)),
    };
    let reason =
        decision.reason.as_ref().map(|reason| format!(": {}", safe(reason))).unwrap_or_default();
    format!("{word}{because}{reason}")
}

fn head(view: &View) -> String {
    let mut text = format!("{}  {}\n", safe(&view.id), safe(&view.status));
    if let Some(reason) = view.because() {
        text += &row("because", &safe(&reason));
    }
    if view.dry_run {
        text += &row("dry run", "no write is sent, and nobody is asked");
    }
    for one in view.waits_for() {
        text += &row("waits for", &safe(one));
    }
    if let Some(why) = &view.escalated {
        text += &row("open", &safe(why));
        let id = safe(&view.id);
        text += &row(
            "to settle it",
            &format!("deed resolve {id} applied|not-applied|retry --reason TEXT --key FILE"),
        );
    }
    if let Some(holder) = &view.held_by {
        text += &row("queues", &format!("behind {}, which holds the resource", safe(holder)));
    }
    if let Some(expires_ms) = view.expires_ms {
        text += &row("expires", &utc(expires_ms));
    }
    for one in &view.deferrals {
        let who = one.person.as_deref().unwrap_or("an approver");
        let why = one.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        text += &row("put off", &safe(&format!("by {who} until {}{why}", utc(one.until_ms))));
    }
    text
}

fn asked(view: &View) -> String {
    let mut text = row(
        "action",
        &format!(
            "{} on {} in {}",
            safe(&view.contract),
            safe(&view.resource),
            safe(&view.environment)
        ),
    );
    let agent =
        format!("agent {}, for whom {} is responsible", safe(&view.agent), safe(&view.person));
    text += &row("asked by", &agent);
    if let Some(who) = &view.on_behalf_of {
        text +=
            &row("on behalf of", &format!("{} (according to the agent or its token)", safe(who)));
    }
    if let Some(edit) = &view.edit {
        text += &edited(edit);
    }
    let author = Author::of(view.edit.is_some());
    text += &written_by(author, &view.intent, view.reasoning.as_deref());
    for source in &view.sources {
        text += &row("source", &safe(&source.uri));
    }
    text
}

/// Who changed the action, and what.
fn edited(edit: &Edited) -> String {
    let who = safe(&edit.edited_by.join(", "));
    let mut text = row(
        "edited by",
        &format!("{who}, in place of {}; the intent is theirs", safe(&edit.replaces)),
    );
    for change in &edit.params {
        text += &row("changed", &change_text(change));
    }
    if let Some(intent) = &edit.intent_before {
        text += "intent of the action that it replaces, from the agent, unchecked\n";
        text += &safe_lines(intent, "  | ");
    }
    text
}

/// Who wrote the intent of an action.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Author {
    Agent,
    /// The last person who changed the action.
    Editor,
}

impl Author {
    pub(crate) fn of(is_edited: bool) -> Self {
        if is_edited { Self::Editor } else { Self::Agent }
    }
}

/// The intent and the reasoning, which the host does not check.
pub(crate) fn written_by(author: Author, intent: &str, reasoning: Option<&str>) -> String {
    let mut text = match author {
        Author::Agent => "from the agent, unchecked\n".to_owned(),
        Author::Editor => "from the person who changed the action, unchecked\n".to_owned(),
    };
    text += &safe_lines(intent, "  | ");
    if let Some(reasoning) = reasoning {
        text += "  |\n";
        text += &safe_lines(reasoning, "  | ");
    }
    text
}

/// The maximum number of characters of a body that is shown indented. A longer body is shortened; `--json` shows the
/// whole body.
const BODY_MAX: usize = 4_000;

/// Whether any byte of a write was sent.
fn was_sent(view: &View, write: &Rendered) -> bool {
    view.calls.iter().any(|call| {
        call.phase == "perform"
            && call.fate != Fate::NotSent
            && (&call.upstream, &call.method) == (&write.upstream, &write.method)
            && write.is_filled_as(&call.path)
    })
}

/// The parameters, and the writes: those of the plan, if the reader may see it, or those that are rendered from the
/// parameters. Private parameters appear as commitments.
pub(crate) fn wanted(view: &View) -> String {
    let mut text = String::new();
    for (name, value) in view.params.as_object().into_iter().flatten() {
        text += &row("parameter", &format!("{} = {}", safe(name), compact(value)));
    }
    if let Some(rehearsal) = &view.rehearsal {
        return text + &plan::record::plan(view, rehearsal, BODY_MAX);
    }
    if view.plan.is_empty() {
        return text + &view.writes.iter().map(|write| rendered(view, write)).collect::<String>();
    }
    for (title, planned) in agents_plan::rows(view) {
        text += &row(&title, &planned);
    }
    text
}

/// A write that is rendered from the parameters.
fn rendered(view: &View, write: &Rendered) -> String {
    let name = if view.outcome.is_some() && !was_sent(view, write) { "not sent" } else { "write" };
    let (upstream, method) = (safe(&write.upstream), safe(&write.method));
    let mut text = row(name, &format!("{upstream} {method} {}", plan::path(&write.path)));
    text += &requests::headers(write, view.added_headers.get(&write.upstream), "  ");
    text += &requests::encoding(write, "  ");
    text += &of_write(view.access.get(&write.upstream), write, "  ");
    let whole = bodies::body(write, "  ");
    match &write.body {
        Some(body) if whole.chars().count() > BODY_MAX => {
            line(&mut text, format_args!("  {}", compact(body)));
        }
        _ => text += &whole,
    }
    text += &requests::from_state(write);
    text += &plan::optional(write);
    text + &requests::notes(write, &view.writes)
}

fn decided(view: &View) -> String {
    let mut text = view.decision.as_ref().map(|d| row("policy", &verdict(d))).unwrap_or_default();
    for said in &view.approvals {
        let confirms = said.role == CONFIRM;
        let word = match (said.approves, confirms) {
            (true, true) => "confirmed",
            (true, false) => "approved",
            (false, _) => "denied",
        };
        let void = if said.counts { "" } else { " (no longer counts)" };
        let how = said.passkey.as_ref();
        let how = how.map(|id| format!(", by passkey {}", safe(id))).unwrap_or_default();
        let whose = said.delegated_by.as_ref();
        let whose = whose.map(|from| format!(" for {}", safe(from))).unwrap_or_default();
        let role: &str = if confirms { "the responsible person" } else { &said.role };
        let who = format!("by {} as {}{whose}{how}{void}", safe(&said.person), safe(role));
        text += &row(word, &who);
        if let Some(reason) = &said.reason {
            text += &safe_lines(reason, "  | ");
        }
    }
    if view.stale_states.is_empty() {
        for reason in &view.stale {
            text += &row("stale", &safe(reason));
        }
    }
    text + &view.stale_states.iter().map(stale_state).collect::<String>()
}

/// Why approvals became void, and the values that changed after people were shown them.
fn stale_state(one: &StaleState) -> String {
    let mut text =
        one.reason.as_ref().map(|reason| row("stale", &safe(reason))).unwrap_or_default();
    for change in &one.changes {
        text += &row("was shown", &change_text(change));
    }
    if one.more > 0 {
        text += &row("was shown", &format!("{} more values that changed", one.more));
    }
    text
}

fn sent(view: &View) -> String {
    let mut text = String::new();
    for call in &view.calls {
        let request =
            format!("{} {} {}", safe(&call.upstream), safe(&call.method), safe(&call.path));
        text += &row(&safe(&call.phase), &format!("{request}: {}", fate(call.fate)));
    }
    text
}

fn changed(view: &View) -> String {
    let unexpected = |change: &Change| view.unexpected.contains(change);
    let mut text = String::new();
    for change in &view.changes {
        let mark = if unexpected(change) { "  (not allowed)" } else { "" };
        text += &row("changed", &format!("{}{mark}", change_text(change)));
    }
    for Check { expression, holds, problem } in &view.checks {
        let answer = if *holds { "holds" } else { "does not hold" };
        let problem =
            problem.as_ref().map(|problem| format!(" ({})", safe(problem))).unwrap_or_default();
        text += &row("expected", &format!("{}: {answer}{problem}", safe(expression)));
    }
    for (name, value) in &view.outputs {
        text += &row("output", &format!("{} = {}", safe(name), compact(value)));
    }
    text += &secrets::rows(view);
    if let Some(result) = &view.result {
        text += "result\n";
        text += &pretty(result, "  ");
    }
    text
}

/// Formats a change as its JSON pointer, the old value and the new value.
pub(crate) fn change_text(change: &Change) -> String {
    let (old, new) = old_and_new(change);
    format!("{}: {old} -> {new}", safe(&change.pointer))
}

/// The old value and the new value of a change as text.
pub(crate) fn old_and_new(change: &Change) -> (String, String) {
    let value = |value: &Option<serde_json::Value>| match value {
        Some(serde_json::Value::Null) if state::is_state(&change.pointer) => {
            "does not exist".to_owned()
        }
        Some(value) => compact(value),
        None => "nothing".to_owned(),
    };
    (value(&change.old), value(&change.new))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_says_what_is_missing_and_which_values_changed() {
        let view = |more: &serde_json::Value| -> String {
            let mut view = json!({
                "id": "act_x", "status": "waiting", "contract": "c", "resource": "r", "agent": "a", "person": "alice",
                "environment": "production", "intent": "x", "sources": [], "obligations": ["approve:2:lead"],
                "approvals": [], "stale": ["the state changed"], "calls": [], "changes": [], "unexpected": [],
                "checks": [], "proposed_ms": 0, "at_ms": 0, "ledger": []
            });
            for (name, value) in more.as_object().unwrap() {
                view[name] = value.clone();
            }
            of(&serde_json::from_value(view).unwrap())
        };
        let page = view(&json!({
            "missing": ["1 more approval by lead (1 of 2 is there)"],
            "stale_states": [{"reason": "the state changed", "shown_ms": 0, "read_ms": 1, "more": 2, "changes": [
                {"pointer": "/user/\u{1b}", "old": "a\u{202e}", "new": "b"}
            ]}]
        }));
        for wanted in [
            "waits for    1 more approval by lead (1 of 2 is there)\n",
            "stale        the state changed\nwas shown    /user/\\u{1b}: \"a\\u{202e}\" -> \"b\"\n",
            "was shown    2 more values that changed\n",
        ] {
            assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
        }
        assert!(view(&json!({})).contains("waits for    approve:2:lead\n"), "an older host");
    }

    #[test]
    fn a_page_tells_the_story_and_escapes_it() {
        let view: View = serde_json::from_value(json!({
            "id": "act_x", "status": "mismatch", "outcome": "mismatch", "reason": "`/user/title` changed, which is not allowed",
            "contract": "idp.restore_access", "resource": "idp/users/1", "agent": "helpdesk", "person": "alice",
            "environment": "production", "intent": "let \u{202e}them in", "sources": [{"uri": "https://tickets.example/1"}],
            "obligations": [], "approvals": [{"person": "bob", "role": "support-lead", "approves": true, "counts": true}],
            "held_by": "act_y\u{1b}", "escalated": "no look\u{202e}",
            "resolution": {"person": "bob", "role": "operator", "verdict": "not_applied",
            "reason": "asked\u{1b}[2K the owner\nPATCH /other", "nonce": "0", "signed_ms": 0},
            "params": {"user_id": "1", "note": "a\u{1b}"}, "writes": [{"upstream": "idp", "method": "PATCH",
            "path": "/Users/1", "body": {"title": "\u{202e}x"}, "calls": 1, "writes": true},
            {"upstream": "jobs", "method": "POST", "path": "/jobs", "calls": 1, "writes": true, "name": "start"}],
            "added_headers": {"jobs": {"x-tenant": "acme\u{1b}"}},
            "access": {"idp": {"credential": {"secret": "writer", "slot": "bearer", "token":
            {"kind": "exec", "program": "/bin/x\u{1b}"}}, "client_certificate": "tls/c.pem"}},
            "stale": [], "calls": [{"phase": "perform", "upstream": "idp", "method": "PATCH", "path": "/Users/1",
            "fate": {"answered": {"status": 204}}, "at_ms": 0}],
            "changes": [{"pointer": "/user/title", "old": "a\u{1b}", "new": null}, {"pointer": "/user/active", "new": true}],
            "unexpected": [{"pointer": "/user/title", "old": "a\u{1b}", "new": null}], "checks": [],
            "proposed_ms": 0, "at_ms": 0, "ledger": [{"at_ms": 0, "event": "proposed", "text": "asked"}]
        }))
        .unwrap();
        let page = of(&view);
        for wanted in [
            "from the agent, unchecked\n  | let \\u{202e}them in\n",
            "parameter    note = \"a\\u001b\"\n",
            "parameter    user_id = \"1\"\n",
            "write        idp PATCH /Users/1\n  with token writer: exec, by /bin/x\\u{1b}\n  \
             with the client certificate tls/c.pem\n  {\n    \"title\": \"\\u{202e}x\"\n  }\n",
            "not sent     jobs POST /jobs\n  x-tenant: acme\\u{1b} (added by the operator)\n    observations afterwards may",
            "approved     by bob as support-lead\n",
            "perform      idp PATCH /Users/1: answered 204\n",
            "changed      /user/title: \"a\\u001b\" -> null  (not allowed)\n",
            "changed      /user/active: nothing -> true\n",
            "open         no look\\u{202e}\nto settle it deed resolve act_x applied|not-applied|retry --reason",
            "queues       behind act_y\\u{1b}, which holds the resource\n",
            "resolved     bob (operator) says that it was not applied\n  | asked\\u{1b}[2K the owner\n  | PATCH /other\n",
            "  1970-01-01 00:00:00Z  asked\n",
        ] {
            assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
        }
        assert!(!page.contains(['\u{1b}', '\u{202e}']));
    }
}
