//! What a process has used, from `/proc` (proc(5)): processor time and resident memory.

use std::fs;
use std::time::Duration;

use deed_tests::services::Result;

/// Ticks per second of the times in `/proc/PID/stat`: what Linux shows to programs on every architecture.
const TICKS: u64 = 100;

/// User and system time of all threads so far, in steps of 10 ms; children are not in it.
pub fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in brackets and may hold anything.
    let rest = stat.rsplit_once(") ").ok_or("no stat")?.1;
    let mut fields = rest.split(' ').skip(11);
    let mut next = || -> Result<u64> { Ok(fields.next().ok_or("no time")?.parse()?) };
    Ok(Duration::from_millis((next()? + next()?) * 1_000 / TICKS))
}

/// Resident memory in KiB, without pages of files that are shared.
pub fn rss_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = |name: &str| -> Result<u64> {
        let line = status.lines().find(|line| line.starts_with(name)).ok_or("no such line")?;
        Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse()?)
    };
    value("VmRSS:")
}

/// The largest resident memory so far, in KiB.
pub fn peak_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no such line")?;
    Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse()?)
}
