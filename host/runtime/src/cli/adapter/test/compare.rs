//! How a run differs from what its case says.

use deed_record::contract::Contract;
use deed_record::exchange::claim::Claim;
use deed_record::exchange::{Exchange, Fate};
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::outcome::Outcome;
use serde_json::Value;

use super::bench::{PATIENCE, Ran};
use super::play::Play;
use super::suite::Prepared;
use crate::cli::contract::case::Found;
use crate::maintenance::contract_test::example;

/// The maximum number of refused requests that are named.
const REFUSED_SHOWN: usize = 5;

/// The differences of a run without a fault; empty if there is none.
pub(super) fn differences(one: &Prepared, ran: &Ran, play: &Play) -> Vec<String> {
    let Some(outcome) = ran.view.outcome else { return vec![too_late()] };
    let pre = ran.evidence.before.as_ref().map(|look| state(look, ran)).unwrap_or_default();
    let post = ran.evidence.after.as_ref().map(|look| state(look, ran));
    let mut all = one.case.differences(&Found {
        outcome,
        reason: ran.view.reason.as_deref().unwrap_or_default(),
        pre: &pre,
        post: post.as_ref(),
        outputs: &ran.view.outputs,
    });
    all.extend(play.unexpected.iter().cloned());
    let missing = play.not_applied().map(|line| line.asked.shown());
    all.extend(missing.map(|request| format!("`{request}` was not sent")));
    all.extend(stops(ran));
    all.extend(refused(ran));
    all
}

/// What a run with a fault shows about the adapter; empty if it did nothing wrong.
pub(super) fn wrongs(contract: &Contract, ran: &Ran, play: &Play) -> Vec<String> {
    let Some(outcome) = ran.view.outcome else { return vec![too_late()] };
    let mut all: Vec<String> = stops(ran).collect();
    if outcome == Outcome::Verified && play.not_applied().next().is_some() {
        all.push("the outcome is verified, although a write was not applied".to_owned());
    }
    let effect = contract.action.effect;
    let again = play.applied_again(effect);
    all.extend(again.map(|what| format!("{what}, and `effect` is \"{}\"", effect.as_str())));
    all.extend(false_claims(ran));
    all
}

/// The states of a look, with the id of the example in place of the action's own.
fn state(look: &Observation, ran: &Ran) -> Value {
    let value = look.value();
    let text = value.to_string().replace(&ran.view.id, example().as_str());
    serde_json::from_str(&text).unwrap_or(value)
}

fn too_late() -> String {
    format!("the action did not end within {} seconds", PATIENCE.as_secs())
}

/// The runs that the adapter did not end by itself.
fn stops(ran: &Ran) -> impl Iterator<Item = String> {
    ran.evidence.claims().filter_map(|(run, claim)| match claim {
        Claim::Trapped(words) => Some(format!("`{run}` was stopped by a trap: {words}")),
        Claim::TimedOut => Some(format!("`{run}` did not end within `timeout` of the contract")),
        Claim::Lost => Some(format!("`{run}` was lost")),
        Claim::Done
        | Claim::Refused(_)
        | Claim::Unavailable(_)
        | Claim::Unknown(_)
        | Claim::Invalid(_) => None,
    })
}

/// The requests that the host refused. Each one is named once.
fn refused(ran: &Ran) -> Vec<String> {
    let mut named: Vec<&String> = Vec::new();
    for why in ran.evidence.refused() {
        if !named.contains(&why) {
            named.push(why);
        }
    }
    let more = named.len().saturating_sub(REFUSED_SHOWN);
    let shown = named.into_iter().take(REFUSED_SHOWN);
    let mut all: Vec<String> =
        shown.map(|why| format!("the host refused a request of the adapter: {why}")).collect();
    if more > 0 {
        all.push(format!("the host refused {more} more requests"));
    }
    all
}

/// The writes that failed in an attempt that the adapter nevertheless reported as done. Such a report hides from the
/// host that another attempt could help.
fn false_claims(ran: &Ran) -> impl Iterator<Item = String> {
    let attempts = ran.evidence.attempts.iter().filter(|one| one.claim == Claim::Done);
    attempts.flat_map(|attempt| {
        let all = &attempt.exchanges;
        let failed = all
            .iter()
            .enumerate()
            .filter(|(_, one)| one.request.writes && !one.request.optional && one.is_hindered());
        let never = failed.filter(move |(at, one)| {
            !all.iter().skip(*at).any(|later| later.request == one.request && later.is_done())
        });
        never.map(|(_, one)| false_claim(one))
    })
}

fn false_claim(write: &Exchange) -> String {
    let how = match write.fate {
        Fate::Answered { status } => format!("was answered {status}"),
        Fate::NoAnswer | Fate::NotSent => "got no answer".to_owned(),
    };
    let (method, path) = (&write.request.method, &write.request.path);
    format!("the adapter reported success, although `{method} {path}` {how}")
}
