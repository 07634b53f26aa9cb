//! Reloads while an attempt is under way: the attempt ends under its own configuration, but sends no write that relies
//! on something that was revoked.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use deed_tests::client::Client;
use deed_tests::home::Home;
use deed_tests::record::contracts::{self, Deed, Kind};
use deed_tests::record::{On, Point, Record};
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, edit, store};
use serde_json::Value;

use super::remove_table;

const PATIENCE: Duration = Duration::from_mins(1);
const ONE: Deed = Deed { kind: Kind::Set, writes: 1, asked: false };
const TWO: Deed = Deed { kind: Kind::Set, writes: 2, asked: false };

fn start(record: &Record) -> Home {
    start_with(record, |_| Ok(()))
}

/// A host for the counting record, whose directory was changed before. Exchanges may take long, so that there is time
/// for a reload.
fn start_with(record: &Record, prepare: impl FnOnce(&Home) -> Result<()>) -> Home {
    let mut home = Home::new("reload");
    contracts::lay_out(&home.dir, &record.base_url()).unwrap();
    let timeout = |text: &str| format!("timeout = \"{text}\"");
    edit(&home.dir, "deed.toml", &timeout(contracts::TIMEOUT), &timeout("60s")).unwrap();
    for deed in [ONE, TWO] {
        let file = format!("contracts/{}.toml", deed.contract());
        edit(&home.dir, &file, &timeout("20s"), &timeout("2m")).unwrap();
    }
    prepare(&home).unwrap();
    home.pin().unwrap();
    home.serve().unwrap();
    home
}

/// Proposes the action, changes the directory after its first write was applied and before the host has the answer, and
/// reloads. Returns the action when it has ended.
fn reload_after_the_first_write(
    deed: Deed,
    change: impl FnOnce(&Home) -> Result<()>,
) -> (Record, Home, Value) {
    prepare_and_reload(deed, |_| Ok(()), change)
}

/// Like [`reload_after_the_first_write`], with a directory that was changed before its host started.
fn prepare_and_reload(
    deed: Deed,
    prepare: impl FnOnce(&Home) -> Result<()>,
    change: impl FnOnce(&Home) -> Result<()>,
) -> (Record, Home, Value) {
    let record = Record::start().unwrap();
    let home = start_with(&record, prepare);
    let stop = record.stop(&On::writes("a"), 0, Point::Applied);
    let proposed =
        home.client(HELPDESK).propose(&deed.proposal("a"), &[("prefer", "wait=0")]).unwrap();
    assert!(stop.reached(PATIENCE), "the first write never arrived");
    change(&home).unwrap();
    let says = home.reload().unwrap();
    assert_eq!(says["result"], "applied", "{says:#}");
    stop.go();
    let view = home.settled(&proposed.text("/id")).unwrap();
    (record, home, view)
}

/// Checks the bundle of an ended action with public keys only.
fn verifies(home: &Home, view: &Value) {
    let bundle = home.bundle(view["id"].as_str().unwrap()).unwrap();
    let report = deed_verify::verify(&bundle, Some(&home.trusted().unwrap()));
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
}

fn remove_grant(dir: &Path, deed: Deed) -> Result<()> {
    remove_table(dir, &format!("[tenant.acme.grant.\"{}\"]", deed.contract()))
}

#[test]
fn an_attempt_ends_under_the_contract_that_it_began_with() {
    let (record, home, view) = reload_after_the_first_write(TWO, |home| {
        let file = format!("contracts/{}.toml", TWO.contract());
        edit(&home.dir, &file, "timeout = \"2m\"", "timeout = \"3m\"")?;
        home.pin()
    });
    assert_eq!(view["status"], "verified", "{view:#}");
    assert_eq!((record.times("a", "one"), record.times("a", "two")), (1, 1));
    verifies(&home, &view);
    let next = home.client(HELPDESK).propose(&TWO.proposal("b"), &[("prefer", "wait=60")]).unwrap();
    assert_eq!(next.text("/status"), "verified");
}

#[test]
fn a_policy_that_forbids_does_not_stop_an_attempt_that_it_permitted() {
    let (record, home, view) = reload_after_the_first_write(TWO, |home| {
        edit(
            &home.dir,
            "policies/crash.cedar",
            "@id(\"desk-writes\")\npermit",
            "@id(\"desk-writes\")\nforbid",
        )
    });
    assert_eq!(view["status"], "verified", "{view:#}");
    assert_eq!(record.times("a", "two"), 1);
    verifies(&home, &view);
    let next = home.client(HELPDESK).propose(&ONE.proposal("b"), &[("prefer", "wait=60")]).unwrap();
    assert_eq!(next.text("/status"), "denied");
}

#[test]
fn after_its_grant_was_removed_an_attempt_sends_no_further_write() {
    let (record, home, view) =
        reload_after_the_first_write(TWO, |home| remove_grant(&home.dir, TWO));
    revoked(&record, &home, &view, "the grant for `crash.set_two` was removed");
}

#[test]
fn after_its_agent_was_removed_an_attempt_sends_no_further_write() {
    let (record, home, view) = reload_after_the_first_write(TWO, |home| {
        edit(
            &home.dir,
            "deed.toml",
            "[tenant.acme.agent.helpdesk]",
            "[tenant.acme.agent.front-desk]",
        )
    });
    revoked(&record, &home, &view, "policy no longer allows it");
}

/// The first write took effect and the second was not sent, so the action is not verified.
fn revoked(record: &Record, home: &Home, view: &Value, why: &str) {
    assert_eq!((record.times("a", "one"), record.times("a", "two")), (1, 0));
    assert_ne!(view["status"], "verified", "{view:#}");
    assert!(view["reason"].as_str().unwrap().contains(why), "{view:#}");
    verifies(home, view);
}

/// The upstream gets a credential for writes, whose secret is in `secrets/old`.
fn with_a_secret(home: &Home) -> Result<()> {
    let timeout = "timeout = \"60s\"\n";
    let write = "write = { secret = \"record_write\", slot = \"bearer\" }\n";
    edit(&home.dir, "deed.toml", timeout, &format!("{timeout}{write}"))?;
    let toml = home.dir.join("deed.toml");
    let secret = "\n[tenant.acme.secret.record_write]\nfile = \"secrets/old\"\n";
    fs::write(&toml, fs::read_to_string(&toml)? + secret)?;
    store(&home.dir, "record_write", "a-secret-of-the-record-0123456789")
}

#[test]
fn after_its_secret_comes_from_another_file_an_attempt_sends_no_further_write() {
    let (record, home, view) = prepare_and_reload(TWO, with_a_secret, |home| {
        // The value is the same, but the host does not compare values.
        fs::copy(home.dir.join("secrets/old"), home.dir.join("secrets/new"))?;
        edit(&home.dir, "deed.toml", "secrets/old", "secrets/new")
    });
    revoked(&record, &home, &view, "the credential for writes to `record` was removed or replaced");
}

#[test]
fn after_the_way_to_its_upstream_was_changed_an_attempt_sends_no_further_write() {
    let (record, home, view) = reload_after_the_first_write(TWO, |home| {
        let classes = |more: &str| format!("addresses = [\"loopback\"{more}]");
        edit(&home.dir, "deed.toml", &classes(""), &classes(", \"private\""))
    });
    revoked(&record, &home, &view, "the way to the upstream `record` was changed");
}

/// The second write goes to another upstream, which is the same server.
fn with_two_upstreams(home: &Home) -> Result<()> {
    with_a_secret(home)?;
    let file = format!("contracts/{}.toml", TWO.contract());
    for (from, to) in [
        ("format = 1", "format = 2"),
        ("adapter = \"writes-in-order\"", "adapter = \"declared\""),
        ("[state.item]\n", "[state.item]\nfrom = \"GET /set/{item}\"\n"),
        (
            "\"record\"\nrequest = \"PUT /set/{item}/two\"",
            "\"second\"\nrequest = \"PUT /set/{item}/two\"",
        ),
    ] {
        edit(&home.dir, &file, from, to)?;
    }
    let path = home.dir.join("deed.toml");
    let text = fs::read_to_string(&path)?;
    let grant = format!("[tenant.acme.grant.\"{}\"]", TWO.contract());
    let (head, tail) = text.split_once(&grant).ok_or("no grant")?;
    let tail = tail.replacen("[\"record\"]", "[\"record\", \"second\"]", 1);
    let text = format!("{head}{grant}{tail}");
    let url = text.lines().find(|line| line.starts_with("base_url")).ok_or("no upstream")?;
    let table = "\n[tenant.acme.upstream.second]\n";
    let more = "\naddresses = [\"loopback\"]\ntimeout = \"60s\"\n";
    Ok(fs::write(&path, format!("{text}{table}{url}{more}"))?)
}

#[test]
fn a_credential_that_was_replaced_at_one_upstream_stops_the_writes_to_all() {
    let (record, home, view) = prepare_and_reload(TWO, with_two_upstreams, |home| {
        fs::copy(home.dir.join("secrets/old"), home.dir.join("secrets/new"))?;
        edit(&home.dir, "deed.toml", "secrets/old", "secrets/new")
    });
    revoked(&record, &home, &view, "the credential for writes to `record` was removed or replaced");
}

/// A closed contract may be fulfilled without one of its writes, but people learn that it was withheld.
#[test]
fn the_reason_of_a_verified_action_names_the_revocation_that_withheld_a_write() {
    let file = format!("contracts/{}.toml", TWO.contract());
    let (record, home, view) = prepare_and_reload(
        TWO,
        |home| edit(&home.dir, &file, ", \"post.item.two == params.value\"", ""),
        |home| remove_grant(&home.dir, TWO),
    );
    assert_eq!((record.times("a", "one"), record.times("a", "two")), (1, 0));
    assert_eq!(view["status"], "verified", "{view:#}");
    let reason = view["reason"].as_str().unwrap();
    let why = "; a write was not sent: the grant for `crash.set_two` was removed";
    assert!(reason.ends_with(why), "{reason}");
    verifies(&home, &view);
}

/// A request that waits for an action ends with 401 if the reload removed its agent.
#[test]
fn a_request_that_waits_does_not_show_the_action_to_an_agent_that_was_removed() {
    let record = Record::start().unwrap();
    let home = start(&record);
    let stop = record.stop(&On::writes("a"), 0, Point::Applied);
    let agent = home.client(HELPDESK);
    let id = agent.propose(&ONE.proposal("a"), &[("prefer", "wait=0")]).unwrap().text("/id");
    assert!(stop.reached(PATIENCE), "the write never arrived");
    let waiting = thread::spawn({
        let (client, id) = (Client::new(home.url(), HELPDESK), id.clone());
        move || client.rests(&id, 60).unwrap().status
    });
    // The request must have been accepted before the agent is removed.
    thread::sleep(Duration::from_secs(3));
    let other = "[tenant.acme.agent.front-desk]";
    edit(&home.dir, "deed.toml", "[tenant.acme.agent.helpdesk]", other).unwrap();
    assert_eq!(home.reload().unwrap()["result"], "applied");
    assert!(!waiting.is_finished(), "the request does not wait");
    stop.go();
    assert_eq!(waiting.join().unwrap(), 401);
    assert_eq!(home.settled(&id).unwrap()["status"], "verified");
}

#[test]
fn a_write_that_was_sent_is_judged_although_its_grant_was_removed() {
    let (record, home, view) =
        reload_after_the_first_write(ONE, |home| remove_grant(&home.dir, ONE));
    assert_eq!(view["status"], "verified", "{view:#}");
    assert_eq!(record.times("a", "one"), 1);
    verifies(&home, &view);
}

#[test]
fn a_reload_loses_no_action_that_is_under_way() {
    let record = Record::start().unwrap();
    let home = start(&record);
    let policy = home.dir.join("policies/crash.cedar");
    let text = fs::read_to_string(&policy).unwrap();
    let agent = home.client(HELPDESK);
    let ids: Vec<String> = (0..20)
        .map(|n| {
            fs::write(&policy, format!("// {n}\n{text}")).unwrap();
            home.host.as_ref().unwrap().signal("HUP").unwrap();
            let proposal = TWO.proposal(&format!("item-{n}"));
            agent.propose(&proposal, &[("prefer", "wait=0")]).unwrap().text("/id")
        })
        .collect();
    for (n, id) in ids.iter().enumerate() {
        let view = home.settled(id).unwrap();
        assert_eq!(view["status"], "verified", "{view:#}");
        let item = format!("item-{n}");
        assert_eq!((record.times(&item, "one"), record.times(&item, "two")), (1, 1));
        verifies(&home, &view);
    }
    let mut home = home;
    assert!(home.stop().unwrap());
    assert_eq!(home.check().unwrap(), None);
}
