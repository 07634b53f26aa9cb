//! Model checker for racing drivers. The checker verifies that each driver appends an event before it takes the step
//! that the event announces, and that a driver whose append is refused takes no step. The checker explores every
//! interleaving of two and three drivers, with crashes and power cuts at every step. The model uses the host's real
//! code to rebuild actions from events, to judge outcomes, to decide about recovery, and to accept or refuse appends.
//!
//! A driver is a state machine with the steps of `drive` and `attempt`: read, append, run, intend, send, keep the
//! result, end, observe. The model omits the lease and the directory lock, which normally prevent a second driver: they
//! only save work, and correctness must not depend on them. The model does not sleep or send anything; time is a number
//! that may advance at any step.

mod driver;
mod lines;
mod parts;
mod world;

use std::collections::HashSet;
use std::io::Write as _;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use deed_record::contract::Effect;
use deed_store::journal;
use deed_store::store::{Append, AppendError, Store as _, Summary};

use self::world::{Rules, World};

/// The result of an exploration.
#[derive(Debug)]
struct Explored {
    states: usize,
    /// The largest distance of a state from the initial state, in steps on the shortest path.
    depth: usize,
    /// The maximum number of attempts on one path. `applied` is the maximum number of times that a write was applied.
    attempts: u32,
    applied: u8,
}

/// Visits every reachable state. The first violation ends the search and is returned with the steps that lead to it.
fn explore(rules: &Rules) -> Result<Explored, String> {
    let first = Rc::new(World::new(rules));
    let mut seen = HashSet::from([Rc::clone(&first)]);
    // Each entry has a state, the index of the preceding state, and the step between the two.
    let mut states = vec![(first, 0, String::new())];
    let mut depths = vec![0];
    let mut found = Explored { states: 0, depth: 0, attempts: 0, applied: 0 };
    let mut at = 0;
    while let Some((world, _, _)) = states.get(at).cloned() {
        for (step, next) in world.steps(rules) {
            if let Some(violation) = next.violation(rules) {
                return Err(format!("{violation}\n{}\n{step}", way(&states, at)));
            }
            let next = Rc::new(next);
            if seen.insert(Rc::clone(&next)) {
                found.attempts = found.attempts.max(next.attempts());
                found.applied = found.applied.max(next.applied_most());
                depths.push(depths[at] + 1);
                states.push((next, at, step));
            }
        }
        at += 1;
    }
    found.states = states.len();
    found.depth = depths.into_iter().max().unwrap_or(0);
    Ok(found)
}

/// The steps from the initial state to this one.
fn way(states: &[(Rc<World>, usize, String)], mut at: usize) -> String {
    let mut steps = Vec::new();
    while at > 0 {
        let (_, from, step) = &states[at];
        steps.push(step.clone());
        at = *from;
    }
    steps.reverse();
    steps.join("\n")
}

/// Upper bound on the number of journal versions on a path. More versions would be an error in the model.
const VERSIONS: u64 = 48;

fn say(line: &str) {
    // An error of writing to stdout is ignored, because a closed stdout has no reader.
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// The pairs (`actual`, `expect`) for which the real journal accepts an append that expects version `expect` of an
/// action with `actual` events.
fn answers_of_the_journal() -> HashSet<(u64, u64)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("deed-race-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let journal = journal::open(&dir).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut taken = HashSet::new();
    for actual in 0..VERSIONS {
        // The matching version is tried last, because an accepted append adds an event and so changes the version.
        let others = (0..VERSIONS).filter(|expect| *expect != actual).chain([actual]);
        for expect in others {
            match runtime.block_on(journal.append(append(expect))) {
                Ok(_) => assert!(taken.insert((actual, expect))),
                Err(AppendError::Conflict { actual: said }) => assert_eq!(said, actual),
                Err(error) => panic!("{error}"),
            }
        }
    }
    drop(journal);
    std::fs::remove_dir_all(&dir).unwrap();
    taken
}

fn append(expect: u64) -> Append {
    let word = |text: &str| text.to_owned();
    let summary = Summary {
        tenant: word("acme"),
        agent: word("helpdesk"),
        contract: word("race"),
        resource: word("items/1"),
        status: word("running"),
        ended: false,
        at_ms: 1,
        trace: None,
    };
    Append {
        action: word("act"),
        expect,
        events: vec![b"{}".to_vec()],
        summary,
        claim: None,
        nonces: vec![],
        durable: false,
    }
}

/// The numbers of drivers, writes, crashes, power cuts and ticks of one exploration.
type Setting = (usize, usize, u8, u8, i64);
const SETTINGS: [Setting; 3] = [(2, 1, 1, 0, 2), (2, 1, 0, 1, 2), (2, 2, 0, 0, 2)];
/// A setting with half a million states. This setting is explored for only one of the effects that a contract can
/// declare, because the errors that a third driver can make do not depend on the effect.
const CROWD: Setting = (3, 1, 0, 0, 2);

#[test]
fn drivers_race_for_an_idempotent_action() {
    race(Effect::Idempotent, &SETTINGS);
}

#[test]
fn drivers_race_for_a_keyed_action() {
    race(Effect::Keyed, &SETTINGS);
}

#[test]
fn drivers_race_for_an_observable_action() {
    race(Effect::Observable, &SETTINGS);
    race(Effect::Observable, &[CROWD]);
}

#[test]
fn drivers_race_for_an_opaque_action() {
    race(Effect::Opaque, &SETTINGS);
}

/// Checks that only one driver runs each attempt, and that no write is applied twice unless it is idempotent.
fn race(effect: Effect, settings: &[Setting]) {
    let answers = Rc::new(answers_of_the_journal());
    let mut total = 0;
    for (drivers, writes, crashes, cuts, ticks) in settings.iter().copied() {
        let real = Rules::real(effect, writes, &answers);
        let rules = Rules { drivers, crashes, cuts, ticks, ..real };
        let found = explore(&rules).unwrap_or_else(|way| panic!("{effect:?}: {way}"));
        let Explored { states, depth, attempts, applied } = found;
        say(&format!(
            "race: {effect:?}, {drivers} drivers, {writes} writes, {crashes} crashes, {cuts} power cuts: \
             {states} states, {depth} steps deep, up to {attempts} attempts, a write applied {applied} times at most"
        ));
        assert_eq!(attempts, 2, "a second attempt must be among the ways");
        total += states;
    }
    say(&format!("race: {effect:?}: {total} states, 0 violations"));
}

/// Tests the explorer itself: if a rule of the host is turned off, the explorer must find the violation that the rule
/// prevents.
#[test]
fn without_a_rule_the_explorer_finds_what_it_prevents() {
    let answers = Rc::new(answers_of_the_journal());
    let real = |effect| Rules { cuts: 1, crashes: 1, ticks: 2, ..Rules::real(effect, 1, &answers) };
    let (add, opaque) = (Effect::Observable, Effect::Opaque);
    let broken = [
        ("swap", Rules { swaps: false, ..real(add) }, "ran twice"),
        ("intents", Rules { durable: false, ..real(add) }, "no durable intent"),
        ("deadline", Rules { waits: false, ..real(add) }, "two can write"),
        ("effect", Rules { forgets_effect: true, ..real(opaque) }, "applied 2 times"),
    ];
    for (rule, rules, says) in broken {
        let found = explore(&rules).expect_err(rule);
        assert!(found.contains(says), "without `{rule}`: {found}");
        say(&format!("race: without `{rule}`: {}", found.lines().next().unwrap_or_default()));
    }
}
