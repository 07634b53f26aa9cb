//! Finds actions by agent, person, contract, resource, status, trace, time and words, the newest first.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use maud::{Markup, html};

use super::desk::Desk;
use super::form::{self, Fields};
use super::html::page;
use super::parts::{Cells, link, note, paragraph, status, table};
use super::place::{ACTIONS, Place};
use super::refusal::Refused;
use super::text::{Plain, Shown as _, Text, Time};
use super::visitor::Visitor;
use crate::api::listing::{ActionList, ActionSummary};
use crate::api::problem::Problem;
use crate::engine::{LOOKED_MAX, TEXT_MAX};
use crate::http::{Query, Wanted, found};

/// The maximum number of actions on one page.
const ROWS: usize = 50;
const FIELDS: [&str; 9] =
    ["q", "agent", "person", "contract", "resource", "status", "trace", "since", "from"];
const HEADS: [&str; 5] = ["Action", "Status", "Resource", "Agent", "Last event"];

/// The actions of one page, and the address of the page with older ones.
struct Found {
    rows: Vec<ActionSummary>,
    older: Option<Place>,
}

impl Found {
    /// Whether the page has fewer actions than it has room for, although older actions may fit.
    fn is_partial(&self) -> bool {
        self.older.is_some() && self.rows.len() < ROWS
    }
}

pub(super) async fn show(
    State(desk): State<Desk>,
    query: Result<Query<Vec<(String, String)>>, Problem>,
    visitor: Visitor,
) -> Result<Response, Refused> {
    let Query(pairs) = query?;
    let fields = form::fields(pairs, &FIELDS)?;
    let ActionList { actions, next } =
        found(&desk.app, &visitor.caller, wanted(&fields)?, LOOKED_MAX).await?;
    let older = next.as_deref().map(|next| older(&fields, next));
    let content = content(&fields, &Found { rows: actions, older });
    Ok(page(StatusCode::OK, &visitor.frame("Actions", ACTIONS), &content))
}

/// The value of a field; an empty field of a form counts as absent.
fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    Some(fields.get(name)).filter(|value| !value.trim().is_empty())
}

/// The search, as `GET /v1/actions` reads it.
fn wanted(fields: &Fields) -> Result<Wanted, Problem> {
    let pair = |name: &str| Some((name.to_owned(), given(fields, name)?.to_owned()));
    let wanted = Wanted::of(FIELDS.iter().filter_map(|name| pair(name)).collect())?;
    Ok(Wanted { limit: ROWS, ..wanted })
}

/// The address of the same search from this action on.
fn older(fields: &Fields, next: &str) -> Place {
    let value = |name: &'static str| match name {
        "from" => Some(next),
        name => given(fields, name),
    };
    Place::with(ACTIONS, &FIELDS.map(|name| (name, value(name))))
}

fn content(fields: &Fields, found: &Found) -> Markup {
    let cells: Vec<Cells> = found.rows.iter().map(cells).collect();
    let on = if found.is_partial() { "Search older actions" } else { "Older actions" };
    html! {
        h1 { "Actions" }
        (search(fields))
        @if cells.is_empty() { (paragraph(&empty(fields, found.older.is_some()))) }
        @else { (table("Actions, the newest first", &HEADS, &cells)) }
        @if found.is_partial() {
            (note(&"The search is not complete: one page looks at a limited number of actions. Older actions may fit \
                    too."))
        }
        @if let Some(older) = &found.older { p { (link(older, &on)) } }
    }
}

/// Why the page has no actions.
fn empty(fields: &Fields, is_cut: bool) -> &'static str {
    let is_search = FIELDS.iter().any(|name| given(fields, name).is_some());
    match (is_cut, is_search) {
        (true, _) => "No action was found yet.",
        (false, true) if given(fields, "from").is_some() => "No older action fits this search.",
        (false, true) => "No action fits this search.",
        (false, false) => {
            "There are no actions. Here would be every action that an agent proposed."
        }
    }
}

fn search(fields: &Fields) -> Markup {
    html! {
        form method="get" action=(Place::of(ACTIONS)) role="search" {
            div class="fields" {
                (words(fields))
                (input(fields, "agent", "Agent"))
                (input(fields, "person", "Responsible person"))
                (input(fields, "contract", "Contract"))
                (input(fields, "resource", "Resource"))
                (choice(fields))
                (input(fields, "trace", "Trace"))
                (since(fields))
            }
            p { button type="submit" { "Search" } }
        }
    }
}

fn input(fields: &Fields, name: &'static str, label: &'static str) -> Markup {
    html! {
        div {
            label for=(name) { (label) }
            input id=(name) name=(name) type="text" value=(Plain::new(fields.get(name)));
        }
    }
}

/// The field for words.
fn words(fields: &Fields) -> Markup {
    html! {
        div {
            label for="q" { "Words in id, resource, parameters, intent or sources" }
            input id="q" name="q" type="search" maxlength=(TEXT_MAX) value=(Plain::new(fields.get("q")));
        }
    }
}

/// The field for the earliest time of the last event. It is typed as text, because no field for dates holds both a day
/// and a time in UTC.
fn since(fields: &Fields) -> Markup {
    html! {
        div {
            label for="since" { "Last event since (UTC)" }
            input id="since" name="since" type="text" aria-describedby="since-note"
                value=(Plain::new(fields.get("since")));
            span class="hint" id="since-note" { "A day or a time, such as 2026-01-31T18:00:00Z" }
        }
    }
}

/// The choice of a status.
fn choice(fields: &Fields) -> Markup {
    html! {
        div {
            label for="status" { "Status" }
            select id="status" name="status" {
                option value="" { "any" }
                @for word in Status::WORDS {
                    option value=(word) selected[word == fields.get("status")] { (word) }
                }
            }
        }
    }
}

fn cells(row: &ActionSummary) -> Cells {
    let contract = Text::new(&row.contract);
    let action = match row.id.parse::<ActionId>() {
        Ok(id) => link(&Place::action(&id), &contract),
        Err(_) => contract.shown(),
    };
    vec![
        action,
        status(&row.status),
        Text::new(&row.resource).shown(),
        Text::new(&row.agent).shown(),
        Time(row.at_ms).shown(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Search;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        form::fields(owned.collect(), &FIELDS).unwrap()
    }

    #[test]
    fn an_empty_field_of_the_form_is_no_filter() {
        let empty = [("agent", ""), ("status", ""), ("since", ""), ("q", " "), ("person", "")];
        let all = wanted(&fields(&empty)).unwrap();
        assert_eq!((all.search, all.from, all.limit), (Search::default(), None, ROWS));
    }

    #[test]
    fn a_value_that_no_action_can_have_is_refused() {
        let long = "x".repeat(TEXT_MAX + 1);
        for (name, value) in [
            ("status", "nonsense"),
            ("trace", "x"),
            ("since", "yesterday"),
            ("from", "x"),
            ("q", long.as_str()),
        ] {
            assert!(wanted(&fields(&[(name, value)])).is_err(), "{name}");
        }
    }

    #[test]
    fn a_page_that_stopped_early_says_so() {
        let found = |older| Found { rows: vec![], older };
        let next = "act_00000000000000000000000000";
        let searched = fields(&[("q", "ticket:1")]);
        let shown = content(&searched, &found(Some(older(&searched, next)))).into_string();
        let place = format!("href=\"/actions?q=ticket%3A1&amp;from={next}\"");
        for wanted in ["The search is not complete", "Search older actions", &place] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        let shown = content(&searched, &found(None)).into_string();
        assert!(!shown.contains("not complete") && shown.contains("No action fits"), "{shown}");
    }

    #[test]
    fn older_actions_are_found_by_the_same_search() {
        let searched = fields(&[("agent", "a&b"), ("from", "act_1"), ("status", "")]);
        assert_eq!(older(&searched, "act_2").as_str(), "/actions?agent=a%26b&from=act_2");
    }

    #[test]
    fn the_form_keeps_what_was_searched() {
        let searched =
            [("agent", "\"><b>"), ("status", "denied"), ("since", "2026-01-31T18:00:00Z")];
        let shown = search(&fields(&searched)).into_string();
        assert!(shown.contains("value=\"&quot;&gt;&lt;b&gt;\""), "{shown}");
        assert!(shown.contains("<option value=\"denied\" selected>"), "{shown}");
        assert!(shown.contains("type=\"text\"") && !shown.contains("type=\"date\""), "{shown}");
        assert!(shown.contains("value=\"2026-01-31T18:00:00Z\""), "{shown}");
    }
}
