//! Tests that each bound refuses the right work and that every place is released.

use proptest::prelude::*;

use super::*;
use crate::config::Bounds;

const SMALL: Bounds = Bounds { host: 32, tenant: 16, agent: 8 };

fn small(tenants: usize) -> Admission {
    Admission::new(
        Limits { runs: 4, under_way: SMALL, waiting: SMALL },
        tenants,
        GroupCommit::default(),
    )
}

/// Takes as many places as possible. Also returns the limit that refused the next place.
fn all(admission: &Admission, tenant: &str, agent: &str) -> (Vec<ActivePlace>, Limit) {
    let mut courses = Vec::new();
    loop {
        match admission.admit(tenant, agent) {
            Ok(course) => courses.push(course),
            Err(over) => return (courses, over.limit),
        }
    }
}

#[test]
fn each_bound_is_met_and_names_itself() {
    let admission = small(2);
    let (one, why) = all(&admission, "a", "x");
    assert_eq!((one.len(), why), (8, Limit::AgentUnderWay));
    let (two, why) = all(&admission, "a", "y");
    assert_eq!((two.len(), why), (4, Limit::AgentUnderWay), "it leaves as much as it takes");
    let others: Vec<_> = (0..9).map(|n| all(&admission, "a", &format!("z{n}"))).collect();
    let taken: usize = others.iter().map(|(courses, _)| courses.len()).sum();
    assert_eq!(taken, 4, "the tenant has its sixteen");
    assert_eq!(admission.admit("a", "new").unwrap_err().limit, Limit::TenantUnderWay);
    assert!(admission.admit("b", "polite").is_ok());
    drop(one);
    assert!(admission.admit("a", "new").is_ok());
}

#[test]
fn however_many_are_greedy_there_is_room_for_who_has_little() {
    let admission = small(11);
    let mut held = Vec::new();
    for tenant in 0..10 {
        held.extend(
            (0..4).flat_map(|n| all(&admission, &format!("t{tenant}"), &format!("x{n}")).0),
        );
    }
    assert!(held.len() < SMALL.host, "{} of {}", held.len(), SMALL.host);
    assert!(admission.admit("polite", "x").is_ok());
    drop(held);
    assert_eq!(admission.loads().iter().map(|load| load.under_way).sum::<usize>(), 0);
}

#[test]
fn other_limits_apply_to_new_work_and_accepted_work_stays() {
    let admission = small(2);
    let (held, _) = all(&admission, "a", "x");
    assert_eq!(held.len(), 8);
    let lower = Bounds { host: 8, tenant: 4, agent: 2 };
    admission.change(Limits { runs: 4, under_way: lower, waiting: lower }, 2);
    assert!(admission.admit("a", "x").is_err());
    assert!(admission.admit("b", "y").is_ok(), "the other tenant has its own places");
    drop(held);
    assert_eq!(all(&admission, "a", "x").0.len(), 2);
    admission.change(Limits { runs: 4, under_way: SMALL, waiting: SMALL }, 2);
    assert_eq!(all(&admission, "a", "x").0.len(), 8);
}

#[test]
fn what_was_accepted_is_never_refused_and_people_have_room_of_their_own() {
    let admission = small(2);
    let mut held: Vec<_> = (0..SMALL.host).map(|_| admission.enter("a", "x")).collect();
    assert_eq!(admission.admit("a", "x").unwrap_err().limit, Limit::HostUnderWay);
    held.extend((0..SMALL.host / FOR_PEOPLE).map(|_| admission.admit_answer("a", "x").unwrap()));
    assert_eq!(admission.admit_answer("a", "x").unwrap_err().limit, Limit::HostUnderWay);
    held.push(admission.enter("a", "x"));
    drop(held);
    assert!(admission.admit("b", "y").is_ok());
    let refused: Vec<u64> = admission.refused().iter().map(|(_, count)| *count).collect();
    assert_eq!(refused, [0, 0, 2, 0, 0, 0, 0]);
}

#[test]
fn nobody_takes_the_places_that_another_tenant_has_for_sure() {
    let admission = small(2);
    let mut held: Vec<_> = (0..2 * SMALL.host).map(|_| admission.enter("a", "x")).collect();
    for n in 0..SMALL.host / 4 {
        let agent = format!("y{n}");
        let answer = n % 2 == 0;
        let course =
            if answer { admission.admit_answer("b", &agent) } else { admission.admit("b", &agent) };
        held.push(course.unwrap());
    }
    assert_eq!(admission.admit("b", "z").unwrap_err().limit, Limit::HostUnderWay);
    assert_eq!(admission.admit_answer("b", "z").unwrap_err().limit, Limit::HostUnderWay);
}

#[test]
fn who_is_sent_away_is_told_what_it_took_of_late() {
    let told = |stay_ms| seconds(Duration::from_millis(stay_ms));
    assert_eq!((told(0), told(999), told(1_000), told(4_200)), (1, 1, 2, 5));
    assert_eq!(told(3_600_000), RETRY_MAX_S);
}

#[test]
fn only_what_carried_an_action_says_how_long_one_takes() {
    let admission = small(1);
    let mut slow = admission.enter("a", "x").carrying();
    slow.since -= Duration::from_secs(40);
    drop(slow);
    let (held, _) = all(&admission, "a", "x");
    let told = || admission.admit("a", "x").unwrap_err().retry_after_s;
    assert_eq!(told(), 41);
    // The places that are taken and released here do not carry an action, for example because the action was refused
    // after admission.
    (0..100).for_each(|_| drop(admission.admit_answer("a", "x").unwrap()));
    assert_eq!(told(), 41);
    drop(admission.enter("a", "x").carrying());
    assert_eq!(told(), 36);
    drop(held);
}

proptest! {
    /// For any sequence of requests, no bound is exceeded, and a tenant that holds no place is never refused one.
    #[test]
    fn bounds_hold_and_the_last_place_is_for_a_newcomer(
        asks in prop::collection::vec((0..6_u8, 0..4_u8, any::<bool>()), 1..300),
    ) {
        let admission = small(6);
        let mut held: Vec<(u8, u8, ActivePlace)> = Vec::new();
        for (tenant, agent, leaves) in asks {
            if leaves && !held.is_empty() {
                held.swap_remove(usize::from(agent) % held.len());
                continue;
            }
            let of_tenant = held.iter().filter(|(t, _, _)| *t == tenant).count();
            let of_agent = held.iter().filter(|(t, a, _)| (*t, *a) == (tenant, agent)).count();
            match admission.admit(&format!("t{tenant}"), &format!("a{agent}")) {
                Ok(course) => held.push((tenant, agent, course)),
                Err(_) => prop_assert!(of_tenant > 0, "{} are under way", held.len()),
            }
            prop_assert!(held.len() <= SMALL.host && of_tenant <= SMALL.tenant && of_agent <= SMALL.agent);
        }
    }
}
