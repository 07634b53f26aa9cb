//! Why an action was allowed, what was sent, what changed, and how to verify it.

use deed_record::action::id::ActionId;
use deed_record::lifecycle::outcome::Check;
use deed_record::policy::{CONFIRM, Verdict};
use deed_record::timeline::fate;
use deed_spec::json::Change;
use maud::{Markup, html};

use super::super::parts::{Cells, code, facts, link, list, note, paragraph, section, table};
use super::super::place::{POLICIES, Place, VERIFY};
use super::super::text::{Block, Shown as _, Text, Time};
use super::answering::open_answers;
use super::seen::Seen;
use crate::api::view::{Call, Said, View};
use crate::shown::page::old_and_new;
use crate::shown::roles;

/// The maximum number of rows of a table.
pub(super) const ROWS: usize = 300;

/// The policy decision, with the policies by name.
pub(super) fn policy(view: &View) -> Markup {
    let Some(decision) = &view.decision else {
        return section("policy", "Policy", &paragraph(&"Policy was not asked yet."));
    };
    let verdict = match decision.verdict {
        Verdict::Allow => "allow",
        Verdict::Ask => "ask people for approval",
        Verdict::Deny => "deny",
    };
    let causes = decision.causes();
    let others = decision.determining.iter().chain(&decision.not_applied).map(String::as_str);
    let mut others: Vec<&str> = others.filter(|id| !causes.contains(id)).collect();
    others.sort_unstable();
    let named = |names: &[&str]| {
        if names.is_empty() { "none".shown() } else { Text::list(names).shown() }
    };
    let errors = decision.errors.iter().map(|error| Text::new(error));
    // The last decision is that at the gate, where the approvals count. The ledger has the earlier ones.
    let asked = view.ledger.iter().rfind(|line| line.event == "asked");
    let asked = asked.filter(|_| decision.verdict != Verdict::Ask);
    let rows = [
        ("Verdict", verdict.shown()),
        ("Earlier", asked.map(|line| Text::new(&line.text)).shown()),
        ("Because of", named(&causes)),
        ("Reason", decision.reason.as_deref().map(Text::new).shown()),
        ("Did not decide", named(&others)),
        ("Errors", html! { @for error in errors { (error) " " } }),
        ("Policy set", code(&Text::new(&decision.policy_set.to_string()))),
    ];
    let content = html! {
        (facts(&rows))
        @if decision.rests_on_private { (note(&"The decision depends on private parameters.")) }
        p { (link(&Place::with(POLICIES, &[]), &"The texts of the policies in force")) }
    };
    section("policy", "Policy", &content)
}

/// The answers of people, and those that were missing when the action expired.
pub(super) fn approvals(seen: &Seen<'_>) -> Markup {
    let cells = |said: &Said| -> Cells {
        let answer = match (said.approves, said.role.as_str()) {
            (true, CONFIRM) => "confirmed",
            (true, _) => "approved",
            (false, _) => "denied",
        };
        let counts = if said.counts { "yes" } else { "no longer" };
        vec![
            Text::new(&said.person).shown(),
            role(said),
            answer.shown(),
            counts.shown(),
            said.passkey.as_deref().map_or_else(|| "a key file".shown(), passkey),
            said.reason.as_deref().map(Text::new).shown(),
        ]
    };
    let rows: Vec<Cells> = seen.view.approvals.iter().take(ROWS).map(cells).collect();
    let heads = ["Person", "Role", "Answer", "Counts", "Signed by", "Reason"];
    let content = html! {
        @if rows.is_empty() { (paragraph(&"Nobody has answered.")) }
        @else { (table("Answers of people", &heads, &rows)) }
        (open_answers(
            "These answers were missing when the action expired. By the configuration in force now, these people could \
             have given them, each by another person. Who is responsible for the agent could confirm the action, and \
             could not approve it:",
            &seen.missed,
        ))
    };
    section("approvals", "Approvals", &content)
}

/// The role, and the person whose role it is.
fn role(said: &Said) -> Markup {
    html! {
        (Text::new(&said.role).shown())
        @if let Some(from) = &said.delegated_by { " for " (Text::new(from).shown()) }
    }
}

fn passkey(id: &str) -> Markup {
    html! { "the passkey " (code(&Text::new(id))) }
}

/// The requests to upstreams.
pub(super) fn sent(view: &View) -> Markup {
    let cells = |call: &Call| -> Cells {
        let phase = match call.phase.as_str() {
            "observe" => "read the state",
            "rehearse" => "rehearsal",
            _ => "attempt",
        };
        vec![
            Time(call.at_ms).shown(),
            phase.shown(),
            Text::new(&call.upstream).shown(),
            html! { (Text::new(&call.method)) " " (Text::new(&call.path)) },
            Text::new(&fate(call.fate)).shown(),
        ]
    };
    let rows: Vec<Cells> = view.calls.iter().take(ROWS).map(cells).collect();
    let heads = ["Time", "For", "Upstream", "Request", "Result"];
    let content = match rows.as_slice() {
        [] => paragraph(&"No request was sent."),
        rows => html! {
            (table("Requests to upstreams", &heads, rows))
            (more(view.calls.len()))
            (note(&"Reads of earlier checks are in the ledger."))
        },
    };
    section("sent", "What was sent", &content)
}

/// The changes of the state, with the values before and after.
pub(super) fn changes(view: &View) -> Markup {
    let cells = |change: &Change| -> Cells {
        let (old, new) = old_and_new(change);
        let allowed = if view.unexpected.contains(change) { "✕ no" } else { "✓ yes" };
        vec![
            code(&Text::new(&change.pointer)),
            Text::new(&old).shown(),
            Text::new(&new).shown(),
            allowed.shown(),
        ]
    };
    let rows: Vec<Cells> = view.changes.iter().take(ROWS).map(cells).collect();
    let heads = ["Value", "Before", "After", "May change"];
    let content = match rows.as_slice() {
        [] if view.status == "indeterminate" => {
            paragraph(&"The host has seen no change. A write may still have taken effect.")
        }
        [] => paragraph(&"The host recorded no change by this action."),
        rows => html! {
            (table("Changes that the host read", &heads, rows))
            (more(view.changes.len()))
        },
    };
    section("changes", "Changes", &content)
}

/// The conditions of the contract and of the agent.
pub(super) fn checks(view: &View) -> Markup {
    let cells = |check: &Check| -> Cells {
        let holds = if check.holds { "✓ holds" } else { "✕ does not hold" };
        vec![
            code(&Text::new(&check.expression)),
            holds.shown(),
            check.problem.as_deref().map(Text::new).shown(),
        ]
    };
    let rows: Vec<Cells> = view.checks.iter().take(ROWS).map(cells).collect();
    let content = match rows.as_slice() {
        [] if view.outcome.is_some() => paragraph(&"No condition was checked."),
        [] => paragraph(&"No condition was checked yet."),
        rows => html! {
            (table("Conditions", &["Condition", "Result", "Problem"], rows))
            (more(view.checks.len()))
        },
    };
    section("checks", "Checks", &content)
}

/// A remark if a table does not have all rows.
pub(super) fn more(count: usize) -> Markup {
    match count.saturating_sub(ROWS) {
        0 => Markup::default(),
        left => html! { p { (left.shown()) " more are not shown here; the record has them." } },
    }
}

/// The receipt, and how to check it without the host.
pub(super) fn receipt(seen: &Seen<'_>) -> Markup {
    let (view, url) = (seen.view, seen.to());
    let Some(receipt) = &view.receipt else {
        let content =
            paragraph(&"There is no receipt yet: the host signs it when the action ends.");
        return section("receipt", "Receipt", &content);
    };
    let id = &view.id;
    let commands =
        format!("deed bundle {id} -o {id}.deed{url}\ndeed verify {id}.deed --trust DIR\n");
    let index = receipt.index;
    let rows = [
        ("Digest", code(&Text::new(&receipt.payload_sha256.to_string()))),
        ("Key", code(&Text::new(&receipt.keyid))),
        ("Entry of the log", index.map_or_else(|| "not in the log yet".shown(), |one| one.shown())),
    ];
    let content = html! {
        (facts(&rows))
        @if let Ok(id) = id.parse::<ActionId>() {
            p { (link(&Place::bundle(&id), &"Download the bundle")) }
        }
        p {
            (link(&Place::with(VERIFY, &[]), &"Verify in the browser"))
            ", with the trust directory that the operator made. The page comes from this host. For a check that does \
             not depend on the host, use commands of your own:"
        }
        (Block::new(&commands).shown())
    };
    section("receipt", "Receipt", &content)
}

/// What an operator can say of an open outcome.
const VERDICTS: [(&str, &str); 3] = [
    ("applied", "writes took effect."),
    ("not-applied", "no write took effect. The host sends nothing again."),
    (
        "retry",
        "no write took effect, and the agent is to propose the action again, as a new action.",
    ),
];

/// How to resolve an open outcome, or how a person resolved it.
pub(super) fn resolution(seen: &Seen<'_>) -> Markup {
    let (view, url) = (seen.view, seen.to());
    let id = &view.id;
    let is_open = view.resolution.is_none() && view.status == "indeterminate";
    if !is_open && view.resolution.is_none() && view.reconciliation.is_none() {
        return Markup::default();
    }
    let content = html! {
        @if let Some(why) = &view.escalated { p { "Open because: " (Text::new(why).shown()) } }
        @if let Some(said) = &view.resolution {
            p { (Text::new(&said.words()).shown()) }
            (Block::new(&said.reason).shown())
        }
        @if let Some(settled) = &view.reconciliation {
            p { "Settled by " (code(&Text::new(&settled.payload_sha256.to_string()))) }
        }
        @if is_open || !roles(view, "resolve").is_empty() {
            p {
                "The outcome is open. First find out in the system of record whether the writes took effect. Then an \
                 operator says so:"
            }
            (list(&VERDICTS.map(|(word, what)| html! { code { (word) } ": " (what) })))
            (Block::new(&format!(
                "deed resolve {id} applied|not-applied|retry --reason TEXT --key FILE{url}\n"
            )).shown())
        }
    };
    section("resolution", "Resolution", &content)
}
