//! What a process takes, as the kernel counts it: takes its id, gives memory and time.

use std::fs;

use deed_tests::services::Result;

/// Ticks of the kernel's clock in a second, for every program (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Resident memory in MiB: what has a page in RAM now.
pub fn rss_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kib: f64 = kib.ok_or("the kernel does not say how much memory it takes")?.trim().parse()?;
    Ok(kib / 1024.0)
}

/// Seconds of CPU that it used so far, of all its threads, for itself and in the kernel.
pub fn cpu_s(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may have blanks; it stands in brackets, and behind it the third field begins.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || times.next().unwrap_or_default().parse::<f64>();
    Ok((next()? + next()?) / TICKS)
}
