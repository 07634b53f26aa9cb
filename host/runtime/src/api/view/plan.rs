//! The plan of an action as its agent sees it: which writes it has and what they would change, without any value that
//! the host read or that the adapter computed from such values.

use deed_record::exchange::{Exchange, Fate, Rendered};
use deed_record::lifecycle::story::Story;
use deed_record::plan::Planned;
use deed_spec::json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One write of a plan, without values of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedRequest {
    pub method: String,
    pub upstream: String,
    /// The request as the contract and the parameters determine it, such as `PUT /documents/7`. `{answer.NAME.MEMBER}`
    /// stands for a value that only the answer to an earlier write will have.
    pub request: String,
    /// JSON pointers into the body: the parts that the adapter computed. If the write replaces a document that the
    /// rehearsal read, these are only the members that would change.
    pub changed: Vec<String>,
    /// Whether the contract allows that the write is not sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Whether no attempt sent the write. A dry run, which sends no write at all, does not say so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsent: bool,
}

/// The planned writes of an action; none if it was not rehearsed or has no plan.
pub(super) fn requests(story: &Story) -> Vec<PlannedRequest> {
    let Some(rehearsal) = &story.rehearsal else { return vec![] };
    let writes = rehearsal.plan.iter().flat_map(|plan| &plan.writes);
    let shown = (1_u32..).zip(writes).filter_map(|(n, planned)| {
        // Method and path are those of the rule, so that nothing of the plan but the pointers is shown.
        let rule = rule(story, planned)?;
        Some(PlannedRequest {
            method: rule.method.clone(),
            upstream: rule.upstream.clone(),
            request: format!("{} {}", rule.method, rule.path),
            changed: changed(&planned.request, &rehearsal.exchanges),
            optional: rule.optional,
            unsent: !story.is_dry_run() && !was_sent(story, n, &planned.request),
        })
    });
    shown.collect()
}

/// Whether an attempt sent the planned write with this number. Several writes of a plan may have the same path; the
/// judge says which of them were not sent.
fn was_sent(story: &Story, n: u32, write: &Rendered) -> bool {
    let is_of = |sent: &Exchange| {
        let request = &sent.request;
        sent.may_have_written()
            && (&request.upstream, &request.method) == (&write.upstream, &write.method)
            && write.is_filled_as(&request.path)
    };
    let judged = story.concluded().map_or(&[][..], |judged| &judged.unsent);
    judged.iter().all(|unsent| unsent.write != n) && story.exchanges().into_iter().any(is_of)
}

fn rule<'s>(story: &'s Story, planned: &Planned) -> Option<&'s Rendered> {
    story.bound.perform.get(usize::try_from(planned.rule).ok()?)
}

/// The pointers to what the adapter computed, or to what of it differs from the document that the write replaces.
fn changed(write: &Rendered, reads: &[Exchange]) -> Vec<String> {
    let current = replaced(write, reads);
    let parts = write.parts();
    let changed = parts.iter().flat_map(|(place, new)| {
        match current.and_then(|body| json::pointer(body, place)) {
            Some(old) => differing(place, old, new),
            None => vec![place.clone()],
        }
    });
    let mut changed: Vec<String> = changed.collect();
    changed.sort();
    changed.dedup();
    changed
}

/// The latest answer of the rehearsal with the document that a PUT replaces.
fn replaced<'e>(write: &Rendered, reads: &'e [Exchange]) -> Option<&'e Value> {
    let is_same = |read: &&Exchange| {
        let request = &read.request;
        write.method == "PUT"
            && request.method == "GET"
            && (&request.upstream, &request.path) == (&write.upstream, &write.path)
            && matches!(read.fate, Fate::Answered { status } if (200..300).contains(&status))
    };
    reads.iter().rev().find(is_same)?.response.as_ref()
}

/// Pointers to the members of a part that would change. The names of members that only the current document has are
/// values of the state, so the member around them is named instead.
fn differing(place: &str, old: &Value, new: &Value) -> Vec<String> {
    let changes = json::diff(old, new).into_iter();
    let planned = changes.map(|change| {
        let mut inner = change.pointer.as_str();
        while json::pointer(new, inner).is_none() {
            inner = inner.rsplit_once('/').map_or("", |(outer, _)| outer);
        }
        format!("{place}{inner}")
    });
    planned.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(method: &str) -> Rendered {
        Rendered {
            upstream: "docs".to_owned(),
            method: method.to_owned(),
            path: "/documents/7".to_owned(),
            ..Rendered::default()
        }
    }

    fn write(method: &str, place: &str, body: Value) -> Rendered {
        let any = [(place.to_owned(), "doc".to_owned())].into();
        Rendered { any, body: Some(body), writes: true, ..request(method) }
    }

    fn read(status: u16, body: &Value) -> Exchange {
        let exchange = json!({
            "ordinal": 0, "request": request("GET"), "fate": Fate::Answered { status }, "response": body,
            "started_ms": 0, "ended_ms": 0, "deadline_ms": 0
        });
        serde_json::from_value(exchange).unwrap()
    }

    #[test]
    fn a_replaced_document_shows_only_what_would_change() {
        let old = json!({"title": "old", "owner": "alice", "tags": ["a"]});
        let reads = [read(200, &old)];
        let new = json!({"title": "new", "owner": "alice", "tags": ["a", "b"]});
        assert_eq!(changed(&write("PUT", "", new.clone()), &reads), ["/tags", "/title"]);
        assert_eq!(changed(&write("PUT", "", new), &[]), [""], "nothing was read");
        assert_eq!(changed(&write("PUT", "", old), &reads), [""; 0]);
    }

    #[test]
    fn names_that_only_the_state_has_are_not_shown() {
        let reads = [read(200, &json!({"members": {"carol": 1}, "secret-name": true}))];
        let new = json!({"members": {}});
        assert_eq!(changed(&write("PUT", "", new), &reads), ["", "/members"]);
    }

    #[test]
    fn other_writes_show_the_computed_parts() {
        let body = json!({"title": "new", "op": "replace"});
        for reads in [vec![], vec![read(200, &json!({"title": "old"}))]] {
            assert_eq!(changed(&write("PATCH", "/title", body.clone()), &reads), ["/title"]);
        }
        let refused = [read(404, &json!({"title": "new"}))];
        assert_eq!(changed(&write("PUT", "/title", body), &refused), ["/title"]);
    }
}
