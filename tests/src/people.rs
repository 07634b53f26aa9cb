//! The callers of a host, and people who use the real client. The client shows a person the request, signs the person's
//! answer with their key and sends it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::host;
use crate::services::Result;

/// Tokens of the callers; `deed.toml` holds only their hashes.
pub const HELPDESK: &str = "deed_token-of-the-helpdesk-agent-of-acme";
pub const BOB: &str = "deed_token-of-bob-who-approves-for-acme";
pub const CAROL: &str = "deed_token-of-carol-who-also-approves";
pub const STRANGER: &str = "deed_token-of-an-agent-of-globex";

/// The pause between two attempts while the host still waits.
const AGAIN: Duration = Duration::from_millis(100);

/// Signs an answer with the real client. The array contains the verb, the action's id, the person and the person's
/// token, and `dir` is the served directory with the person's key. Returns whether the answer was accepted, and
/// everything that the client printed.
pub fn answer(
    url: &str,
    dir: &Path,
    [verb, id, person, token]: [&str; 4],
) -> Result<(bool, String)> {
    let key = key(dir, person);
    let to = ["--url", url, "--token", token, "--key", &key];
    let who = ["--person", person, "--role", "support-lead", "--yes"];
    say(&[&[verb, id], &to[..], &who[..]].concat())
}

/// Signs a resolution of an open action with the real client. The array contains the action's id, the verdict, the
/// person and the person's token.
pub fn resolve(
    url: &str,
    dir: &Path,
    [id, verdict, person, token]: [&str; 4],
    reason: &str,
) -> Result<(bool, String)> {
    let key = key(dir, person);
    let to = ["--url", url, "--token", token, "--key", &key, "--yes"];
    let args = [&["resolve", id, verdict, "--reason", reason], &to[..]].concat();
    loop {
        let (done, said) = say(&args)?;
        // A host that has just started waits again before it accepts a resolution.
        if done || !said.contains("may still land") {
            return Ok((done, said));
        }
        thread::sleep(AGAIN);
    }
}

fn key(dir: &Path, person: &str) -> String {
    dir.join(format!("approvers/{person}.key")).to_string_lossy().into_owned()
}

fn say(args: &[&str]) -> Result<(bool, String)> {
    let output = host::run(args, "")?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}
