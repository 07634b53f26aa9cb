//! Memory and CPU time of a process, as the kernel counts them.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use deed_tests::services::Result;

/// Ticks of the kernel's clock in a second, for every program (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Resident memory in MiB: pages that are in RAM now.
pub fn rss_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kib: f64 = kib.ok_or("the kernel does not report its memory use")?.trim().parse()?;
    Ok(kib / 1024.0)
}

/// The interval at which memory is sampled.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs this work. Returns the result of the work and the peak resident memory of the process that was sampled during
/// the work.
pub fn peak_rss_mib<T>(pid: u32, work: impl FnOnce() -> T) -> Result<(T, f64)> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut peak = 0.0_f64;
            loop {
                peak = peak.max(rss_mib(pid).map_err(|error| error.to_string())?);
                thread::sleep(LOOK_EVERY);
                if over.load(Ordering::Relaxed) {
                    return Ok::<_, String>(peak);
                }
            }
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let peak = watch.join().map_err(|_| "the memory sampler panicked")??;
        Ok((done, peak))
    })
}

/// Seconds of CPU time so far, of all threads, in user mode and in the kernel.
pub fn cpu_s(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The process name may contain spaces. The name is in parentheses, and the third field begins after the closing
    // parenthesis.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut times = fields.split_whitespace().skip(11);
    let mut next = || times.next().unwrap_or_default().parse::<f64>();
    Ok((next()? + next()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_the_work_and_not_of_its_end() {
        let pid = std::process::id();
        let hold = || {
            let block = vec![1_u8; 256 << 20];
            // The memory is held long enough to be sampled on a busy machine.
            thread::sleep(Duration::from_secs(1));
            std::hint::black_box(block.len())
        };
        let (length, peak) = peak_rss_mib(pid, hold).unwrap();
        assert_eq!(length, 256 << 20);
        let after = rss_mib(pid).unwrap();
        assert!(peak > after + 200.0, "{peak} MiB while it was held, {after} MiB after");
    }
}
