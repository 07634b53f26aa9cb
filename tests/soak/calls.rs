//! The callers of one action: an agent that proposes until the host acknowledges it, and people who approve, deny or
//! cancel. The callers outlive every host process and repeat their requests when a host serves again.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::client::{Answer, Client};
use deed_tests::people;
use deed_tests::services::Result;
use deed_tests::world::BOB;
use serde_json::{Value, json};

use crate::fixture::{Fixture, token};
use crate::walk::{Plan, Then, value};

/// The pause of a caller before it repeats a request.
const AGAIN: Duration = Duration::from_millis(60);
/// How long a caller waits for a host to serve again.
const PATIENCE: Duration = Duration::from_mins(2);

/// What the callers of an action know about it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) plan: Plan,
    /// The action's id, or `None` if the host never acknowledged the action.
    pub(crate) id: Option<String>,
    pub(crate) problem: Option<String>,
}

/// The current address of the host, which changes with each start.
pub(crate) trait Where: Sync {
    fn url(&self) -> String;
}

impl Where for std::sync::RwLock<Fixture> {
    fn url(&self) -> String {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).url()
    }
}

/// Makes all requests about one planned action.
pub(crate) fn carry(fixture: &impl Where, dir: &Path, plan: Plan, over: &AtomicBool) -> Known {
    let id = match propose(fixture, &plan) {
        Ok(id) => id,
        Err(error) => return Known { plan, id: None, problem: Some(error.to_string()) },
    };
    let problem = people(fixture, dir, &plan, &id, over).err().map(|error| error.to_string());
    Known { plan, id: Some(id), problem }
}

fn propose(fixture: &impl Where, plan: &Plan) -> Result<String> {
    let mut proposal = plan.deed.proposal(&plan.item);
    proposal["params"]["value"] = json!(value(plan.number));
    if plan.reads {
        proposal["contract"] = json!("crash.set_read");
        proposal["params"] = json!({"item": plan.item});
    }
    let key = format!("soak-{}", plan.number);
    let headers = [("prefer", "wait=0"), ("idempotency-key", key.as_str())];
    let answer =
        until_answered(fixture, &token(plan.agent), |client| client.propose(&proposal, &headers))?;
    if matches!(answer.status, 200 | 202) {
        return Ok(answer.text("/id"));
    }
    Err(format!("the proposal was answered {}: {}", answer.status, answer.json()).into())
}

/// The first answer that does not ask the caller to retry.
fn until_answered(
    fixture: &impl Where,
    token: &str,
    call: impl Fn(&Client) -> Result<Answer>,
) -> Result<Answer> {
    let (start, mut last) = (Instant::now(), String::new());
    while start.elapsed() < PATIENCE {
        let url = fixture.url();
        if !url.is_empty() {
            match call(&Client::new(&url, token)) {
                Ok(answer) if !matches!(answer.status, 429 | 503) => return Ok(answer),
                Ok(answer) => last = answer.json().to_string(),
                Err(error) => last = error.to_string(),
            }
        }
        thread::sleep(AGAIN);
    }
    Err(format!("no host accepted it for two minutes: {last}").into())
}

fn people(
    fixture: &impl Where,
    dir: &Path,
    plan: &Plan,
    id: &str,
    over: &AtomicBool,
) -> Result<()> {
    if let Then::Cancel(pause) = plan.then {
        thread::sleep(pause);
        let path = format!("/v1/actions/{id}/cancel");
        let token = token(plan.agent);
        let answer = until_answered(fixture, &token, |client| client.post(&path, &Value::Null))?;
        // Answer 409 means that it was too late to cancel.
        return match answer.status {
            200 | 202 | 409 => Ok(()),
            other => Err(format!("cancelling was answered {other}: {}", answer.json()).into()),
        };
    }
    if !plan.deed.asked {
        return Ok(());
    }
    let verb = if plan.then == Then::Deny { "deny" } else { "approve" };
    let path = format!("/v1/actions/{id}");
    // The loop continues while the action waits, because the host requests stale approvals again.
    while !over.load(Ordering::SeqCst) {
        let answer = until_answered(fixture, BOB, |client| client.get(&path))?;
        match answer.text("/status").as_str() {
            "pending" | "running" => thread::sleep(AGAIN),
            "waiting" => {
                // The action's status shows whether the answer was accepted. If the host dies before it accepts the
                // answer, the person answers again.
                people::answer(&fixture.url(), dir, [verb, id, "bob", BOB])?;
                thread::sleep(AGAIN);
            }
            _ => return Ok(()),
        }
    }
    Ok(())
}
