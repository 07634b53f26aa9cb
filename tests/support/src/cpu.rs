//! Checks that a host without requests uses almost no CPU time.

use std::fs;
use std::thread;
use std::time::Duration;

use deed_tests::world::World;

/// Fails unless the idle host uses less than 30 of the 100 ticks of CPU time in a second.
pub fn quiet(world: &World) {
    let pid = world.host.as_ref().unwrap().pid();
    let mut burnt = 0;
    // Other load on the machine may affect one second, but a guest that still spins affects every second.
    for _ in 0..3 {
        let before = ticks(pid);
        thread::sleep(Duration::from_secs(1));
        burnt = ticks(pid) - before;
        if burnt < 30 {
            return;
        }
    }
    assert!(burnt < 30, "the CPU is not quiet: {burnt} of 100 ticks in a second");
}

/// User and system time of a process so far, in ticks of 10 ms (`/proc/PID/stat`, fields 14 and 15).
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}
