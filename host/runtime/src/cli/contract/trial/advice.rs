//! What an author can do about an upstream that refuses the trial's requests or does not answer, and about computed
//! values that no condition compares.

use std::collections::BTreeSet;

use deed_record::exchange::{Exchange, Fate};

use super::credentials::OPTIONS;
use super::evidence::Evidence;
use super::inputs::Inputs;

/// One sentence for each upstream and cause, and for each computed value that no condition compares.
pub(super) fn advice(inputs: &Inputs, evidence: &Evidence) -> Vec<String> {
    let told: BTreeSet<String> =
        evidence.exchanges().filter_map(|(_, exchange)| about(inputs, exchange)).collect();
    let unverified = inputs.contract.unverified();
    let more = inputs.targets.keys().filter_map(|name| not_found(inputs, evidence, name));
    told.into_iter().chain(more).chain(unverified.iter().map(ToString::to_string)).collect()
}

/// What can be done about this exchange; nothing if it was answered.
pub(in crate::cli) fn about(inputs: &Inputs, exchange: &Exchange) -> Option<String> {
    let name = &exchange.request.upstream;
    match exchange.fate {
        Fate::Answered { status: status @ (401 | 403) } => Some(refused(inputs, name, status)),
        Fate::Answered { .. } => None,
        Fate::NotSent | Fate::NoAnswer => {
            let url = inputs.targets.get(name).map(|target| target.url.as_str());
            let why = exchange.problem.as_deref().unwrap_or("it gave no answer");
            Some(format!(
                "upstream `{name}` at {} cannot be used: {why}; start it, or correct --against",
                url.unwrap_or_default()
            ))
        }
    }
}

/// What can be done about an upstream that answers 404 to every request: a wrong base URL and an object that does not
/// exist are answered alike. Nothing if the contract expects this answer to every read.
fn not_found(inputs: &Inputs, evidence: &Evidence, name: &str) -> Option<String> {
    const MISSING: u16 = 404;
    let mut answers =
        evidence.exchanges().map(|(_, one)| one).filter(|one| one.request.upstream == name);
    let is_missing = |one: &Exchange| matches!(one.fate, Fate::Answered { status: MISSING });
    let is_all = answers.next().is_some_and(is_missing) && answers.all(is_missing);
    let mut looks = inputs.contract.observe.http.iter().filter(|rule| rule.upstream == name);
    if !is_all || looks.all(|rule| rule.absent.contains(&MISSING)) {
        return None;
    }
    let url = inputs.targets.get(name).map(|target| target.url.as_str()).unwrap_or_default();
    Some(format!(
        "upstream `{name}` at {url} answered 404 to every request; correct the parameter that names the object, or add \
         to --against what the base URL lacks: the part that all paths of the API have in common, such as `/api`"
    ))
}

fn refused(inputs: &Inputs, name: &str, status: u16) -> String {
    match inputs.credentials.get(name) {
        None => format!(
            "upstream `{name}` answered {status}, and the trial sent no credential; give one that may read, with {OPTIONS}"
        ),
        Some(credential) => format!(
            "upstream `{name}` answered {status} to the credential of {} {}; set the variable to a credential that may \
             read, or give it in another way: {OPTIONS}",
            credential.option, credential.variable
        ),
    }
}
