//! An attack case, and the checks after every attack: the CPU is quiet, the host is healthy and the next
//! action is unharmed.

use std::thread;
use std::time::Duration;

use deed_test_support::shared::user;
use deed_tests::world::World;

/// A named attack. It panics when the attack succeeds.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) attack: fn(),
}

/// A list of cases: name, attack. The threat model lists the names.
macro_rules! cases {
    ($($name:literal => $attack:expr),* $(,)?) => {
        vec![$($crate::case::Case { name: $name, attack: $attack }),*]
    };
}
pub(crate) use cases;

/// Checks after an attack: the host answers, is ready, carries out the next action normally
/// and is idle afterwards.
pub(crate) fn unharmed(world: &World) {
    let user = user("bystander", Some(true));
    let next = world.propose(&World::proposal("idp.read_user", &user)).unwrap();
    assert_eq!(next.text("/status"), "verified", "the next action is harmed: {}", next.json());
    quiet(world);
}

/// The host uses less than 30 of 100 ticks in a second once it receives no more requests.
pub(crate) fn quiet(world: &World) {
    let pid = world.host.as_ref().unwrap().pid();
    let mut burnt = 0;
    // One second may include the load of another process's build; a guest that still spins uses every second.
    for _ in 0..3 {
        let before = cpu_ticks(pid);
        thread::sleep(Duration::from_secs(1));
        burnt = cpu_ticks(pid) - before;
        if burnt < 30 {
            return;
        }
    }
    panic!("the CPU is not quiet: {burnt} of 100 ticks in a second");
}

/// User and system time of a process so far, in ticks of 10 ms (`/proc/PID/stat`, fields 14 and 15).
pub(crate) fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
