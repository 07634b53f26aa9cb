//! Tests the order in which callers get run slots, in fixed cases and under random loads.

use proptest::prelude::*;

use super::*;

fn claim(tenant: &str, agent: &str, upstreams: &[(&str, usize)]) -> Arc<RunRequest> {
    let upstreams = upstreams.iter().map(|(name, most)| ((*name).to_owned(), *most)).collect();
    Arc::new(RunRequest {
        tenant: tenant.to_owned(),
        agent: agent.to_owned(),
        upstreams,
        wasi: false,
    })
}

/// Serves all callers that can be served now, and returns them in order.
fn served(board: &mut RunTable<u64>) -> Vec<u64> {
    std::iter::from_fn(|| board.next().map(|(_, who)| who)).collect()
}

/// Every caller in this range joins the queue.
fn crowd(board: &mut RunTable<u64>, claim: &Arc<RunRequest>, who: std::ops::Range<u64>) {
    for n in who {
        board.ask(claim, n);
    }
}

#[test]
fn who_has_least_is_next_among_tenants_and_among_agents() {
    let mut board = RunTable::new(6);
    let (greedy, other, polite) =
        (claim("a", "greedy", &[]), claim("a", "other", &[]), claim("b", "polite", &[]));
    crowd(&mut board, &greedy, 0..10);
    assert_eq!(served(&mut board), [0, 1, 2, 3, 4], "its agent leaves one free");
    crowd(&mut board, &other, 10..12);
    crowd(&mut board, &polite, 20..23);
    assert_eq!(served(&mut board), [20]);
    let next = |board: &mut RunTable<u64>| {
        board.give_back(&greedy);
        served(board)
    };
    assert_eq!(next(&mut board), [21]);
    assert_eq!(next(&mut board), [22]);
    // Both tenants have three slots, so the agent without a slot is next.
    assert_eq!(next(&mut board), [10]);
    board.give_back(&polite);
    assert_eq!(served(&mut board), [11]);
}

#[test]
fn a_slow_upstream_keeps_nobody_from_another_one() {
    let mut board = RunTable::new(64);
    let (slow, quick) = (claim("a", "x", &[("slow", 4)]), claim("a", "x", &[("quick", 4)]));
    crowd(&mut board, &slow, 0..100);
    assert_eq!(served(&mut board), [0, 1, 2, 3]);
    assert_eq!(board.crowded(&slow), Some("slow"));
    assert!(!board.take(&quick), "nobody goes past the queue without asking");
    board.ask(&quick, 200);
    assert_eq!(served(&mut board), [200]);
    board.give_back(&slow);
    assert_eq!(served(&mut board), [4]);
}

#[test]
fn who_needs_two_upstreams_is_not_passed_over_for_ever() {
    let mut board = RunTable::new(64);
    let (a, b) = (claim("t", "x", &[("a", 2)]), claim("t", "x", &[("b", 2)]));
    let both = claim("t", "y", &[("a", 2), ("b", 2)]);
    for n in 0..2 {
        board.ask(&a, n);
        board.ask(&b, n);
    }
    served(&mut board);
    board.ask(&both, 1_000);
    // Each place that becomes free at one upstream is requested again at once, so that `a` and `b` never have a free
    // place at the same time without a reservation.
    for n in 0..PATIENCE * 2 {
        let one = if n % 2 == 0 { &a } else { &b };
        board.ask(one, n);
        board.give_back(one);
        if served(&mut board).contains(&1_000) {
            return;
        }
    }
    panic!("it waits for ever: {board:?}");
}

/// Returns a table in which caller 1,000 has waited so long for `a` and `b` at once that a place at `a` is reserved for
/// it. Also returns the ticket of that caller, and the number of another caller that waits for `a`.
fn starved() -> (RunTable<u64>, u64, u64) {
    let mut board = RunTable::new(64);
    let [a, b] = ["a", "b"].map(|one| claim("t", "x", &[(one, 1)]));
    board.ask(&a, 0);
    board.ask(&b, 1);
    assert_eq!(served(&mut board), [0, 1]);
    let starving = board.ask(&claim("t", "y", &[("a", 1), ("b", 1)]), 1_000);
    // In this loop, `b` is never free, and `a` is taken again at once when it becomes free.
    let kept = (2..PATIENCE * 2).find(|n| {
        board.ask(&a, *n);
        board.give_back(&a);
        served(&mut board).is_empty()
    });
    let kept = kept.unwrap_or_else(|| panic!("nothing is kept: {board:?}"));
    assert!(kept > PATIENCE / 4, "it was kept at once: {kept}");
    (board, starving, kept)
}

#[test]
fn a_place_is_kept_for_who_starves_and_nobody_else_is_kept_from_anything() {
    let (mut board, _, kept) = starved();
    board.ask(&claim("t", "x", &[("c", 1)]), 2_000);
    board.ask(&claim("u", "x", &[("a", 1)]), 2_001);
    assert_eq!(served(&mut board), [2_001, 2_000]);
    board.give_back(&claim("t", "x", &[("b", 1)]));
    assert_eq!(served(&mut board), [1_000]);
    board.give_back(&claim("t", "y", &[("a", 1), ("b", 1)]));
    assert_eq!(served(&mut board), [kept]);
}

#[test]
fn nothing_is_kept_for_who_went_away() {
    let (mut board, starving, kept) = starved();
    assert!(board.leave(starving));
    assert_eq!(served(&mut board), [kept]);
}

#[test]
fn who_left_is_not_served_and_nobody_is_remembered() {
    let mut board = RunTable::new(1);
    let one = claim("t", "x", &[("u", 1)]);
    let (first, second) = (board.ask(&one, 1), board.ask(&one, 2));
    assert!(board.leave(first) && !board.leave(first));
    assert_eq!(served(&mut board), [2]);
    assert!(!board.leave(second), "it was served");
    board.give_back(&one);
    assert!(board.tenants.is_empty() && board.lanes.is_empty() && board.taken == 0);
}

/// One random event. Each number selects one of the waiting or running callers: the number modulo the count of these
/// callers is the index of the caller.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask { tenant: u8, agent: u8, upstreams: u8 },
    Leave(usize),
    GiveBack(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8, 0..3_u8, 0..4_u8)
            .prop_map(|(tenant, agent, upstreams)| Step::Ask { tenant, agent, upstreams }),
        1 => any::<usize>().prop_map(Step::Leave),
        3 => any::<usize>().prop_map(Step::GiveBack),
    ]
}

/// A simple model of the table: it has no lanes or reservations, and counts current runs to decide who may run.
#[derive(Default)]
struct Model {
    queued: Vec<(u64, Arc<RunRequest>)>,
    running: Vec<Arc<RunRequest>>,
}

impl Model {
    fn of(&self, tenant: &str, agent: Option<&str>) -> usize {
        let fits =
            |one: &&Arc<RunRequest>| one.tenant == tenant && agent.is_none_or(|a| one.agent == a);
        self.running.iter().filter(fits).count()
    }

    fn reaching(&self, tenant: &str, upstream: &str) -> usize {
        let to = |one: &&Arc<RunRequest>| {
            one.tenant == tenant && one.upstreams.iter().any(|(name, _)| name == upstream)
        };
        self.running.iter().filter(to).count()
    }

    /// Whether this request may get a slot now.
    fn may(&self, claim: &RunRequest, slots: usize) -> bool {
        let free = slots - self.running.len();
        let room = |(name, most): &(String, usize)| self.reaching(&claim.tenant, name) < *most;
        free > 0
            && self.of(&claim.tenant, None) < free * TENANT_SHARE
            && self.of(&claim.tenant, Some(&claim.agent)) < free * AGENT_SHARE
            && claim.upstreams.iter().all(room)
    }

    /// Serves every caller whose turn it is, and checks that each caller was entitled to its slot.
    fn serve(&mut self, board: &mut RunTable<u64>, slots: usize) {
        while let Some((claim, who)) = board.next() {
            assert!(self.may(&claim, slots), "{claim:?} must not run now");
            let at = self.queued.iter().position(|(n, one)| *n == who && *one == claim).unwrap();
            let mut waiting = self.queued.iter().filter(|(_, one)| self.may(one, slots));
            let least = waiting.clone().map(|(_, one)| self.of(&one.tenant, None)).min().unwrap();
            // No other tenant that could have run has fewer slots, unless a place is reserved for a starving request.
            let several = self.queued.iter().any(|(_, one)| one.upstreams.len() > 1);
            assert!(several || self.of(&claim.tenant, None) == least, "{claim:?} has more");
            assert!(waiting.all(|(n, one)| *one != claim || *n >= who), "out of order");
            self.queued.remove(at);
            self.running.push(claim);
        }
        let kept = self.queued.iter().any(|(_, one)| one.upstreams.len() > 1);
        let idle = self.queued.iter().any(|(_, one)| self.may(one, slots));
        assert!(kept || !idle, "a slot is free, and somebody who may have it waits");
    }
}

proptest! {
    #[test]
    fn nothing_is_given_twice_lost_or_out_of_turn(
        slots in 1..12_usize,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let (mut board, mut model) = (RunTable::new(slots), Model::default());
        let mut tickets = Vec::new();
        for (n, step) in (0_u64..).zip(steps) {
            match step {
                Step::Ask { tenant, agent, upstreams } => {
                    let all = [("u", 2), ("v", 3)];
                    let some = match upstreams {
                        0 => &all[..0],
                        1 => &all[..1],
                        2 => &all[1..],
                        _ => &all[..],
                    };
                    let claim = claim(&format!("t{tenant}"), &format!("a{agent}"), some);
                    tickets.push((n, board.ask(&claim, n)));
                    model.queued.push((n, claim));
                }
                Step::Leave(which) if !tickets.is_empty() => {
                    let (who, ticket) = tickets[which % tickets.len()];
                    let waits = model.queued.iter().position(|(n, _)| *n == who);
                    prop_assert_eq!(board.leave(ticket), waits.is_some());
                    waits.map(|at| model.queued.remove(at));
                }
                Step::GiveBack(which) if !model.running.is_empty() => {
                    let claim = model.running.remove(which % model.running.len());
                    board.give_back(&claim);
                }
                _ => {}
            }
            model.serve(&mut board, slots);
            prop_assert_eq!(board.taken, model.running.len());
        }
        // In the end, every caller is served and the table is empty.
        while let Some(claim) = model.running.pop() {
            board.give_back(&claim);
            model.serve(&mut board, slots);
        }
        prop_assert!(model.queued.is_empty(), "{:?}", model.queued);
        prop_assert!(board.tenants.is_empty() && board.lanes.is_empty() && board.taken == 0);
    }
}

#[test]
fn few_runs_with_wasi_go_on_at_once() {
    let mut board = RunTable::new(64);
    let of =
        |tenant: &str| Arc::new(RunRequest { wasi: true, ..(*claim(tenant, "x", &[])).clone() });
    let claims = [of("a"), of("b"), of("c")];
    for (n, claim) in (0..).zip(&claims) {
        crowd(&mut board, claim, n * 10..n * 10 + 3);
    }
    assert_eq!(served(&mut board).len(), limits::WASI_RUNS);
    assert_eq!(board.crowded(&claims[0]), Some("wasi"));
    let strict = claim("a", "x", &[]);
    board.ask(&strict, 99);
    assert_eq!(served(&mut board), [99], "other adapters do not wait");
    board.give_back(&claims[0]);
    assert_eq!(served(&mut board).len(), 1);
    assert_eq!(board.crowded(&strict), None);
}
