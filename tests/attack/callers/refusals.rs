//! Callers that are refused repeatedly. The cost of the refusals is charged to these callers only.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::client::Answer;
use deed_tests::proxy::Fault;
use deed_tests::world::{BOB, HELPDESK, STRANGER, World};
use serde_json::{Value, json};

use super::crowd::patient;
use super::wire::{Said, address, bearer, call, connect, request};
use super::{counted, unharmed};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "refused-again-and-again" => refused,
        "denied-again-and-again" => denied,
        "denied-again-and-again-without-waiting" => denied_unseen,
        "wrong-tokens-again-and-again" => nobody,
        "actions-without-end" => endless,
    ]
}

/// The number of refusals that one principal may have in a row, and how many are forgiven per second.
const BURST: usize = 120;
const FORGIVEN_S: usize = 2;
/// The number of requests that one principal may have in progress.
const AT_ONCE: usize = 128;

fn propose(world: &World, body: &Value, wait: &str) -> Answer {
    world.client(HELPDESK).propose(body, &[("prefer", wait)]).unwrap()
}

/// Repeats the request until the answer is 429, which must not happen before the budget is used up. Returns the number
/// of answers before the 429, and the largest number that the budget allows.
fn exhaust(ask: impl Fn() -> u16) -> (usize, usize) {
    let start = Instant::now();
    let served = (0..5_000).take_while(|_| ask() != 429).count();
    let forgiven = (usize::try_from(start.elapsed().as_secs()).unwrap() + 2) * FORGIVEN_S;
    assert!(served >= BURST, "a polite caller would have met it: after {served}");
    // Requests that were in progress when the budget ran out may be answered too. One principal may have `AT_ONCE`
    // requests in progress.
    (served, BURST + forgiven + AT_ONCE)
}

/// Checks that other principals are served while this principal is refused, and that this principal is served again
/// after some time.
pub(super) fn forgiven(world: &World) {
    for token in [BOB, STRANGER] {
        assert_eq!(world.client(token).get("/v1/contracts").unwrap().status, 200, "{token}");
    }
    assert!(counted(world, "deed_throttled_total") > 0);
    let end = Instant::now() + Duration::from_mins(3);
    while world.client(HELPDESK).get("/v1/contracts").unwrap().status == 429 {
        assert!(Instant::now() < end, "never forgiven");
        thread::sleep(Duration::from_millis(200));
    }
    unharmed(world);
}

/// Uses up the budget and then sends a valid request, until this request is refused. A refusal is forgiven every half
/// second, so the valid request may come too late.
fn spent<T>(spend: impl Fn() -> u16, ask: impl Fn() -> T, status: impl Fn(&T) -> u16) -> T {
    let one = |_| {
        assert!((0..5_000).any(|_| spend() == 429), "the budget has no end");
        ask()
    };
    (0..100).map(one).find(|answer| status(answer) == 429).unwrap()
}

fn refused() {
    let world = World::start(scim()).unwrap();
    let right = World::proposal("idp.read_user", &locked_out());
    let unknown = World::proposal("idp.no_such", &"0".repeat(32));
    let refuse = || propose(&world, &unknown, "wait=60").status;
    let (refused, most) = exhaust(refuse);
    assert!(refused <= most, "after {refused}");
    assert!(world.proxy.requests().is_empty());
    // No further request of the principal is served, not even a valid request.
    let valid = || {
        world.proxy.forget();
        propose(&world, &right, "wait=60")
    };
    let answer = spent(refuse, valid, |answer| answer.status);
    assert_eq!(answer.content_type, "application/problem+json");
    assert!(world.proxy.requests().is_empty());
    let read = || call(&world, HELPDESK, "GET", "/v1/contracts", b"");
    let said = spent(refuse, read, Said::status);
    let seconds: u64 = said.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    forgiven(&world);
}

/// Each denied action costs the host a receipt, a signature and a leaf in the log, and is therefore charged to the
/// caller's budget of refusals.
fn denied() {
    let world = World::start(scim()).unwrap();
    let mut body = World::proposal("idp.read_user", &locked_out());
    body["environment"] = json!("test");
    let (refused, most) = exhaust(|| {
        let answer = propose(&world, &body, "wait=60");
        assert!(answer.status == 429 || answer.text("/status") == "denied", "{}", answer.json());
        answer.status
    });
    assert!(refused <= most, "after {refused}");
    forgiven(&world);
}

/// A denied proposal is charged even if its caller disconnects before it receives the answer.
fn denied_unseen() {
    let world = World::start(scim()).unwrap();
    let mut body = World::proposal("idp.read_user", &locked_out());
    body["environment"] = json!("test");
    let body = body.to_string();
    let (token, kind) = (bearer(HELPDESK), "Content-Type: application/json");
    let bytes = request("POST", "/v1/actions", &[&token, kind, "Prefer: wait=0"], body.as_bytes());
    let sent = Cell::new(0_u64);
    let (_, most) = exhaust(|| {
        let mut stream = connect(address(&world));
        std::io::Write::write_all(&mut stream, &bytes).ok();
        // On a busy machine, the host may read none of the requests whose connection is closed at once. Therefore one
        // caller of four disconnects when its answer arrives, and the others earlier.
        match sent.replace(sent.get() + 1) % 4 {
            0 => drop(stream.peek(&mut [0; 1])),
            pause => thread::sleep(Duration::from_millis(pause)),
        }
        drop(stream);
        world.client(HELPDESK).get("/v1/contracts").unwrap().status
    });
    // A request costs nothing if its connection was closed before the host read the request. Each request that became
    // an action was charged to the caller's budget.
    let taken = world.client(BOB).get("/v1/actions?limit=500").unwrap().json();
    let taken = taken["actions"].as_array().unwrap().len();
    assert!(taken <= most, "{taken} actions");
    forgiven(&world);
}

/// A caller without a valid token has no budget. Each request of such a caller is refused at once and counted.
fn nobody() {
    let world = World::start(scim()).unwrap();
    for n in 0..500 {
        let answer = world.client(&format!("wrong-{n}")).get("/v1/actions").unwrap();
        assert_eq!(answer.status, 401);
    }
    assert_eq!(counted(&world, "deed_unauthorized_total"), 500);
    assert_eq!(counted(&world, "deed_throttled_total"), 0);
    unharmed(&world);
}

/// One agent keeps proposing slow actions and waits for none of them.
fn endless() {
    let world = patient();
    world.proxy.set("GET", Fault::Hold);
    let body = World::proposal("idp.read_user", &user("slow", Some(true))).to_string();
    let agent = world.client(HELPDESK);
    let ask =
        || agent.send("POST", "/v1/actions", &[("prefer", "wait=0")], body.clone().into_bytes());
    let mut taken = Vec::new();
    let over = loop {
        let said = ask().unwrap();
        if said.status != 202 {
            break said;
        }
        taken.push(said.text("/id"));
        assert!(taken.len() <= UNDER_WAY_MAX, "all of them are taken");
    };
    assert_eq!((over.status, over.content_type.as_str()), (429, "application/problem+json"));
    assert!(taken.len() > 50, "a polite caller would have met it: after {}", taken.len());
    // The agent may still read. An answer that asks the agent to wait is not charged.
    for _ in 0..150 {
        assert_eq!(ask().unwrap().status, 429);
    }
    assert_eq!(agent.get("/v1/contracts").unwrap().status, 200);
    assert_eq!(world.client(STRANGER).get("/v1/contracts").unwrap().status, 200);
    world.proxy.set("GET", Fault::None);
    for id in taken {
        assert_eq!(world.settled(&id).unwrap()["status"], "verified");
    }
    unharmed(&world);
}

/// Actions that end during the attack make room for a few more actions.
const UNDER_WAY_MAX: usize = 200;
