//! Stage 7: determines the outcome from the contract, the pre-state, the attempts and the post-state.
//!
//! Only this module collects the input of the judge. This module reads the action's story and does no I/O.

use std::collections::BTreeMap;

use deed_record::contract::Contract;
use deed_record::exchange::Exchange;
use deed_record::lifecycle::observation::Observation;
use deed_record::lifecycle::outcome::{self, Judgement, Outcome, Seen};
use deed_record::lifecycle::story::Story;

/// The result of [`reconcile`]: either the judgement, or the time of the next observation.
#[derive(Debug)]
pub enum Conclusion {
    /// The state must be read again at this time (Unix milliseconds).
    NotYet(i64),
    Judged(Judgement),
}

/// Judges an action after its post-observation, or returns when the state must be read again. If an earlier process
/// began to wait for the last effects of writes, this process starts that wait again on its own clock.
pub fn reconcile(
    contract: &Contract,
    story: &Story,
    now_ms: i64,
    clock_began_ms: i64,
) -> Conclusion {
    let (Some(pre), Some(post)) = (&story.pre, &story.post) else {
        let reason = "the host has no observation from before or after the attempt";
        return Conclusion::Judged(Judgement::plain(Outcome::Indeterminate, reason));
    };
    let exchanges: Vec<&Exchange> = story.exchanges();
    let settle_ms = contract.verify.settle.as_signed();
    let lands_until = story.lands_until_ms(settle_ms, clock_began_ms);
    let seen = Seen {
        contract,
        params: &story.bound.action.params,
        action: &story.bound.action.id,
        expect: &story.bound.proposal.expect,
        pre,
        post,
        exchanges: &exchanges,
        plan: story.plan(),
        may_still_land: lands_until.is_some_and(|until| post.began_ms() < until),
    };
    let (judgement, is_settled) = outcome::judge_now(&seen);
    if is_settled {
        return Conclusion::Judged(judgement);
    }
    let ended = story.attempts.last().map_or(now_ms, |attempt| attempt.ended_ms);
    let settled = ended.max(clock_began_ms).saturating_add(settle_ms);
    let until = lands_until.unwrap_or(0).max(settled);
    if post.began_ms() < until {
        return Conclusion::NotYet(next_look(post.at_ms, ended, until));
    }
    Conclusion::Judged(judgement)
}

/// Judges an open outcome again. Returns `None` if there is no pre-observation, or if the later observation began while
/// a write could still take effect, because an observation made that early proves nothing.
pub fn settle(
    contract: &Contract,
    story: &Story,
    later: &Observation,
    clock_began_ms: i64,
) -> Option<Judgement> {
    let pre = story.pre.as_ref()?;
    let settle_ms = contract.verify.settle.as_signed();
    let lands_until_ms = story.lands_until_ms(settle_ms, clock_began_ms);
    let until = lands_until_ms.unwrap_or(0).max(story.judged_ms);
    if later.began_ms() < until {
        return None;
    }
    Some(outcome::judge(&Seen {
        contract,
        params: &story.bound.action.params,
        action: &story.bound.action.id,
        expect: &story.bound.proposal.expect,
        pre,
        post: later,
        exchanges: &story.exchanges(),
        plan: story.plan(),
        may_still_land: false,
    }))
}

/// Whether a rejected write may have taken effect nevertheless: the observation after the write shows the intended
/// effect, or is not usable. An intermediary may send a request twice and return only the second response.
pub fn may_have_landed(contract: &Contract, story: &Story) -> bool {
    let (Some(pre), Some(post)) = (&story.pre, &story.post) else { return true };
    let brought_about = |post| {
        outcome::holds(&Seen {
            contract,
            params: &story.bound.action.params,
            action: &story.bound.action.id,
            expect: &BTreeMap::new(),
            pre,
            post,
            exchanges: &[],
            plan: None,
            may_still_land: false,
        })
    };
    post.unusable(contract).is_some() || (brought_about(post) && !brought_about(pre))
}

/// The time of the next observation. The pause before that observation is a tenth of the time since the attempt, but at
/// least 50 ms and at most 5 s.
fn next_look(last_ms: i64, ended_ms: i64, until_ms: i64) -> i64 {
    let pause = (last_ms.saturating_sub(ended_ms) / 10).clamp(50, 5_000);
    last_ms.saturating_add(pause).min(until_ms)
}

/// Checks the contract's `before` preconditions, before an attempt may start. Returns a judgement that names the first
/// precondition that does not hold, or `None` if all of them hold.
pub fn unmet_before(contract: &Contract, story: &Story) -> Option<Judgement> {
    let pre = story.pre.as_ref()?;
    let checks = outcome::before(contract, &story.bound.action.params, pre);
    let failed = checks.iter().find(|c| !c.holds)?;
    let why = failed.problem.as_ref().map_or_else(String::new, |p| format!(" ({p})"));
    let reason = format!("precondition `{}` does not hold{why}", failed.expression);
    Some(Judgement { checks, ..Judgement::plain(Outcome::Denied, reason) })
}
