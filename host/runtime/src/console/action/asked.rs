//! What was asked: the action, what the agent wrote, what an approval covers, and the requests.

use deed_record::action::id::ActionId;
use maud::{Markup, html};

use super::super::deferral;
use super::super::parts::{facts, fold, link, list, note, paragraph, section};
use super::super::place::{ACTIONS, Place};
use super::super::question::{Question, Unshown};
use super::super::text::{Block, Shown as _, Text, Time};
use super::answering;
use super::seen::Seen;
use crate::api::view::View;
use crate::shown::page as record;
use crate::shown::planned_count;
use crate::stage::approval::edit;

/// The action, its agent and its person.
pub(super) fn what(view: &View) -> Markup {
    let text = |text: &str| Text::new(text).shown();
    let optional = |text: &Option<String>| text.as_deref().map(Text::new).shown();
    let all = |texts: &[String]| {
        if texts.is_empty() { Markup::default() } else { Text::list(texts).shown() }
    };
    let put_off = html! {
        @for (n, one) in view.deferrals.iter().enumerate() {
            @if n > 0 { br; }
            (deferral::line(one.person.as_deref(), one.until_ms, one.reason.as_deref()))
        }
    };
    let edited = view.edit.as_ref();
    let replaced = edited.and_then(|edit| edit.replaces.parse::<ActionId>().ok());
    let replaced = replaced.map(|id| link(&Place::action(&id), &Text::new(id.as_str())));
    let replaced = replaced.unwrap_or_default();
    let by = view.reason.as_deref().and_then(edit::replaced_by);
    let by = by.map(|id| link(&Place::action(&id), &Text::new(id.as_str()))).unwrap_or_default();
    let changed = html! {
        @for (n, change) in edited.into_iter().flat_map(|edit| &edit.params).enumerate() {
            @if n > 0 { br; }
            (Text::new(&record::change_text(change)).shown())
        }
    };
    let dry = view.dry_run.then_some("yes: no write is sent, and nobody is asked");
    let rows = [
        ("Contract", text(&view.contract)),
        ("Resource", of_resource(&view.resource)),
        ("Environment", text(&view.environment)),
        ("Asked by agent", text(&view.agent)),
        ("Responsible person", text(&view.person)),
        ("On behalf of (according to the agent or its token)", optional(&view.on_behalf_of)),
        ("Dry run", dry.shown()),
        ("Waits for", all(view.waits_for())),
        ("Put off by", put_off),
        ("Edited by", all(view.edit.as_ref().map_or(&[][..], |edit| &edit.edited_by))),
        ("In place of", replaced),
        ("Replaced by", by),
        ("Changed parameters", changed),
        ("Asked again because", all(&view.stale)),
        ("Proposed", Time(view.proposed_ms).shown()),
        ("Last event", Time(view.at_ms).shown()),
        ("Expires", view.expires_ms.map(Time).shown()),
    ];
    section("asked", "What was asked", &facts(&rows))
}

/// A resource, and the search for all its actions.
fn of_resource(resource: &str) -> Markup {
    link(&Place::with(ACTIONS, &[("resource", Some(resource))]), &Text::new(resource))
}

/// What the agent wrote, which the host does not check. A source is no link, because its address is the agent's, unless
/// it is an action of this host.
pub(super) fn from_agent(view: &View) -> Markup {
    let sources: Vec<Markup> = view.sources.iter().map(|source| of_source(&source.uri)).collect();
    let content = html! {
        @if view.edit.is_some() {
            (note(&"A person who changed the action wrote the intent and the sources. The host did not check them."))
        } @else {
            (note(&"The agent wrote the intent, the reasoning and the sources. The host did not check them."))
        }
        h3 { "Intent" }
        (Block::new(&view.intent).shown())
        @if let Some(reasoning) = &view.reasoning {
            h3 { "Reasoning" }
            (Block::new(reasoning).shown())
        }
        @if !sources.is_empty() {
            h3 { "Sources" }
            (list(&sources))
        }
    };
    section("from-agent", "From the agent, unchecked", &content)
}

fn of_source(uri: &str) -> Markup {
    let text = Text::new(uri);
    let id = uri.strip_prefix("deed:").and_then(|id| id.parse::<ActionId>().ok());
    id.map_or_else(|| text.shown(), |id| link(&Place::action(&id), &text))
}

pub(super) fn covers(question: &Question) -> Markup {
    let content = match &question.text {
        Ok(text) => html! {
            @if question.offer.is_ok() {
                p { "Your passkey signs the digest of this text, as this host shows it." }
            } @else {
                p { "The same text as " code { "deed approve" } " shows before you sign." }
            }
            (Block::new(text).shown())
        },
        Err(Unshown::Withheld) => paragraph(
            &"Only people who may answer see this request, because it has private parameters.",
        ),
        Err(Unshown::Wrong(why)) => html! {
            p { strong { "The request cannot be shown. Do not approve it." } }
            (paragraph(&Text::new(why)))
        },
    };
    section("covers", "What an approval covers", &content)
}

/// How the reader answers.
pub(super) fn answer(seen: &Seen<'_>, question: &Question) -> Markup {
    section("answer", "Your answer", &answering::of(seen, question))
}

/// The parameters, and the writes of the contract or of the plan.
pub(super) fn requests(seen: &Seen<'_>) -> Markup {
    let view = seen.view;
    let text = Block::new(&record::wanted(view)).shown();
    let rehearsal = view.rehearsal.as_ref();
    let plan = rehearsal.and_then(|one| one.plan.as_ref());
    let no_plan = rehearsal.and_then(|one| one.problem.as_deref());
    let content = html! {
        @if let Some(plan) = plan { p { "Plan: " (Text::new(&planned_count(plan)).shown()) } }
        @if let Some(problem) = no_plan {
            p { "There is no plan: " (Text::new(problem).shown()) }
        }
        // What an approval covers has the same requests.
        @if seen.question.is_some() { (fold("The parameters and the requests", &text)) }
        @else { (text) }
    };
    section("requests", "Parameters and requests", &content)
}
