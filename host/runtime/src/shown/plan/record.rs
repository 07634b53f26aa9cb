//! The plan on the page of an action: the planned writes, and after the end what became of them.

use deed_record::exchange::{Fate, Rendered};
use deed_record::plan::Plan;
use deed_spec::text::safe;

use super::super::bodies::body;
use super::super::credential::of_write;
use super::super::requests;
use super::super::text::{compact, join, line, row};
use super::{compared, computed, optional, path};
use crate::api::view::full_plan::Rehearsed;
use crate::api::view::{Call, View};

/// The plan, or why there is none.
pub(in crate::shown) fn plan(view: &View, rehearsal: &Rehearsed, body_max: usize) -> String {
    let mut text = match (&rehearsal.plan, &rehearsal.problem) {
        (Some(plan), _) => summary(plan),
        (None, Some(problem)) => row("no plan", &safe(problem)),
        (None, None) => row("no plan", "the host has no reason on record"),
    };
    for (n, write) in (1..).zip(rehearsal.plan.iter().flat_map(|plan| &plan.writes)) {
        let title = if was_sent(view, rehearsal, n, &write.request) { "write" } else { "not sent" };
        text += &row(&format!("{title} {n}"), &target(&write.request));
        text += &detailed(view, rehearsal, &write.request, body_max);
        text += &compared(n, &write.request, &rehearsal.current);
    }
    for why in &rehearsal.refused {
        text += &row("refused", &safe(why));
    }
    text
}

/// How many writes a plan has.
pub(crate) fn count(plan: &Plan) -> String {
    match plan.writes.len() {
        0 => "no write".to_owned(),
        1 => "1 write".to_owned(),
        n => format!("{n} writes, in this order"),
    }
}

fn summary(plan: &Plan) -> String {
    row("plan", &format!("{}, planned in a rehearsal", count(plan)))
}

fn target(request: &Rendered) -> String {
    let (upstream, method) = (safe(&request.upstream), safe(&request.method));
    format!("{upstream} {method} {}", path(&request.path))
}

/// The headers, the credential, the way to the upstream, the body and the origins that the view knows.
fn detailed(view: &View, rehearsal: &Rehearsed, write: &Rendered, body_max: usize) -> String {
    let mut text = requests::headers(write, view.added_headers.get(&write.upstream), "  ");
    text += &of_write(view.access.get(&write.upstream), write, "  ");
    let whole = body(write, "  ");
    match &write.body {
        Some(value) if whole.chars().count() > body_max => {
            line(&mut text, format_args!("  {}", compact(value)));
        }
        _ => text += &whole,
    }
    text += &requests::from_state(write);
    text += &join(computed(write).into_iter().map(|one| format!("    {one}")));
    text += &optional(write);
    let all = rehearsal.plan.iter().flat_map(|plan| &plan.writes);
    text + &requests::notes(write, all.map(|planned| &planned.request))
}

/// Whether an attempt sent this write, as far as the view says: an action that has not ended may still send it. Several
/// writes of a plan may have the same path; the judge says which of them were not sent.
fn was_sent(view: &View, rehearsal: &Rehearsed, n: u32, write: &Rendered) -> bool {
    if view.outcome.is_none() {
        return true;
    }
    let mut calls = view.calls.iter().filter(|call| call.phase == "perform");
    let is_of = |call: &Call| {
        (&call.upstream, &call.method) == (&write.upstream, &write.method)
            && write.is_filled_as(&call.path)
    };
    rehearsal.unsent.iter().all(|unsent| unsent.write != n)
        && calls.any(|call| call.fate != Fate::NotSent && is_of(call))
}
