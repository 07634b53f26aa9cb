//! The first lines of the page of an action: what happened, why, and what to do next.

use deed_record::action::id::ActionId;
use deed_record::policy::Verdict;
use maud::{Markup, html};

use super::super::parts::{link, linked, status};
use super::super::place::Place;
use super::super::text::{Shown as _, Text, Time};
use super::seen::Seen;
use crate::api::view::View;

pub(super) fn of(seen: &Seen<'_>) -> Markup {
    let view = seen.view;
    html! {
        p class="lead" {
            (status(&view.status)) ": " (happened(view)) " "
            @if let Some(because) = view.because() { "Reason: " (linked(&because)) "." }
        }
        @if let Some(why) = view.escalated.as_ref().filter(|_| view.resolution.is_none()) {
            p { "The host called for an operator: " (Text::new(why).shown()) "." }
        }
        @if let Some(until_ms) = seen.lands_until_ms { (landing(until_ms, seen.now_ms)) }
        p { strong { "What to do next: " } (next(seen)) }
        @if view.status == "waiting" && !view.stale.is_empty() {
            p { "The earlier approvals no longer count: " (Text::list(&view.stale).shown()) "." }
        }
        @if let Some(holder) = &view.held_by { (held(holder)) }
    }
}

/// Whether the policies denied the action.
fn is_forbidden(view: &View) -> bool {
    view.decision.as_ref().is_some_and(|decision| decision.verdict == Verdict::Deny)
}

/// The status in words.
fn happened(view: &View) -> &'static str {
    match view.status.as_str() {
        "pending" => "the host works on this action.",
        "waiting" => "the action waits for people, and was not carried out.",
        "running" => "the host sends the writes, or reads their effect.",
        "verified" if view.writes.is_empty() && view.rehearsal.is_none() => {
            "the host read the state as the contract says, and wrote nothing."
        }
        "verified" => {
            "the action was carried out, and the host then read the state that the contract requires."
        }
        "mismatch" => {
            "writes were sent, and the state that the host then read is not as the contract requires."
        }
        "denied" => "the action was denied, and was not carried out.",
        "failed" => "the action failed.",
        "indeterminate" => {
            "a write may have taken effect, and the host does not know whether it did."
        }
        "expired" => "the action was not carried out in time.",
        "cancelled" => "the action was cancelled.",
        "rehearsed" => "this was a dry run, and no write was sent.",
        _ => "",
    }
}

fn next(seen: &Seen<'_>) -> Markup {
    let view = seen.view;
    let constant = match view.status.as_str() {
        "waiting" => return waiting(seen),
        "pending" | "running" => "nothing; load this page again.",
        "verified" | "rehearsed" => "nothing.",
        "mismatch" => return correct(view),
        "denied" if is_forbidden(view) => {
            "nothing with this action: the policies forbid it, and no approval can allow it."
        }
        "denied" | "failed" => {
            "if the action is still wanted, correct what the reason names; the agent can then propose it again."
        }
        "indeterminate" if view.escalated.is_some() => {
            "an operator finds out in the system of record whether the writes took effect, and resolves the action \
             with the command below."
        }
        "indeterminate" if view.outcome.is_some() => {
            "the host reads the state again and again; if that does not settle the outcome, it calls for an operator. \
             An operator can also resolve the action, with the command below."
        }
        "expired" if !seen.missed.is_empty() => {
            "if the action is still wanted, the agent can propose it again. Under Approvals are the people who could \
             have answered."
        }
        "expired" | "cancelled" => "if the action is still wanted, the agent can propose it again.",
        _ => "read the ledger below.",
    };
    constant.shown()
}

/// Who corrects a mismatch.
fn correct(view: &View) -> Markup {
    html! {
        (Text::new(&view.person).shown())
        ", who is responsible for the agent, or an operator compares the changes and the checks below with what was \
         asked, and corrects the system of record. The host sends nothing more for this action; if the agent is to \
         correct it, it proposes a new action."
    }
}

/// Until when the host assumes that a write can take effect.
fn landing(until_ms: i64, now_ms: i64) -> Markup {
    let is_over = until_ms <= now_ms;
    html! {
        p {
            "A write without a definite answer " (if is_over { "could" } else { "can" }) " take effect until "
            (Time(until_ms).shown()) ". Only what the system of record shows after that time is reliable."
            @if !is_over { " Until then, the host does not let anybody resolve the action." }
        }
    }
}

fn waiting(seen: &Seen<'_>) -> Markup {
    html! {
        @if seen.may_answer() {
            "read what an approval covers, and answer below"
        } @else {
            "people answer: " (Text::list(seen.view.waits_for()).shown())
        }
        @if let Some(expires_ms) = seen.view.expires_ms { ", before " (Time(expires_ms).shown()) }
        "."
    }
}

/// The action that holds the resource.
fn held(holder: &str) -> Markup {
    let shown = Text::new(holder);
    html! {
        p {
            "The action queues behind "
            @if let Ok(id) = holder.parse::<ActionId>() { (link(&Place::action(&id), &shown)) }
            @else { (shown.shown()) }
            ", which holds the resource."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_until_when_a_write_can_take_effect() {
        let until = "take effect until <time datetime=\"1970-01-01T00:00:01Z\">";
        let early = landing(1_000, 999).into_string();
        assert!(early.contains(&format!("can {until}")), "{early}");
        assert!(early.contains("does not let anybody resolve"), "{early}");
        let late = landing(1_000, 1_000).into_string();
        assert!(late.contains(&format!("could {until}")), "{late}");
        assert!(!late.contains("anybody"), "{late}");
    }
}
