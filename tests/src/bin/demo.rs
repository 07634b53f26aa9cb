//! The demo: one action against a real SCIM server with the real binary, then four refusals.
//!
//! The demo leaves `target/demo/` (the served directory), `target/demo/trust/` and `target/demo/restore_access.deed`.
//! All child processes end with the demo, also on failure or Ctrl-C.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use deed_tests::client::{Answer, Client};
use deed_tests::host::{self, Host};
use deed_tests::out::say;
use deed_tests::services::{Result, ScimServer, workspace};
use deed_tests::world::{self, BOB, HELPDESK, STRANGER, World};
use serde_json::{Value, json};

const LOOK_PAUSE: Duration = Duration::from_millis(50);
const CLEAN_UP_PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let story = std::thread::spawn(story);
    let interrupted = std::thread::spawn(move || match runtime {
        Ok(runtime) => runtime.block_on(tokio::signal::ctrl_c()).is_ok(),
        Err(_) => false,
    });
    loop {
        if story.is_finished() {
            let told = story.join().unwrap_or_else(|_| Err("the demo panicked".into()));
            return end(told);
        }
        if interrupted.is_finished() {
            // The children are in this process group, so Ctrl-C has reached them as well. The demo ends at the next
            // call that gets no answer, and then cleans up.
            let end_by = Instant::now() + CLEAN_UP_PATIENCE;
            while !story.is_finished() && Instant::now() < end_by {
                std::thread::sleep(LOOK_PAUSE);
            }
            return end(Err("interrupted".into()));
        }
        std::thread::sleep(LOOK_PAUSE);
    }
}

fn end(told: Result<String>) -> ExitCode {
    match told {
        Ok(id) => {
            say(&format!("VERIFIED {id}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            writeln!(std::io::stderr(), "demo: {error}").unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

fn story() -> Result<String> {
    let dir = workspace().join("target/demo");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    let scim = ScimServer::start()?;
    say(&format!(
        "scim2-server runs at {}: the system of record, a SCIM 2.0 user directory",
        scim.base_url()
    ));
    let user = scim.create_user("ann@example.com", Some(false))?;
    say(&format!("made user ann@example.com in it ({user}), locked out: active = false"));
    world::lay_out(&dir, &scim.base_url(), world::SCIM)?;
    let host = Host::serve(&dir)?;
    say(&format!("deed serves {} at {}", shown(&dir), host.url));
    let console = host.url.replace("127.0.0.1", "localhost");
    say(&format!("people open the console at {console}/ and sign in with a name and a token\n"));
    let stage = Stage { dir, scim, host };
    let id = stage.restore(&user)?;
    stage.refusals(&user)?;
    let verified = stage.verify(&id)?;
    let Stage { dir, host, .. } = stage;
    if !host.stop()? {
        return Err("the host did not stop in order".into());
    }
    say(verified.trim_end());
    say(&format!(
        "\nto open the console on this data: {} serve {}\n    then sign in at the address that it prints, as bob \
         with the token {BOB}, and see /actions/{id}",
        binary(),
        shown(&dir)
    ));
    Ok(id)
}

/// The path of the binary, relative to the checkout if it is in it.
fn binary() -> String {
    host::binary().map_or_else(|_| "deed".to_owned(), |path| shown(&path))
}

fn shown(dir: &Path) -> String {
    dir.strip_prefix(workspace()).unwrap_or(dir).display().to_string()
}

struct Stage {
    dir: PathBuf,
    scim: ScimServer,
    host: Host,
}

impl Stage {
    fn propose(&self, token: &str, proposal: &Value) -> Result<Answer> {
        Client::new(&self.host.url, token).post("/v1/actions", proposal)
    }

    fn view(&self, id: &str) -> Result<Value> {
        let wait = [("prefer", "wait=60")];
        Ok(Client::new(&self.host.url, BOB)
            .send("GET", &format!("/v1/actions/{id}"), &wait, vec![])?
            .json())
    }

    /// Approves as bob with the real client. Returns everything that the client showed him.
    fn approve(&self, id: &str) -> Result<String> {
        let key = self.dir.join("approvers/bob.key");
        let (url, key) = (self.host.url.as_str(), key.to_string_lossy());
        let who = ["--person", "bob", "--role", "support-lead", "--yes"];
        let args = ["approve", id, "--url", url, "--token", BOB, "--key", &key];
        let output = host::run(&[&args[..], &who[..]].concat(), "")?;
        let said = String::from_utf8_lossy(&[output.stderr, output.stdout].concat()).into_owned();
        if output.status.success() { Ok(said) } else { Err(said.into()) }
    }

    /// The successful action, step by step.
    fn restore(&self, user: &str) -> Result<String> {
        let proposed = self.propose(HELPDESK, &World::proposal("idp.restore_access", user))?;
        let id = proposed.text("/id");
        want(&proposed.text("/status"), "waiting", &proposed)?;
        say(&format!(
            "1 agent `helpdesk` asks for idp.restore_access: {} waiting ({})",
            proposed.status, id
        ));
        let obligations = proposed.json().get("obligations").cloned().unwrap_or_default();
        say(&format!("2 policy `restore-needs-lead` wants a person first: {obligations}"));
        let said = self.approve(&id)?;
        let line = said.lines().find(|l| l.contains("PATCH http")).unwrap_or_default().trim();
        say(&format!("3 bob sees exactly what would be sent, and signs exactly that:\n    {line}"));
        let view = self.view(&id)?;
        want(&text(&view, "/status"), "verified", &view)?;
        say("4 the adapter ran with one upstream and one secret, granted for this action only");
        for change in view.get("changes").and_then(Value::as_array).into_iter().flatten() {
            say(&format!(
                "5 changed, as the host read it: {} {} -> {}",
                text(change, "/pointer"),
                text(change, "/old"),
                text(change, "/new")
            ));
        }
        let server = self.scim.get_user(user)?;
        say(&format!("6 the directory itself says: active = {}", text(&server, "/active")));
        want(&text(&server, "/active"), "true", &server)?;
        let index = text(&view, "/receipt/index");
        say(&format!(
            "7 verified; the receipt is leaf {index} of the log deed.example/logs/acme\n"
        ));
        Ok(id)
    }

    /// Three requests that are refused, each with what the caller sees.
    fn refusals(&self, user: &str) -> Result<()> {
        say("refused: the same approval used for another user");
        self.other_user()?;
        say("refused: an agent that believes it is in `test`");
        let believing =
            with(World::proposal("idp.restore_access", user), "environment", json!("test"));
        let denied = self.propose(HELPDESK, &believing)?;
        want(&denied.text("/status"), "denied", &denied)?;
        told(&denied);
        say("refused: an agent of another tenant, asking for this action");
        let stranger = Client::new(&self.host.url, STRANGER);
        let id = self.propose(HELPDESK, &World::proposal("idp.read_user", user))?.text("/id");
        let answer = stranger.get(&format!("/v1/actions/{id}"))?;
        want(&answer.status.to_string(), "404", &answer)?;
        say(&format!(
            "    {} {}: {}\n",
            answer.status,
            answer.text("/title"),
            answer.text("/detail")
        ));
        Ok(())
    }

    /// Verifies a bundle in which one value of the observed state differs from what the host signed.
    fn changed_evidence(&self, bundle: &[u8], trust: &Path) -> Result<()> {
        let mut files = deed_record::bundle::read(bundle)?;
        let post = files.get_mut("evidence/post.json").ok_or("the bundle has no evidence")?;
        *post = String::from_utf8_lossy(post)
            .replace("\"active\":true", "\"active\":false")
            .into_bytes();
        let file = self.dir.join("changed.deed");
        fs::write(&file, deed_record::bundle::write(&files)?)?;
        let output = host::run(&["verify", &path_text(&file), "--trust", &path_text(trust)], "")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let failed = said.lines().find(|line| line.starts_with("FAIL ")).unwrap_or_default();
        want(&output.status.code().unwrap_or_default().to_string(), "1", &said)?;
        say(&format!("    {}\n", failed.trim()));
        Ok(())
    }

    /// Takes the approval of the first action and posts it for an action on another user.
    fn other_user(&self) -> Result<()> {
        let other = self.scim.create_user("eve@example.com", Some(false))?;
        let first = self.scim.create_user("ben@example.com", Some(false))?;
        let approved =
            self.propose(HELPDESK, &World::proposal("idp.restore_access", &first))?.text("/id");
        let waiting =
            self.propose(HELPDESK, &World::proposal("idp.restore_access", &other))?.text("/id");
        self.approve(&approved)?;
        let bundle =
            Client::new(&self.host.url, BOB).get(&format!("/v1/actions/{approved}/bundle"))?;
        let files = deed_record::bundle::read(&bundle.bytes)?;
        let chain = files.get("chain.intoto.jsonl").ok_or("the bundle has no chain")?;
        // The first line is the statement of the configuration that was in force.
        let envelope = chain.split(|b| *b == b'\n').nth(1).unwrap_or_default().to_vec();
        let path = format!("/v1/actions/{waiting}/approvals");
        let answer = Client::new(&self.host.url, BOB).send("POST", &path, &[], envelope)?;
        want(&answer.status.to_string(), "409", &answer)?;
        say(&format!(
            "    {} {}: {}",
            answer.status,
            answer.text("/title"),
            answer.text("/detail")
        ));
        let untouched = self.scim.get_user(&other)?;
        want(&text(&untouched, "/active"), "false", &untouched)
    }

    /// Verifies the bundle as an auditor does: with the trust directory, without the host or the network.
    fn verify(&self, id: &str) -> Result<String> {
        let trust = self.dir.join("trust");
        let (served, out) = (self.dir.to_string_lossy(), trust.to_string_lossy());
        host::expect(&["trust", &served, &out, "--tenant", "acme"])?;
        let bundle = Client::new(&self.host.url, BOB).get(&format!("/v1/actions/{id}/bundle"))?;
        let file = self.dir.join("restore_access.deed");
        fs::write(&file, &bundle.bytes)?;
        say("refused: evidence in which the user is still locked out afterwards");
        self.changed_evidence(&bundle.bytes, &trust)?;
        say(&format!("offline: deed verify {} --trust {}", shown(&file), shown(&trust)));
        let said = host::expect(&["verify", &path_text(&file), "--trust", &path_text(&trust)])?;
        let mut lines: Vec<&str> = said.lines().collect();
        let last = lines.pop().unwrap_or_default();
        want(last, &format!("VERIFIED {id}"), &said)?;
        Ok(lines.join("\n"))
    }
}

/// Prints what the caller saw, and the digest of the receipt.
fn told(answer: &Answer) {
    say(&format!("    {}: {}", answer.text("/status"), answer.text("/reason")));
    say(&format!("    receipt {}", answer.text("/receipt/payload_sha256")));
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The value at a JSON pointer as readable text.
fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
}

fn with(mut proposal: Value, key: &str, value: Value) -> Value {
    if let Some(members) = proposal.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
    proposal
}

/// Fails when a value is not the expected value. The failure ends the demo.
fn want(actual: &str, wanted: &str, context: &impl std::fmt::Debug) -> Result<()> {
    if actual == wanted {
        Ok(())
    } else {
        Err(format!("wanted `{wanted}`, got `{actual}`: {context:?}").into())
    }
}
