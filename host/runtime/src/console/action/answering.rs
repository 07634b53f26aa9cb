//! How the reader answers a waiting action: by a passkey in the browser, or with a command; or why the reader cannot
//! answer, and who can.

use deed_record::policy::CONFIRM;
use deed_record::timeline::utc;
use maud::{Markup, html};

use super::super::answer::REASON_MAX;
use super::super::deferral;
use super::super::html::FORGERY;
use super::super::parts::{fold, link, list, note, paragraph};
use super::super::place::{PASSKEYS, Place};
use super::super::question::{Closed, Offer, Open, Question};
use super::super::text::{Block, Plain, Shown as _, Text, Time};
use super::seen::Seen;
use crate::shown::quote::quoted;
use crate::shown::text::join;
use crate::stage::approval::Standing;

/// The section with the reader's ways to answer.
pub(super) fn of(seen: &Seen<'_>, question: &Question) -> Markup {
    let commands = commands(seen, question);
    html! {
        (delegations(question))
        (ways(seen, question, &commands))
        (defer(seen))
        (change(seen, question))
    }
}

/// For whom the reader can answer.
fn delegations(question: &Question) -> Markup {
    html! {
        @for one in &question.delegated {
            p {
                "You can answer as " (Text::new(&one.role).shown()) " for " (Text::new(&one.from).shown()) " until "
                (Time(one.until_ms).shown()) " (" (Text::new(&one.reason).shown()) "). Only one of you can approve."
            }
        }
    }
}

/// The form that puts the request off, for a person who may answer and has not.
fn defer(seen: &Seen<'_>) -> Markup {
    let (Some(forgery), Some(expires_ms)) = (seen.forgery, seen.view.expires_ms) else {
        return Markup::default();
    };
    let offer = seen.question.as_ref().and_then(|question| question.offer.as_ref().ok());
    let is_spent = offer.is_some_and(|offer| offer.standing.has_approved);
    if is_spent || has_answered(seen) || !seen.may_answer() || expires_ms <= seen.now_ms {
        return Markup::default();
    }
    deferral::form(&seen.place(), forgery, (seen.now_ms, expires_ms))
}

/// The link to the form that changes the action, or why the reader cannot change it.
fn change(seen: &Seen<'_>, question: &Question) -> Markup {
    html! {
        @match &question.edit {
            Ok(()) if seen.forgery.is_none() => {}
            Ok(()) => {
                p {
                    (link(&seen.place().below("edit"), &"Change and propose again"))
                    ", if something else should be done. Another person must then approve it."
                }
            }
            Err(_) if !question.may_answer() => {
                p { "Because your answer would not count, you cannot change the action and propose it again." }
            }
            Err(why) => {
                p { "You cannot change the action and propose it again: " (Text::new(why).shown()) "." }
            }
        }
    }
}

fn ways(seen: &Seen<'_>, question: &Question, commands: &Markup) -> Markup {
    html! {
        @match (&question.offer, seen.forgery) {
            (Ok(offer), Some(forgery)) => {
                (form(seen, offer, forgery))
                (fold("With a command on your own machine", commands))
            }
            (Ok(_), None) => {
                (note(&"Sign in to answer with your passkey."))
                (commands)
            }
            (Err(Closed::Barred(why)), _) => {
                p {
                    strong { "Your answer would not count: " }
                    (Text::new(&why.to_string()).shown()) "."
                }
                (open_answers(
                    "Open answers, each by another person. Who is responsible for the agent can confirm the action, \
                     and cannot approve it:",
                    &question.open,
                ))
                (fold("With a command on the machine of a person who can answer", commands))
            }
            (Err(closed), _) => {
                p { "You cannot answer in the browser: " (Text::new(&closed.to_string()).shown()) "." }
                @if let Closed::NoPasskey(_) = closed {
                    p { (link(&Place::with(PASSKEYS, &[]), &"Your passkeys, and how to enrol one")) }
                }
                (commands)
            }
        }
    }
}

/// Answers that are missing, and who can give them.
pub(super) fn open_answers(lead: &'static str, open: &[Open]) -> Markup {
    let one = |open: &Open| {
        html! {
            @if open.role == CONFIRM { "confirmation by the responsible person: " }
            @else { (open.left) " by " (Text::new(&open.role).shown()) ": " }
            @if open.people.is_empty() && open.role == CONFIRM { "this person cannot answer now" }
            @else if open.people.is_empty() { "nobody who can answer has this role" }
            @else { (Text::list(&open.people).shown()) }
        }
    };
    let items: Vec<Markup> = open.iter().map(one).collect();
    html! {
        @if !items.is_empty() {
            (paragraph(&lead))
            (list(&items))
        }
    }
}

/// The commands with which people answer, one for each role. A command has the name of the reader only if the reader
/// can answer in this role.
fn commands(seen: &Seen<'_>, question: &Question) -> Markup {
    let (id, url) = (&seen.view.id, seen.to());
    let line = |open: &Open| {
        let is_own = question.has_role(seen.reader, open);
        let person = if is_own { quoted(seen.reader) } else { "NAME".into() };
        let role = quoted(&open.role);
        format!("deed approve {id} --person {person} --role {role} --key FILE{url}")
    };
    let lines = join(question.open.iter().map(line));
    html! {
        p {
            "Type this on your own machine, with your token in " code { "DEED_TOKEN" } " and the file of your key. "
            code { "deed deny" } " takes the same arguments."
        }
        (Block::new(&lines).shown())
    }
}

/// The fields and buttons, which `script/answer.js` makes work. They are no form of HTML, so that a browser without
/// scripts never sends them.
fn form(seen: &Seen<'_>, offer: &Offer, forgery: &str) -> Markup {
    html! {
        div id="answering" role="group" aria-label="Your answer" data-action=(seen.place())
            data-origin=(Plain::new(&offer.origin)) {
            input type="hidden" id="form-token" name=(FORGERY) value=(forgery);
            (roles(&offer.standing))
            p {
                label for="reason" { "Reason" }
                textarea id="reason" name="reason" rows="3" maxlength=(REASON_MAX) aria-describedby="reason-note" {}
                span id="reason-note" {
                    "A denial needs a reason, and is final. The reason is signed, and readers of the record see it."
                }
            }
            p {
                @if offer.standing.has_approved { (already(seen, &offer.standing)) " You can still deny it. " }
                @else { button type="button" id="approve" disabled { (verb(&offer.standing)) } " " }
                button type="button" id="deny" disabled { "Deny" }
            }
            p id="said" class="line" role="status" {
                "Answering with a passkey needs a browser that runs the script of this page."
            }
        }
    }
}

fn verb(standing: &Standing) -> &'static str {
    if standing.confirms() { "Confirm" } else { "Approve" }
}

fn already(seen: &Seen<'_>, standing: &Standing) -> &'static str {
    if !has_answered(seen) {
        "This action has been approved in the role that you may use for another person."
    } else if standing.confirms() {
        "You have confirmed this action."
    } else {
        "You have approved this action."
    }
}

/// Whether an answer of the reader counts.
fn has_answered(seen: &Seen<'_>) -> bool {
    seen.view.approvals.iter().any(|said| said.counts && said.person == seen.reader)
}

/// The role of the answer: a choice if the reader has several.
fn roles(standing: &Standing) -> Markup {
    let whose = |role: &str| {
        if role == CONFIRM {
            return Some("responsible for the agent".to_owned());
        }
        let one = standing.delegated.iter().find(|one| one.role == role);
        one.map(|one| format!("{role} for {} until {}", one.from, utc(one.until_ms)))
    };
    html! {
        p {
            label for="role" { "Your role" }
            select id="role" name="role" {
                @for role in &standing.roles {
                    option value=(Plain::new(role)) {
                        (Plain::new(whose(role).as_deref().unwrap_or(role)))
                    }
                }
            }
        }
    }
}
