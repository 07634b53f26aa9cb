//! Who calls a host, and people with the real client: they are shown what is asked, sign it with their keys and
//! send it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::host;
use crate::services::Result;

/// Tokens of the callers; `deed.toml` holds their hashes only.
pub const HELPDESK: &str = "deed_token-of-the-helpdesk-agent-of-acme";
pub const BOB: &str = "deed_token-of-bob-who-approves-for-acme";
pub const CAROL: &str = "deed_token-of-carol-who-also-approves";
pub const STRANGER: &str = "deed_token-of-an-agent-of-globex";

/// Between two tries where the host still waits.
const AGAIN: Duration = Duration::from_millis(100);

/// Signs an answer: the verb, the action, the person and their token. Their key lies in this served directory. Gives
/// whether it was taken, and everything that the client printed.
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

/// Says what happened to an open action: the action, the verdict, the person and their token.
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
        // A host that has just started waits once more.
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
