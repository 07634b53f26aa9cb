//! Models one driver with the steps of `drive` and `attempt`, and computes the possible results of its next step. The
//! model announces and records an observation in one append, because two drivers that announce observations in turn
//! would otherwise never end. The simplification does not change which writes a driver can send.

use deed_record::lifecycle::event::Phase;
use deed_record::lifecycle::recovery;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use deed_record::policy::Verdict as Policy;

use super::lines::{Lines, OUTCOMES, Sent, What, Write, writes_of};
use super::world::{Flight, Rules, World};
use crate::stage::reconcile::{self, Conclusion};

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Driver {
    pub(super) pc: Pc,
    /// The journal lines that the driver has read or appended.
    pub(super) view: Lines,
}

impl Default for Driver {
    fn default() -> Self {
        Self { pc: Pc::Read, view: Lines::default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Pc {
    Read,
    /// The driver has read the journal, or its append was accepted. The status determines the next step.
    Act,
    /// The driver has made an observation.
    Looked {
        began: i64,
        shown: [u8; 2],
    },
    Run(Run),
    Rest,
}

/// A run that this driver may make, because the driver appended the start of the run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Run {
    n: u32,
    epoch: u64,
    writes: Vec<Write>,
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum At {
    /// The adapter is about to ask for its next write.
    Next,
    /// The intent of the write is durable, and the write has not been sent.
    Sending {
        deadline: i64,
    },
    Awaiting {
        deadline: i64,
    },
    /// The result of the last write is known, but the adapter has not received it.
    Known,
    Ending,
}

impl Driver {
    /// The epoch of the run in which the driver may send a write now; `None` if it may not send one.
    pub(super) fn can_write(&self, now: i64) -> Option<u64> {
        match &self.pc {
            Pc::Run(Run { epoch, at: At::Sending { deadline }, .. }) if now < *deadline => {
                Some(*epoch)
            }
            _ => None,
        }
    }
}

type Steps = Vec<(&'static str, World)>;

/// The possible results of this driver's next step.
pub(super) fn steps(world: &World, at: usize, rules: &Rules) -> Steps {
    let driver = &world.drivers[at];
    let to = |pc: Pc| {
        let mut next = world.clone();
        next.drivers[at].pc = pc;
        next
    };
    match &driver.pc {
        Pc::Rest => vec![],
        Pc::Read => {
            let mut next = to(Pc::Act);
            next.drivers[at].view = world.journal;
            vec![("reads", next)]
        }
        Pc::Act => match rules.book.story(driver.view) {
            Some(story) => act(world, at, rules, &story),
            None => vec![("cannot read", to(Pc::Rest))],
        },
        Pc::Looked { began, shown } => {
            let looked = What::Looked { began: *began, shown: *shown };
            vec![(
                "writes down its look",
                appended(world, at, rules, vec![What::Looking, looked], false, Pc::Act),
            )]
        }
        Pc::Run(run) => go(world, at, rules, run),
    }
}

/// Appends the lines; the driver then continues at `then`, or reads the journal again if another append came first.
fn appended(
    world: &World,
    at: usize,
    rules: &Rules,
    what: Vec<What>,
    durable: bool,
    then: Pc,
) -> World {
    let mut next = world.clone();
    let taken = next.append(at, what, durable, rules);
    next.drivers[at].pc = if taken { then } else { Pc::Read };
    next
}

/// Models the match of `drive` for every status that a race can reach.
fn act(world: &World, at: usize, rules: &Rules, story: &Story) -> Steps {
    let append = |step, what, durable| {
        vec![(step, appended(world, at, rules, vec![what], durable, Pc::Act))]
    };
    match story.status {
        Status::Gated(Policy::Allow) => append("clears", What::Cleared, false),
        Status::Cleared => vec![("starts", start(world, at, rules, story))],
        Status::Attempting => {
            let lost = story.lost_attempt(&rules.book.contract, world.now).unwrap();
            let (n, writes) = (lost.n, writes_of(&lost));
            append("ends what it finds running", What::Ended { n, lost: true, writes }, true)
        }
        Status::Attempted => vec![("looks", look(world, at, rules))],
        Status::Observed(Phase::Post) => {
            match reconcile::reconcile(&rules.book.contract, story, world.now, 0) {
                _ if !rules.waits && story.attempts.len() < 2 => append("plans", What::Retry, true),
                Conclusion::NotYet(until) if world.now < until => vec![],
                Conclusion::NotYet(_) => vec![("looks again", look(world, at, rules))],
                Conclusion::Judged(judged) => {
                    let another = recovery::another(
                        &rules.book.contract,
                        &story.attempts,
                        &story.bindings,
                        &judged,
                        world.now,
                    );
                    let forgets = rules.forgets_effect && story.attempts.len() < 2;
                    if another.is_ok() || forgets {
                        return append("plans", What::Retry, true);
                    }
                    let outcome = OUTCOMES.iter().position(|one| *one == judged.outcome).unwrap();
                    let outcome = u8::try_from(outcome).unwrap();
                    append("judges", What::Judged { outcome }, false)
                }
            }
        }
        Status::Retrying => append("asks policy again", What::Regated, false),
        _ => {
            let mut next = world.clone();
            next.drivers[at].pc = Pc::Rest;
            vec![("rests", next)]
        }
    }
}

fn look(world: &World, at: usize, rules: &Rules) -> World {
    let mut next = world.clone();
    next.drivers[at].pc = Pc::Looked { began: world.now, shown: world.shown(rules.effect) };
    next
}

/// Appends the start of a run durably before anything runs. A driver whose append is refused runs nothing.
fn start(world: &World, at: usize, rules: &Rules, story: &Story) -> World {
    let (n, epoch) = (story.next_attempt(), story.epoch + 1);
    let run = Run { n, epoch, writes: vec![], at: At::Next };
    let mut next = appended(world, at, rules, vec![What::Started { n, epoch }], true, Pc::Run(run));
    if matches!(next.drivers[at].pc, Pc::Run(_)) {
        next.runs[n as usize] += 1;
    }
    next
}

/// One step of a run.
fn go(world: &World, at: usize, rules: &Rules, run: &Run) -> Steps {
    let to = |run: Run| {
        let mut next = world.clone();
        next.drivers[at].pc = Pc::Run(run);
        next
    };
    let ends = |sent| {
        let mut run = run.clone();
        run.writes.last_mut().unwrap().sent = sent;
        to(Run { at: At::Known, ..run })
    };
    match run.at {
        At::Next => vec![("asks for its next write", ask(world, at, rules, run))],
        At::Sending { deadline } => {
            let mut steps = vec![("finds no connection", ends(Sent::Unsent))];
            if world.now < deadline {
                steps.push(("sends", send(world, at, rules, run, deadline)));
            }
            steps
        }
        At::Awaiting { .. } => {
            let mut steps = vec![("gets no answer", ends(Sent::NoAnswer))];
            let ordinal = run.writes.last().unwrap().ordinal;
            let own = |f: &Flight| f.epoch == run.epoch && f.ordinal == ordinal && f.landed;
            if world.in_flight.iter().any(own) {
                steps.push(("is answered", ends(Sent::Done)));
            }
            steps
        }
        At::Known => vec![("keeps the result", keep(world, at, rules, run))],
        At::Ending => {
            let Run { n, writes, .. } = run.clone();
            let ended = What::Ended { n, lost: false, writes };
            vec![("ends its run", appended(world, at, rules, vec![ended], true, Pc::Act))]
        }
    }
}

/// A write that an earlier attempt completed is answered from the record. For any other write, the intent is appended
/// first.
fn ask(world: &World, at: usize, rules: &Rules, run: &Run) -> World {
    let mut run = run.clone();
    let mut next = world.clone();
    let ordinal = u8::try_from(run.writes.len()).unwrap();
    let story = rules.book.story(world.drivers[at].view);
    let Some(story) = story.filter(|_| usize::from(ordinal) < rules.writes) else {
        run.at = At::Ending;
        next.drivers[at].pc = Pc::Run(run);
        return next;
    };
    let deadline = world.now + 1;
    let mut write = Write { ordinal, sent: Sent::Unsent, carried_from: None, deadline };
    let request = &story.bound.perform[usize::from(ordinal)];
    let known = recovery::known(&story.attempts).into_iter().find(|one| one.request == *request);
    if let Some(done) = known.and_then(|known| known.done) {
        (write.sent, write.carried_from) = (Sent::Done, done.carried_from);
    } else {
        let Run { n, epoch, .. } = run;
        let intended = What::Intended { n, epoch, ordinal, deadline };
        let taken = !rules.durable || next.append(at, vec![intended], true, rules);
        run.at = if taken { At::Sending { deadline } } else { At::Ending };
    }
    run.writes.push(write);
    next.drivers[at].pc = Pc::Run(run);
    next
}

fn send(world: &World, at: usize, rules: &Rules, run: &Run, deadline: i64) -> World {
    let (epoch, ordinal) = (run.epoch, run.writes.last().unwrap().ordinal);
    let mut next = world.clone();
    let intended = |what: &What| matches!(what, What::Intended { epoch: e, ordinal: o, .. } if *e == epoch && *o == ordinal);
    if !rules.book.any(rules.book.first(world.journal, world.durable), intended) {
        next.wrong =
            Some(format!("write {ordinal} of epoch {epoch} leaves with no durable intent"));
    }
    next.in_flight.push(Flight { epoch, ordinal, deadline, landed: false });
    next.drivers[at].pc = Pc::Run(Run { at: At::Awaiting { deadline }, ..run.clone() });
    next
}

/// The result is durable before the adapter receives it. If the result cannot be appended, the run ends.
fn keep(world: &World, at: usize, rules: &Rules, run: &Run) -> World {
    let mut next = world.clone();
    let write = *run.writes.last().unwrap();
    let what = What::WriteEnded { n: run.n, epoch: run.epoch, write };
    let kept = next.append(at, vec![what], true, rules);
    let on = if kept && write.sent == Sent::Done { At::Next } else { At::Ending };
    // A request that took effect and whose result was reported is no longer in flight.
    next.in_flight.retain(|f| !(f.landed && f.epoch == run.epoch && f.ordinal == write.ordinal));
    next.drivers[at].pc = Pc::Run(Run { at: on, ..run.clone() });
    next
}
