//! The pages of the console while many actions wait: the CPU time of the host for the inbox and for the list of
//! actions, beside the page for signing in, which reads no actions, in the same run.

use deed_benches::process::cpu_s;
use deed_benches::{report, rounded};
use deed_tests::browser::Browser;
use deed_tests::host::Host;
use deed_tests::people::BOB;
use deed_tests::services::Result;
use serde_json::json;

/// The kernel counts CPU time in hundredths of a second, so the pages of all rounds are counted together. In each round
/// the pages take turns.
const ROUNDS: u32 = 10;
const REQUESTS: u32 = 50;
/// One hundredth of a second, for all pages of a kind: shorter CPU times cannot be told apart.
const RESOLUTION_MS: f64 = 10.0 / 500.0;
const CPU_MAX_MS: f64 = 50.0;
/// The paths of the pages, with a text that shows that a page was cut at its maximum number of actions.
const PAGES: [(&str, &str); 3] =
    [("/sign-in", ""), ("/", "Newer ones"), ("/actions", "Older actions")];

pub(crate) fn measure(host: &Host) -> Result<()> {
    let mut person = Browser::signed_in(&host.url, "bob", BOB)?;
    let mut nobody = Browser::new(&host.url);
    let mut cpu = [0.0; PAGES.len()];
    for _ in 0..ROUNDS {
        for (sum, (path, mark)) in cpu.iter_mut().zip(PAGES) {
            let browser = if path == "/sign-in" { &mut nobody } else { &mut person };
            *sum += requested(host, browser, path, mark)?;
        }
    }
    let [floor, inbox, actions] = cpu.map(|seconds| seconds * 1e3 / f64::from(ROUNDS * REQUESTS));
    let figures = json!({
        "sign_in_cpu_ms": rounded(floor, 2),
        "inbox_cpu_ms": rounded(inbox, 2),
        "actions_cpu_ms": rounded(actions, 2),
        "inbox_ratio": rounded(inbox / floor.max(RESOLUTION_MS), 1),
        "actions_ratio": rounded(actions / floor.max(RESOLUTION_MS), 1),
    });
    let holds = inbox <= CPU_MAX_MS && actions <= CPU_MAX_MS;
    report("console_waiting_10k", &figures, &[], "at most 50 ms of CPU time for a page", holds)
}

/// The seconds of CPU time that the host needs for the requests of a round.
fn requested(host: &Host, browser: &mut Browser, path: &str, mark: &str) -> Result<f64> {
    let before = cpu_s(host.pid())?;
    for _ in 0..REQUESTS {
        let page = browser.get(path)?;
        if page.status != 200 || !page.html.contains(mark) {
            return Err(format!("{path} has no `{mark}`: {page:?}").into());
        }
    }
    Ok(cpu_s(host.pid())? - before)
}
