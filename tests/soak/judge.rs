//! The final check of a walk: compares what every caller knows with the host and the system of record.

use std::collections::{BTreeMap, HashMap};
use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use deed_tests::host;
use deed_tests::record::Applied;
use deed_tests::record::contracts::{Deed, Kind};
use deed_tests::rng::Rng;
use deed_tests::services::Result;
use deed_tests::world::BOB;
use serde_json::{Value, json};

use crate::calls::Known;
use crate::fixture::Fixture;
use crate::walk::{Plan, Then, value};
use crate::{read, write};

/// How long the last actions may take to end. The last actions may need much time because the intervals between
/// observations grow.
const PATIENCE: Duration = Duration::from_mins(3);
/// The number of bundles that are checked with the offline verifier.
const BUNDLES: usize = 150;

pub(crate) struct Judged {
    pub(crate) lines: Vec<String>,
    pub(crate) last: String,
    pub(crate) is_right: bool,
}

#[derive(Default)]
struct Count {
    twice: usize,
    lost: usize,
    wrong: usize,
    ends: BTreeMap<String, usize>,
    lines: Vec<String>,
}

pub(crate) fn judge(fixture: &RwLock<Fixture>, known: &[Known], seed: u64) -> Result<Judged> {
    let mut count = Count::default();
    let ends = ends(&read(fixture), known)?;
    for one in known {
        count.take(one, &ends);
    }
    count.record(read(fixture).record.applied(""), known, &ends);
    count.bundles(&read(fixture), known, seed)?;
    // The host is stopped in order, and its files are checked once more.
    write(fixture).stop()?;
    write(fixture).check()?;
    let fixture = read(fixture);
    count.wrong += fixture.findings.len();
    count.lines.extend(fixture.findings.iter().map(|finding| format!("wrong: {finding}")));
    let Count { twice, lost, wrong, ends, mut lines } = count;
    let words: Vec<String> = ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
    lines.push(format!(
        "soak: seed {seed}: {}; {} stops, {} clock jumps, {} writes applied",
        words.join(", "),
        fixture.stops,
        fixture.jumps,
        fixture.record.applied("").len()
    ));
    let (actions, kills) = (known.len(), fixture.kills);
    let last = format!(
        "soak: {actions} actions, {kills} kills, {twice} twice, {lost} lost, {wrong} wrong"
    );
    Ok(Judged { lines, last, is_right: twice + lost + wrong == 0 })
}

/// The view of every acknowledged action, once each has ended or is open.
fn ends(fixture: &Fixture, known: &[Known]) -> Result<HashMap<String, Value>> {
    let client = fixture.home.client(BOB);
    let (start, mut ends) = (Instant::now(), HashMap::new());
    let mut left: Vec<&String> = known.iter().filter_map(|one| one.id.as_ref()).collect();
    while !left.is_empty() && start.elapsed() < PATIENCE {
        let mut still = Vec::new();
        for id in left {
            let answer = client.get(&format!("/v1/actions/{id}"))?;
            let view = answer.json();
            let open = matches!(view["status"].as_str(), Some("pending" | "running"));
            // The status is 202 while the action is running.
            if open || !matches!(answer.status, 200 | 202) {
                still.push(id);
            }
            ends.insert(id.clone(), view);
        }
        left = still;
        if !left.is_empty() {
            thread::sleep(Duration::from_millis(500));
        }
    }
    Ok(ends)
}

impl Count {
    /// Checks that every acknowledged action exists and has ended.
    fn take(&mut self, one: &Known, ends: &HashMap<String, Value>) {
        let number = one.plan.number;
        if let Some(problem) = &one.problem {
            self.wrong += 1;
            self.lines.push(format!("wrong: action {number}: {problem}"));
        }
        let Some(id) = &one.id else {
            self.lost += 1;
            self.lines.push(format!("lost: action {number} was never acknowledged"));
            return;
        };
        let Some(view) = ends.get(id) else {
            self.lost += 1;
            self.lines.push(format!("lost: {id} was acknowledged but is missing"));
            return;
        };
        let Some(status) = view["status"].as_str() else {
            self.lost += 1;
            self.lines.push(format!("lost: {id} was acknowledged, and now: {view}"));
            return;
        };
        *self.ends.entry(status.to_owned()).or_default() += 1;
        if matches!(status, "pending" | "running") {
            self.lost += 1;
            let last = view["ledger"].as_array().and_then(|lines| lines.last());
            self.lines.push(format!("lost: {id} is still {status} ({:?}): {last:?}", one.plan));
        }
    }

    /// Compares the end of each action with the count of its writes in the system of record. The unique value of an
    /// action identifies its writes.
    fn record(&mut self, all: Vec<Applied>, known: &[Known], ends: &HashMap<String, Value>) {
        let mut applied: HashMap<String, Vec<Applied>> = HashMap::new();
        for one in all {
            let value = one.value.as_str().unwrap_or_default().to_owned();
            applied.entry(value).or_default().push(one);
        }
        for one in known {
            let plan = &one.plan;
            let of_it = applied.remove(&value(plan.number)).unwrap_or_default();
            let times = |slot: &&str| {
                of_it.iter().filter(|applied| applied.slot == **slot && applied.changed).count()
            };
            let times: Vec<usize> = plan.deed.slots().iter().map(times).collect();
            let view = one.id.as_ref().and_then(|id| ends.get(id));
            let status = view.and_then(|view| view["status"].as_str()).unwrap_or("-");
            if times.iter().any(|count| *count > 1) {
                self.twice += 1;
                self.lines.push(format!("twice: {:?} {status} {times:?} {plan:?}", one.id));
            }
            if !plan.reads && !says(status, &times) {
                self.wrong += 1;
                self.lines.push(format!("wrong: {:?} {status} {times:?} {plan:?}", one.id));
            }
        }
        for (value, of_nobody) in applied {
            self.wrong += 1;
            self.lines.push(format!("wrong: {value} was written by no action: {of_nobody:?}"));
        }
    }

    /// Checks some bundles with the offline verifier and the public keys.
    fn bundles(&mut self, fixture: &Fixture, known: &[Known], seed: u64) -> Result<()> {
        let client = fixture.home.client(BOB);
        let mut ids: Vec<&String> = known.iter().filter_map(|one| one.id.as_ref()).collect();
        Rng::new(seed).shuffle(&mut ids);
        let trust = fixture.home.dir.join("trust").to_string_lossy().into_owned();
        let file = fixture.home.dir.join("one.deed");
        for id in ids.into_iter().take(BUNDLES) {
            let answer = client.get(&format!("/v1/actions/{id}/bundle"))?;
            // An action that waits for people has no receipt yet.
            if answer.status == 409 {
                continue;
            }
            std::fs::write(&file, &answer.bytes)?;
            let verify = ["verify", &file.to_string_lossy(), "--trust", &trust];
            if let Some(wrong) = host::complaint(&verify)? {
                self.wrong += 1;
                self.lines.push(format!("wrong: the bundle of {id} is not verified: {wrong}"));
            }
        }
        Ok(())
    }
}

/// Whether the end of an action is consistent with how often each write had an effect.
fn says(status: &str, times: &[usize]) -> bool {
    match status {
        "verified" => times.iter().all(|count| *count == 1),
        "denied" | "cancelled" | "expired" | "failed" | "waiting" => {
            times.iter().all(|count| *count == 0)
        }
        _ => true,
    }
}

/// A check of the oracle itself: falsifications of a walk with one action must be detected.
pub(crate) fn sees() -> Result<()> {
    let plan = Plan {
        number: 7,
        deed: Deed { kind: Kind::Add, writes: 1, asked: false },
        reads: false,
        item: "own-7".to_owned(),
        agent: 0,
        faults: vec![],
        then: Then::Approve,
    };
    let applied = Applied {
        kind: "add".to_owned(),
        item: "own-7".to_owned(),
        slot: "one".to_owned(),
        value: value(7).into(),
        key: None,
        changed: true,
    };
    let known =
        |id: Option<&str>| Known { plan: plan.clone(), id: id.map(str::to_owned), problem: None };
    let of_nobody = Applied { value: value(8).into(), ..applied.clone() };
    let (one, none) = (known(Some("a")), known(None));
    let view = |status: &str| HashMap::from([("a".to_owned(), json!({"status": status}))]);
    let cases = [
        ("nothing wrong", &one, view("verified"), vec![applied.clone()], [0, 0, 0]),
        ("a second effect", &one, view("mismatch"), vec![applied.clone(); 2], [1, 0, 0]),
        ("a lost effect", &one, view("verified"), vec![], [0, 0, 1]),
        ("an effect of what failed", &one, view("failed"), vec![applied.clone()], [0, 0, 1]),
        ("an effect of nobody", &one, view("failed"), vec![of_nobody], [0, 0, 1]),
        ("a lost action", &one, HashMap::new(), vec![], [0, 1, 0]),
        ("one that does not end", &one, view("running"), vec![], [0, 1, 0]),
        ("one that nobody took", &none, HashMap::new(), vec![], [0, 1, 0]),
    ];
    for (what, known, ends, applied, right) in cases {
        let mut count = Count::default();
        count.take(known, &ends);
        count.record(applied, std::slice::from_ref(known), &ends);
        let found = [count.twice, count.lost, count.wrong];
        if found != right {
            return Err(format!("{what}: twice, lost, wrong are {found:?}, not {right:?}").into());
        }
    }
    Ok(())
}
