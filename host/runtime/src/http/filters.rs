//! Parses the query of an action list into filters.
//!
//! A filter that no action can match is refused, because an empty answer would wrongly suggest that all is well.

use std::collections::BTreeMap;

use deed_record::lifecycle::status::Status;

use super::headers::is_trace_id;
use crate::api::problem::Problem;

pub(super) const LIMIT_DEFAULT: usize = 50;
pub(super) const LIMIT_MAX: usize = 500;

/// The filters and the limit of an action list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) status: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) trace: Option<String>,
    pub(super) limit: usize,
}

impl Wanted {
    pub(super) fn of(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut query = known(pairs)?;
        let limit = query.remove("limit").map_or(Ok(LIMIT_DEFAULT), |text| limit(&text))?;
        let mut take = |key: &str, check: fn(&str) -> Result<(), String>| {
            let value = query.remove(key);
            value.iter().try_for_each(|value| check(value)).map_err(Problem::bad_request)?;
            Ok::<_, Problem>(value)
        };
        Ok(Self {
            status: take("status", status)?,
            resource: take("resource", resource)?,
            trace: take("trace", trace)?,
            limit,
        })
    }
}

/// Collects the filters. An unknown filter, or one that occurs twice, is refused.
fn known(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Problem> {
    let mut query = BTreeMap::new();
    for (key, value) in pairs {
        if !["status", "resource", "trace", "limit"].contains(&key.as_str()) {
            let what = format!("`{key}` is unknown; use status, resource, trace or limit");
            return Err(Problem::bad_request(what));
        }
        if query.insert(key.clone(), value).is_some() {
            return Err(Problem::bad_request(format!("`{key}` occurs twice")));
        }
    }
    Ok(query)
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
            assert_eq!(of("status", word).unwrap().status.as_deref(), Some(word));
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
            ("colour", "red", "use status, resource, trace or limit"),
        ] {
            let problem = format!("{:?}", of(key, value).unwrap_err());
            assert!(problem.contains(words), "{key}={value}: {problem}");
        }
    }

    #[test]
    fn what_an_action_can_pass_is_taken() {
        let all = Wanted::of(vec![]).unwrap();
        assert_eq!(all, Wanted { status: None, resource: None, trace: None, limit: 50 });
        for (key, value) in [
            ("resource", "idp/users/4%202"),
            ("trace", "0af7651916cd43dd8448eb211c80319c"),
            ("limit", "500"),
        ] {
            assert!(of(key, value).is_ok(), "{key}={value}");
        }
    }
}
