//! Parses the query of an action list into filters.
//!
//! A filter that no action can match is refused, because an empty answer would wrongly suggest that all is well.

use std::collections::BTreeMap;

use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use deed_store::store::Filter;

use super::headers::is_trace_id;
use crate::api::problem::Problem;
use crate::api::since;
use crate::engine::{Search, TEXT_MAX, Words};

pub(super) const LIMIT_DEFAULT: usize = 50;
pub(super) const LIMIT_MAX: usize = 500;

const NAMES: [&str; 10] =
    ["status", "resource", "agent", "contract", "person", "q", "trace", "since", "from", "limit"];

/// The filters and the limit of an action list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) search: Search,
    /// The greatest id that may be in the list.
    pub(crate) from: Option<ActionId>,
    pub(crate) limit: usize,
}

impl Wanted {
    /// Parses filters, which have the names of the query's parameters.
    pub(crate) fn of(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut query = known(pairs)?;
        let limit = query.remove("limit").map_or(Ok(LIMIT_DEFAULT), |text| limit(&text))?;
        let text = query.remove("q").map(|text| words(&text)).transpose()?;
        let since_ms = query.remove("since").map(|text| earliest(&text)).transpose()?;
        let from = query.remove("from").map(|id| from(&id)).transpose()?;
        let mut take = |key: &str, check: fn(&str) -> Result<(), String>| {
            let value = query.remove(key);
            value.iter().try_for_each(|value| check(value)).map_err(Problem::bad_request)?;
            Ok::<_, Problem>(value)
        };
        let filter = Filter {
            status: take("status", status)?,
            resource: take("resource", resource)?,
            trace: take("trace", trace)?,
            agent: take("agent", |name| named("agent", name))?,
            contract: take("contract", |name| named("contract", name))?,
            since_ms,
            ended: false,
        };
        let person = take("person", |name| named("person", name))?;
        Ok(Self { search: Search { filter, person, text }, from, limit })
    }
}

/// Collects the filters. An unknown filter, or one that occurs twice, is refused.
fn known(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Problem> {
    let mut query = BTreeMap::new();
    for (key, value) in pairs {
        if !NAMES.contains(&key.as_str()) {
            let what = format!("`{key}` is unknown; use one of {}", NAMES.join(", "));
            return Err(Problem::bad_request(what));
        }
        if query.insert(key.clone(), value).is_some() {
            return Err(Problem::bad_request(format!("`{key}` occurs twice")));
        }
    }
    Ok(query)
}

/// The earliest time of the latest event, in Unix milliseconds.
fn earliest(text: &str) -> Result<i64, Problem> {
    let what = || format!("invalid `since`: use {}", since::FORMS);
    since::parse(text).ok_or_else(|| Problem::bad_request(what()))
}

fn words(text: &str) -> Result<Words, Problem> {
    let what = || format!("invalid `q`: use words, with 1 to {TEXT_MAX} characters in total");
    Words::of(text).ok_or_else(|| Problem::bad_request(what()))
}

fn from(id: &str) -> Result<ActionId, Problem> {
    id.parse().map_err(|_| Problem::bad_request("invalid `from`: use the id of an action"))
}

fn named(what: &str, name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("empty `{what}`: use a whole name"));
    }
    Ok(())
}

fn limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| {
        let what = format!("invalid `limit` `{text}`: use a whole number from 1 to {LIMIT_MAX}");
        Problem::bad_request(what)
    })
}

fn status(word: &str) -> Result<(), String> {
    if Status::WORDS.contains(&word) {
        return Ok(());
    }
    Err(format!("invalid status `{word}`: use one of {}", Status::WORDS.join(", ")))
}

fn resource(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("empty `resource`: use a whole name, such as `idp/users/42`".to_owned());
    }
    Ok(())
}

fn trace(id: &str) -> Result<(), String> {
    if is_trace_id(id) {
        return Ok(());
    }
    Err(format!("invalid trace `{id}`: use the 32 lower-case hex digits of a W3C trace id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str, value: &str) -> Result<Wanted, Problem> {
        Wanted::of(vec![(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn every_status_that_there_is_can_be_asked_for() {
        for word in Status::WORDS {
            assert_eq!(of("status", word).unwrap().search.filter.status.as_deref(), Some(word));
        }
    }

    #[test]
    fn a_filter_that_no_action_passes_is_refused_in_words() {
        for (key, value, words) in [
            ("status", "nonsense", "use one of pending, waiting, running, verified"),
            ("status", "", "invalid status ``"),
            ("status", "Verified", "invalid status `Verified`"),
            ("resource", "", "`idp/users/42`"),
            ("trace", "", "32 lower-case hex digits"),
            ("trace", "0AF7651916CD43DD8448EB211C80319C", "32 lower-case hex digits"),
            ("limit", "0", "from 1 to 500"),
            ("limit", "501", "from 1 to 500"),
            ("limit", "-1", "from 1 to 500"),
            ("limit", "", "from 1 to 500"),
            ("agent", "", "empty `agent`"),
            ("contract", "", "empty `contract`"),
            ("person", "", "empty `person`"),
            ("q", "", "1 to 200 characters"),
            ("since", "yesterday", "use a day, such as 2026-01-31, or a time in UTC"),
            ("since", "2026-01-31T18:00:00", "such as 2026-01-31T18:00:00Z"),
            ("since", "2h", "such as 2026-01-31T18:00:00Z"),
            ("from", "act_1", "invalid `from`"),
            ("colour", "red", "use one of status, resource, agent"),
        ] {
            let problem = format!("{:?}", of(key, value).unwrap_err());
            assert!(problem.contains(words), "{key}={value}: {problem}");
        }
    }

    #[test]
    fn what_an_action_can_pass_is_taken() {
        let all = Wanted::of(vec![]).unwrap();
        assert_eq!(all, Wanted { search: Search::default(), from: None, limit: 50 });
        for (since, ms) in [("1970-01-02", 86_400_000), ("1970-01-01T02:00:00Z", 7_200_000)] {
            let wanted = of("since", since).unwrap();
            assert_eq!(wanted.search.filter.since_ms, Some(ms), "{since}");
        }
        for (key, value) in [
            ("resource", "idp/users/4%202"),
            ("trace", "0af7651916cd43dd8448eb211c80319c"),
            ("limit", "500"),
            ("q", "ticket:4711 let"),
            ("from", "act_00000000000000000000000000"),
        ] {
            assert!(of(key, value).is_ok(), "{key}={value}");
        }
    }
}
