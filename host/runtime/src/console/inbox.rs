//! What waits: requests for approval that the person may answer, those that the person put off, then those of others,
//! then open outcomes, and at the end what was carried out with another result than required.

mod mismatches;
mod rows;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::action::id::ActionId;
use deed_record::statement::resolution::ROLE;
use maud::{Markup, html};

use self::rows::Rows;
use super::decisions::Newest;
use super::desk::Desk;
use super::form;
use super::html::page;
use super::parts::{Cells, link, note, paragraph, section, table};
use super::place::{INBOX, Place};
use super::refusal::Refused;
use super::script::ANSWER;
use super::text::{Shown as _, Text, Time};
use super::visitor::Visitor;
use crate::api::problem::Problem;
use crate::engine::{Waits, WaitsFor};
use crate::http::{Caller, Query};
use crate::stage::approval;

/// The maximum number of actions of a group on one page.
const ROWS: usize = 50;
const HEADS: [&str; 6] = ["Action", "Resource", "Asked by", "Waits for", "Since", "Expires"];

/// A part of the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Mine,
    /// The person may answer, and put the request off until a later time.
    PutOff,
    Others,
    Open,
}

impl Group {
    const ALL: [Self; 4] = [Self::Mine, Self::PutOff, Self::Others, Self::Open];

    fn word(self) -> &'static str {
        match self {
            Self::Mine => "mine",
            Self::PutOff => "put-off",
            Self::Others => "others",
            Self::Open => "open",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Mine => "Waits for your answer",
            Self::PutOff => "Put off",
            Self::Others => "Waits for others",
            Self::Open => "Open outcomes",
        }
    }

    /// What would be in the group if something waited.
    fn empty(self) -> &'static str {
        match self {
            Self::Mine => {
                "Nothing waits for you. Here would be actions that need an approval in one of your roles, or your \
                 confirmation, and that you have not answered."
            }
            Self::PutOff => {
                "You have put nothing off. Here would be requests that you put off on the page of an action, until the \
                 time that you chose."
            }
            Self::Others => {
                "Nothing waits for others. Here would be actions that need an approval that you cannot give, or that \
                 you have answered."
            }
            Self::Open => {
                "No outcome is open. Here would be actions of which the host does not know whether their writes took \
                 effect."
            }
        }
    }

    /// The group of an action for this person.
    fn of(waits: &Waits, caller: &Caller, now_ms: i64) -> Self {
        let WaitsFor::Approval { roles, answered, put_off, .. } = &waits.what else {
            return Self::Open;
        };
        let name = caller.name();
        let roles = roles.iter().map(String::as_str);
        let may = approval::is_asked(&caller.tenant, name, waits.requesters(), roles, now_ms);
        if !may || answered.iter().any(|person| person == name) {
            return Self::Others;
        }
        let is_put_off = put_off.get(name).is_some_and(|until_ms| *until_ms > now_ms);
        if is_put_off { Self::PutOff } else { Self::Mine }
    }
}

/// Which part of the inbox is shown.
struct Wanted {
    group: Option<Group>,
    after: Option<ActionId>,
}

impl Wanted {
    fn of(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let fields = form::fields(pairs, &["group", "after"])?;
        let group = match fields.get("group") {
            "" => None,
            word => Some(known(word)?),
        };
        let after = match fields.get("after") {
            "" => None,
            id => Some(action_id(id)?),
        };
        Ok(Self { group, after })
    }
}

fn action_id(text: &str) -> Result<ActionId, Problem> {
    text.parse().map_err(|_| Problem::bad_request("`after` must be an action id"))
}

fn known(word: &str) -> Result<Group, Problem> {
    let group = Group::ALL.into_iter().find(|group| group.word() == word);
    group.ok_or_else(|| Problem::bad_request("`group` must be mine, put-off, others or open"))
}

/// A group as the page shows it.
struct Listed {
    group: Group,
    rows: Rows<Arc<Waits>>,
}

impl Listed {
    /// The last action on this page, if more follow.
    fn more_after(&self) -> Option<&ActionId> {
        self.rows.shown.last().filter(|_| self.rows.has_more).map(|waits| &waits.id)
    }
}

pub(super) async fn show(
    State(desk): State<Desk>,
    query: Result<Query<Vec<(String, String)>>, Problem>,
    visitor: Visitor,
) -> Result<Response, Refused> {
    let Query(pairs) = query?;
    let wanted = Wanted::of(pairs)?;
    let tenant = &visitor.caller.tenant.name;
    let now_ms = desk.app.engine.latest_ms();
    let recent = match wanted.group {
        None => Some(mismatches::recent(&desk, tenant, now_ms).await?),
        Some(_) => None,
    };
    let counted = counted(&desk, tenant);
    // One copy of the list for the whole page, because thousands of actions may wait.
    let all = desk.app.engine.waits(tenant);
    let is_complete = asks(&all) >= counted;
    let still = |waits: &Arc<Waits>| desk.app.engine.still_waits(tenant, waits);
    let groups = listed(all, (&visitor.caller, now_ms), &wanted, still);
    let content = content((&visitor.caller, now_ms), &groups, is_complete, recent.as_ref());
    let frame = visitor.frame("Inbox", INBOX).with_script(ANSWER);
    Ok(page(StatusCode::OK, &frame, &content))
}

/// The groups that the page shows, from one pass over what waits, the oldest first.
fn listed(
    all: Vec<Arc<Waits>>,
    (caller, now_ms): (&Caller, i64),
    wanted: &Wanted,
    still: impl Fn(&Arc<Waits>) -> bool,
) -> Vec<Listed> {
    let is_shown = |group: &Group| wanted.group.is_none_or(|only| only == *group);
    let mut groups: Vec<Listed> = Group::ALL
        .into_iter()
        .filter(is_shown)
        .map(|group| Listed { group, rows: Rows::empty() })
        .collect();
    for waits in all {
        let group = Group::of(&waits, caller, now_ms);
        let Some(listed) = groups.iter_mut().find(|listed| listed.group == group) else { continue };
        let is_on_page = wanted.after.as_ref().is_none_or(|after| waits.id > *after);
        listed.rows.add(waits, is_on_page, ROWS, &still);
    }
    groups
}

fn content(
    reader: (&Caller, i64),
    groups: &[Listed],
    is_complete: bool,
    recent: Option<&Newest>,
) -> Markup {
    html! {
        h1 { "Inbox" }
        @if !is_complete {
            (note(&"The host is still reading the actions that waited before its start, so the list is not complete."))
        }
        @for listed in groups { (group(listed, reader)) }
        @if let Some(recent) = recent { (mismatches::of(recent)) }
    }
}

/// The number of actions that wait for approvals, by the host's count. For some time after a start, more actions wait
/// than are in the list.
fn counted(desk: &Desk, tenant: &str) -> usize {
    let loads = desk.app.engine.loads();
    loads.iter().filter(|load| load.tenant == tenant).map(|load| load.waiting).sum()
}

fn asks(all: &[Arc<Waits>]) -> usize {
    all.iter().filter(|waits| matches!(waits.what, WaitsFor::Approval { .. })).count()
}

fn group(listed: &Listed, (caller, now_ms): (&Caller, i64)) -> Markup {
    let Listed { group, rows } = listed;
    let reader = Some(caller.name()).filter(|_| *group == Group::PutOff);
    let cells: Vec<Cells> = rows.shown.iter().map(|waits| cells(waits, reader)).collect();
    let more = listed.more_after().map(|id| {
        let pairs = [("group", Some(group.word())), ("after", Some(id.as_str()))];
        Place::with(INBOX, &pairs)
    });
    let content = html! {
        @if cells.is_empty() { (paragraph(&group.empty())) }
        @else {
            p { (rows.count.shown()) " in total, the oldest first." }
            @if *group == Group::Open { (paragraph(&operator((caller, now_ms), &rows.shown))) }
            (table(group.heading(), &HEADS, &cells))
        }
        @if let Some(more) = &more { p { (link(more, &"Newer ones")) } }
    };
    section(group.word(), group.heading(), &content)
}

/// Whether the person may resolve an outcome.
fn operator((caller, now_ms): (&Caller, i64), rows: &[Arc<Waits>]) -> &'static str {
    let may = |waits: &Arc<Waits>| {
        let roles = [ROLE].into_iter();
        approval::is_asked(&caller.tenant, caller.name(), waits.requesters(), roles, now_ms)
    };
    if rows.iter().any(may) {
        "You have the role of an operator: the page of an action says how to resolve it."
    } else {
        "An operator who is not responsible for the agent resolves them."
    }
}

/// `reader` is the person who put the request off.
fn cells(waits: &Waits, reader: Option<&str>) -> Cells {
    let expires = match &waits.what {
        WaitsFor::Approval { expires_ms, .. } => Time(*expires_ms).shown(),
        WaitsFor::Resolution { .. } => "never".shown(),
    };
    vec![
        link(&Place::action(&waits.id), &Text::new(&waits.contract)),
        Text::new(&waits.resource).shown(),
        html! { (Text::new(&waits.agent).shown()) " (" (Text::new(&waits.person).shown()) ")" },
        reason(&waits.what, reader),
        Time(waits.proposed_ms).shown(),
        expires,
    ]
}

/// What the action waits for, and why.
fn reason(what: &WaitsFor, reader: Option<&str>) -> Markup {
    match what {
        WaitsFor::Approval { missing, again, put_off, .. } => html! {
            (Text::list(missing).shown())
            @if let Some(until_ms) = reader.and_then(|reader| put_off.get(reader)) {
                br; "put off until " (Time(*until_ms).shown())
            }
            @if let Some(again) = again { br; "asked again: " (Text::new(again).shown()) }
        },
        WaitsFor::Resolution { escalated: Some(why) } => Text::new(why).shown(),
        WaitsFor::Resolution { escalated: None } => {
            "The host still reads the state to settle the outcome.".shown()
        }
    }
}
