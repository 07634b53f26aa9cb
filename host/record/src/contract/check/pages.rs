//! Checks a list of requests in `from`. Their answers are the pages of one list, so a difference between their rules
//! must not decide which element is the state, or whether the state exists.

use super::super::fault::Fault;
use super::super::{Contract, Requests, StateShape};
use crate::contract::template::Rule;

/// The maximum number of requests from whose answers one state is read.
const PAGES_MAX: usize = 20;

pub(super) fn check(contract: &Contract, table: &str, shape: &StateShape) -> Result<(), Fault> {
    let Some(Requests::Pages(requests)) = &shape.from else { return Ok(()) };
    let refuse = |what: String| Err(Fault::at(table, what));
    match requests.as_slice() {
        [] => return refuse("`from` lists no request; write `from = \"GET /path\"`".to_owned()),
        [one] => {
            return refuse(format!("`from` lists only one request; write `from = \"{one}\"`"));
        }
        all if all.len() > PAGES_MAX => {
            let count = all.len();
            return refuse(format!(
                "`from` lists {count} requests, where at most {PAGES_MAX} are allowed; request larger pages, or use a \
                 filter of the upstream"
            ));
        }
        _ => {}
    }
    for (n, one) in requests.iter().enumerate() {
        if requests.iter().take(n).any(|earlier| earlier == one) {
            return Err(Fault::at(one, format!("`{one}` occurs twice in `from`; keep one")));
        }
    }
    if shape.only.is_none() {
        let what = "`from` lists several requests, which are read as the pages of one list; add `only` with the JSON \
                    pointer to the list, or keep one request";
        return refuse(what.to_owned());
    }
    alike(contract, shape)
}

/// Checks that the rules of all pages have the same meaning, and that all pages can be read in every observation.
fn alike(contract: &Contract, shape: &StateShape) -> Result<(), Fault> {
    let Some(first) = contract.source_of(shape) else { return Ok(()) };
    for rule in contract.sources_of(shape).filter_map(|at| contract.observe.http.get(at)) {
        if rule.awaits_answer() {
            let what = format!(
                "`{}` has a value of an answer, so it cannot be one of several requests in `from`; write \
                 `from = \"{}\"`",
                rule.request, rule.request
            );
            return Err(Fault::at(&rule.request, what));
        }
        if let Some(key) = difference(first, rule) {
            let what = format!(
                "`{}` and `{}` are requests of one `from`, so both rules need the same `{key}`",
                first.request, rule.request
            );
            return Err(Fault::at(&rule.request, what));
        }
    }
    Ok(())
}

/// The first key that must be equal in both rules and is not.
fn difference(one: &Rule, other: &Rule) -> Option<&'static str> {
    let keys = [
        ("upstream", one.upstream == other.upstream),
        ("where", one.selected == other.selected),
        ("control", one.control == other.control),
        ("expose", one.expose == other.expose),
        ("refused_when", one.refused_when == other.refused_when),
    ];
    keys.into_iter().find_map(|(key, same)| (!same).then_some(key))
}
