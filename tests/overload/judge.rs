//! Compares the host's answers to all proposals with the ends of its actions and with the requests that arrived at the
//! upstream.

use std::collections::{BTreeMap, HashMap};

use deed_tests::client::Client;
use deed_tests::services::Result;

use crate::fixture::Fixture;
use crate::load::{GREEDY, Told};

/// The limit for the observations that may precede a polite tenant's action in the queue. The tenant with the fewest
/// run slots is next, so only actions that already have a run slot and actions of the other polite tenants come first.
/// If the host ran actions in order of arrival, all actions that the greedy tenant has under way would come first.
const PASSED_MAX: usize = 40;
/// The maximum number of lines of one kind that are shown.
const SHOWN: usize = 10;

#[derive(Default)]
pub(crate) struct Judged {
    pub(crate) accepted: Vec<Told>,
    pub(crate) refused: usize,
    /// The number of proposals with an answer that is not permitted.
    other: usize,
    lost: usize,
    passed: usize,
    /// How often each limit caused the refusal of a proposal.
    limits: BTreeMap<String, usize>,
    /// The writes that the refused proposals would have sent.
    unsent: Vec<String>,
    pub(crate) findings: Vec<String>,
}

/// Sorts the proposals by their answers: accepted, refused with a permitted answer, and all others.
pub(crate) fn judge(told: Vec<Told>) -> Judged {
    let mut judged = Judged::default();
    for one in told {
        match (one.status, one.retry_after) {
            (200 | 202, _) if !one.id.is_empty() => {
                if one.tenant != GREEDY && one.word != "verified" {
                    judged.findings.push(format!("a polite tenant's action: {one:?}"));
                }
                judged.accepted.push(one);
            }
            (429 | 503, Some(1..)) => {
                if one.tenant != GREEDY {
                    judged.findings.push(format!("a polite tenant was refused: {one:?}"));
                }
                judged.refused += 1;
                *judged.limits.entry(format!("{} {}", one.status, one.word)).or_default() += 1;
                judged.unsent.push(one.item);
            }
            _ => {
                judged.other += 1;
                judged.findings.push(format!("another answer: {one:?}"));
            }
        }
    }
    judged.passed = median(&judged.accepted);
    if judged.passed > PASSED_MAX {
        judged.findings.push(format!(
            "half of the polite tenants' actions waited for {} looks or more; {PASSED_MAX} are allowed",
            judged.passed
        ));
    }
    if judged.refused == 0 {
        judged.findings.push("no offer was refused: there was no overload".to_owned());
    }
    judged
}

/// The median number of observations that the upstream began to answer while an action of a polite tenant was under
/// way.
fn median(accepted: &[Told]) -> usize {
    let polite = accepted.iter().filter(|one| one.tenant != GREEDY);
    let mut all: Vec<usize> = polite.map(|one| one.passed).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or(0)
}

impl Judged {
    /// Checks that all accepted actions have ended as required.
    pub(crate) fn ends(&mut self, fixture: &Fixture) -> Result<()> {
        let mut clients: HashMap<(usize, usize), Client> = HashMap::new();
        let mut ends = Vec::new();
        for one in &self.accepted {
            let who = (one.tenant, one.agent);
            let client = clients.entry(who).or_insert_with(|| fixture.client(who.0, who.1));
            let view = client.get(&format!("/v1/actions/{}", one.id))?;
            ends.push(view.text("/status"));
        }
        self.ended(&ends);
        Ok(())
    }

    fn ended(&mut self, ends: &[String]) {
        for (one, end) in self.accepted.iter().zip(ends) {
            if end != "verified" {
                self.lost += 1;
                self.findings.push(format!("{} was accepted and is `{end}`", one.id));
            }
        }
    }

    /// Checks that each accepted write was sent exactly once, and that no refused write was sent.
    pub(crate) fn sent(&mut self, fixture: &Fixture) {
        let mut arrived: HashMap<(String, bool), usize> = HashMap::new();
        for request in fixture.proxy.requests() {
            let item = request.path.split('/').find(|part| part.starts_with("i-"));
            let key = (item.unwrap_or_default().to_owned(), request.method == "GET");
            *arrived.entry(key).or_default() += 1;
        }
        self.arrived(&arrived);
    }

    fn arrived(&mut self, arrived: &HashMap<(String, bool), usize>) {
        let times =
            |item: &str, reads| arrived.get(&(item.to_owned(), reads)).copied().unwrap_or(0);
        for one in &self.accepted {
            let (looks, sent) = (times(&one.item, true), times(&one.item, false));
            let right = if one.writes { looks >= 2 && sent == 1 } else { looks == 1 && sent == 0 };
            if !right {
                self.findings
                    .push(format!("{} looked {looks} times and wrote {sent} times", one.id));
            }
        }
        for item in &self.unsent {
            if times(item, true) + times(item, false) > 0 {
                self.findings.push(format!("`{item}` was refused but sent nevertheless"));
            }
        }
    }

    pub(crate) fn is_right(&self) -> bool {
        self.findings.is_empty() && self.lost + self.other == 0
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.findings.iter().take(SHOWN).cloned().collect();
        if self.findings.len() > SHOWN {
            lines.push(format!("… and {} more", self.findings.len() - SHOWN));
        }
        let limits = self.limits.iter().map(|(limit, count)| format!("{count} {limit}"));
        lines.push(format!("overload: refused: {}", limits.collect::<Vec<_>>().join(", ")));
        lines
            .push(format!("overload: a polite tenant is passed by {} looks (median)", self.passed));
        let Self { accepted, refused, lost, other, .. } = self;
        lines.push(format!(
            "overload: {} accepted, {refused} refused, {lost} lost, {other} other",
            accepted.len()
        ));
        lines
    }
}

/// A check of the function `judge` itself, which must detect each fault in a falsified set of answers.
pub(crate) fn sees() -> Result<()> {
    let told = |tenant, status, retry_after, n: usize| Told {
        tenant,
        agent: 0,
        item: format!("i-{n}"),
        writes: false,
        status,
        retry_after,
        id: if status < 300 { format!("act_{n}") } else { String::new() },
        word: if status == 200 { "verified" } else { "" }.to_owned(),
        ms: 1.0,
        passed: 1,
    };
    let good =
        || vec![told(GREEDY, 202, None, 0), told(1, 200, None, 1), told(GREEDY, 429, Some(1), 2)];
    let once = |n: usize| ((format!("i-{n}"), true), 1);
    let whole = |all: Vec<Told>, ends: [&str; 2], arrived: Vec<((String, bool), usize)>| {
        let mut judged = judge(all);
        judged.ended(&ends.map(str::to_owned));
        judged.arrived(&arrived.into_iter().collect());
        judged.is_right()
    };
    let fine = ["verified", "verified"];
    let with = |one: Told| [good(), vec![one]].concat();
    let cases = [
        ("nothing is wrong", true, whole(good(), fine, vec![once(0), once(1)])),
        ("a lost one", false, whole(good(), ["verified", "pending"], vec![once(0), once(1)])),
        ("one that was sent twice", false, whole(good(), fine, vec![once(0), (once(1).0, 2)])),
        (
            "a refused one that was sent",
            false,
            whole(good(), fine, vec![once(0), once(1), once(2)]),
        ),
        (
            "no time to come back",
            false,
            whole(with(told(GREEDY, 429, None, 3)), fine, vec![once(0), once(1)]),
        ),
        (
            "another answer",
            false,
            whole(with(told(GREEDY, 500, None, 3)), fine, vec![once(0), once(1)]),
        ),
        (
            "a polite one refused",
            false,
            whole(with(told(2, 429, Some(1), 3)), fine, vec![once(0), once(1)]),
        ),
        (
            "no overload",
            false,
            whole(good().into_iter().take(2).collect(), fine, vec![once(0), once(1)]),
        ),
    ];
    match cases.iter().find(|(_, must, is)| must != is) {
        Some((what, ..)) => Err(format!("the judge does not detect {what}").into()),
        None => Ok(()),
    }
}
