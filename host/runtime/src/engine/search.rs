//! Finds actions also by what their proposals say. The index has only the summaries of actions, so a search for a person
//! or for a text reads the first event of each action that the other conditions accept. It reads a limited number of
//! actions and of bytes, and says where it goes on.

use std::sync::Arc;

use deed_record::action::id::ActionId;
use deed_store::store::{Filter, Page, Row, Span, Store};
use serde::Deserialize;
use serde_json::Value;

use super::Engine;
use super::error::EngineError;

/// The maximum number of actions that a search looks at before it says where it goes on.
pub const LOOKED_MAX: usize = 500;
/// The number of bytes of events after which a search reads no further action. Large proposals have hundreds of KiB.
const READ_MAX: usize = 4 << 20;
/// The maximum number of characters of a text to search for.
pub const TEXT_MAX: usize = 200;

/// Conditions that an action must meet; an empty search accepts every action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    pub filter: Filter,
    /// The responsible person.
    pub person: Option<String>,
    pub text: Option<Words>,
}

/// Words of which each must occur in the id, the resource, a parameter, the intent, the address of a source, or the party
/// for whom the agent acts. Lower and upper case are not distinguished. A text without words accepts every action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

/// The parts of the first event of an action that are searched. The rest of the event is not parsed.
#[derive(Debug, Deserialize)]
struct First {
    event: FirstEvent,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FirstEvent {
    Proposed { bound: Bound },
}

#[derive(Debug, Deserialize)]
struct Bound {
    action: Action,
    proposal: Proposal,
}

#[derive(Debug, Deserialize)]
struct Action {
    person: String,
    #[serde(default)]
    on_behalf_of: Option<String>,
    /// Private values are commitments here, so no search finds them.
    #[serde(default)]
    params: Value,
}

#[derive(Debug, Deserialize)]
struct Proposal {
    intent: String,
    #[serde(default)]
    sources: Vec<Source>,
}

#[derive(Debug, Deserialize)]
struct Source {
    uri: String,
}

impl Words {
    /// The words of a text. Returns `None` for an empty text and for one with more than [`TEXT_MAX`] characters.
    pub fn of(text: &str) -> Option<Self> {
        let fits = (1..=TEXT_MAX).contains(&text.chars().count());
        fits.then(|| Self(text.split_whitespace().map(str::to_lowercase).collect()))
    }

    /// The action, if the text is the id of one.
    fn id(&self) -> Option<ActionId> {
        match self.0.as_slice() {
            [word] => word.parse().ok(),
            _ => None,
        }
    }

    fn are_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let texts: Vec<String> = texts.into_iter().map(str::to_lowercase).collect();
        self.0.iter().all(|word| texts.iter().any(|text| text.contains(word)))
    }
}

impl Search {
    /// Whether the conditions are those of the index alone, which has a list for each of them.
    pub fn is_indexed(&self) -> bool {
        let Filter { contract, since_ms, .. } = &self.filter;
        !self.reads() && contract.is_none() && since_ms.is_none()
    }

    /// Whether the events of actions must be read.
    fn reads(&self) -> bool {
        self.person.is_some() || self.text.is_some()
    }

    /// Whether an action with this first event is searched for.
    fn takes(&self, id: &str, row: &Row, first: &[u8]) -> Result<bool, serde_json::Error> {
        let First { event: FirstEvent::Proposed { bound } } = serde_json::from_slice(first)?;
        let Bound { action, proposal } = bound;
        if self.person.as_ref().is_some_and(|person| *person != action.person) {
            return Ok(false);
        }
        let Some(text) = &self.text else { return Ok(true) };
        let mut all = vec![id, row.summary.resource.as_str(), proposal.intent.as_str()];
        all.extend(action.on_behalf_of.as_deref());
        all.extend(proposal.sources.iter().map(|source| source.uri.as_str()));
        add_texts(&action.params, &mut all);
        Ok(text.are_in(all))
    }
}

/// Adds all texts of a value. The depth of stored JSON is limited.
fn add_texts<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(items) => items.iter().for_each(|item| add_texts(item, all)),
        Value::Object(members) => members.values().for_each(|member| add_texts(member, all)),
        _ => {}
    }
}

/// A part of the list of a tenant's actions that meet the conditions.
fn page(
    store: &dyn Store,
    tenant: &str,
    search: &Search,
    span: &Span,
) -> Result<Page, EngineError> {
    if !search.reads() {
        return Ok(store.page(tenant, &search.filter, span)?);
    }
    let steps = span.steps.min(LOOKED_MAX);
    let from = from(search, span);
    let Page { rows, next } =
        store.page(tenant, &search.filter, &Span { from, rows: steps, steps })?;
    let (mut found, mut left) = (Page { rows: Vec::new(), next }, READ_MAX);
    for (id, row) in rows {
        if found.rows.len() >= span.rows || left == 0 {
            found.next = Some(id);
            break;
        }
        let first = store.first_event(&id)?.ok_or(EngineError::Unknown)?;
        left = left.saturating_sub(first.len());
        if search.takes(&id, &row, &first)? {
            found.rows.push((id, row));
        }
    }
    Ok(found)
}

/// Where the search begins. An action that is searched for by its id is found at once, however old it is.
fn from(search: &Search, span: &Span) -> Option<String> {
    let wanted = search.text.as_ref().and_then(Words::id).map(|id| id.to_string());
    match (&span.from, wanted) {
        (Some(from), Some(wanted)) => Some(wanted.min(from.clone())),
        (from, wanted) => wanted.or_else(|| from.clone()),
    }
}

impl Engine {
    /// A part of the list of a tenant's actions that meet the conditions, newest first. Data about actions that have
    /// not ended is on disk before it is returned.
    ///
    /// # Errors
    ///
    /// Fails when the index or an event cannot be read, or the journal cannot be synced.
    pub async fn search(
        &self,
        tenant: &str,
        search: Search,
        span: Span,
    ) -> Result<Page, EngineError> {
        let (store, tenant) = (Arc::clone(&self.store), tenant.to_owned());
        // The search may block, because it reads files.
        let reading = tokio::task::spawn_blocking(move || page(&*store, &tenant, &search, &span));
        let page = reading.await??;
        self.on_disk_if_open(&page.rows).await?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use deed_store::store::Summary;
    use serde_json::json;

    use super::*;

    const ID: &str = "act_0123456789abcdefghijklmnop";

    fn takes(search: &Search) -> bool {
        let first = json!({"at_ms": 0, "event": {"proposed": {
            "bound": {"action": {"person": "alice", "tenant": "acme"}, "observe": [], "proposal": {
                "intent": "Let Zoë in (a+)+$ 100%", "params": {"note": "hidden"}, "sources": [
                    {"uri": "https://tickets.example/T-17"}, {"uri": "ticket:4711", "sha256": "0"}
                ]
            }},
            "bindings": {}, "trace": null
        }}});
        let word = |word: &str| word.to_owned();
        let summary = Summary {
            tenant: word("acme"),
            agent: word("helpdesk"),
            contract: word("idp.restore_access"),
            resource: word("idp/users/42"),
            status: word("waiting"),
            ended: false,
            at_ms: 0,
            trace: None,
        };
        let row = Row { version: 1, summary };
        search.takes(ID, &row, &serde_json::to_vec(&first).unwrap()).unwrap()
    }

    fn finds(text: &str) -> bool {
        takes(&Search { text: Some(Words::of(text).unwrap()), ..Search::default() })
    }

    #[test]
    fn each_word_occurs_in_the_id_the_resource_the_intent_or_a_source() {
        for text in ["ZOË", "users/42", ID, "4711 let", "t-17", " ticket:4711 ", "https"] {
            assert!(finds(text), "{text}");
        }
        for text in
            ["é", "helpdesk", "hidden", "let 4712", "idp.restore_access", "alice", "let zoe"]
        {
            assert!(!finds(text), "{text}");
        }
    }

    #[test]
    fn a_text_is_no_pattern() {
        for text in ["(a+)+$", "100%", "%"] {
            assert!(finds(text), "{text}");
        }
        for text in [".*", "a+a", "100_", "*", "let?zoë", "%20", "\\w", "' or 1=1"] {
            assert!(!finds(text), "{text}");
        }
    }

    #[test]
    fn a_person_is_the_responsible_one() {
        for (person, is_found) in [("alice", true), ("ali", false), ("bob", false)] {
            let person = Some(person.to_owned());
            assert_eq!(takes(&Search { person, ..Search::default() }), is_found);
        }
    }

    #[test]
    fn a_text_is_neither_empty_nor_long() {
        for (length, fits) in [(0, false), (1, true), (TEXT_MAX, true), (TEXT_MAX + 1, false)] {
            assert_eq!(Words::of(&"ä".repeat(length)).is_some(), fits, "{length}");
        }
        assert!(finds(" \u{a0} ") && !finds("let\u{0}") && !finds("\u{1b}[2J"));
    }

    #[test]
    fn an_id_is_looked_for_at_its_place() {
        let search = Search { text: Some(Words::of(ID).unwrap()), ..Search::default() };
        let span = |from: Option<&str>| Span { from: from.map(str::to_owned), rows: 1, steps: 1 };
        let (older, newer) = ("act_00000000000000000000000000", "act_v0000000000000000000000000");
        for (begin, expected) in [(None, ID), (Some(newer), ID), (Some(older), older)] {
            assert_eq!(from(&search, &span(begin)).as_deref(), Some(expected));
        }
        assert_eq!(from(&Search::default(), &span(None)), None);
    }
}
