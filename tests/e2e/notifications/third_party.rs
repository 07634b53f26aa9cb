//! E-mail through a relay of others, aiosmtpd, which requires STARTTLS and a login.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use deed_test_support::authority::{Authority, names};
use deed_test_support::shared::scim;
use deed_tests::child_guard::ChildGuard;
use deed_tests::relay::{Letter, address_of, for_people, smtp};
use deed_tests::services::{free_address, venv, workspace};
use deed_tests::wait::{answer, until};
use deed_tests::world::{World, edit, store};
use serde_json::Value;

use super::{read, waiting};

const PASSWORD: &str = "the-password-of-the-relay";

/// The relay, and a host that sends e-mail through it. The relay ends with its guard.
struct Through {
    world: World,
    said: PathBuf,
    process: Child,
    _guard: ChildGuard,
}

impl Through {
    /// `password` is the one that the host has.
    fn start(password: &str) -> Self {
        let root = Authority::root();
        let own = root.client(|params| params.subject_alt_names = names(&["127.0.0.1"]));
        let port = free_address().unwrap().port();
        let more = ", user = \"deed\", secret = \"relay\", tls_roots = \"tls/relay.pem\"";
        let table = smtp(port, more);
        let world = World::with(scim(), "scim", |dir| {
            for_people(dir, &table)?;
            fs::create_dir(dir.join("tls"))?;
            fs::write(dir.join("tls/relay.pem"), root.pem())?;
            let head = "[tenant.acme.agent.helpdesk]\n";
            let secret = format!("[tenant.acme.secret.relay]\nfile = \"secrets/relay\"\n\n{head}");
            edit(dir, "deed.toml", head, &secret)?;
            store(dir, "relay", password)
        });
        let world = world.unwrap();
        let files = [("certificate", &own.certificate), ("key", &own.key)];
        for (name, text) in files {
            fs::write(world.dir.join("tls").join(name), text).unwrap();
        }
        let process = spawn(&world.dir.join("tls"), port);
        let guard = ChildGuard::to(process.id()).unwrap();
        let said = world.dir.join("tls/said");
        let through = Self { world, said, process, _guard: guard };
        until("the relay is ready", || through.lines().first().is_some_and(|line| line == "ready"));
        through
    }

    fn lines(&self) -> Vec<String> {
        fs::read_to_string(&self.said).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Through {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn spawn(dir: &Path, port: u16) -> Child {
    let output = File::create(dir.join("said")).unwrap();
    let errors = File::create(dir.join("errors")).unwrap();
    Command::new(venv().join("bin/python"))
        .arg("-I")
        .arg(workspace().join("tests/services/relay.py"))
        .arg(port.to_string())
        .args([dir.join("certificate"), dir.join("key")])
        .arg(PASSWORD)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .unwrap()
}

#[test]
fn a_relay_of_others_takes_the_messages() {
    let through = Through::start(PASSWORD);
    waiting(&through.world);
    let lines = answer("both arrive", || through.lines(), |lines| lines.len() > 2);
    for (line, person) in lines.iter().skip(1).zip(["bob", "carol"]) {
        let said: Value = serde_json::from_str(line).unwrap();
        assert_eq!(said["to"][0], address_of(person));
        assert_eq!((&said["from"], &said["tls"]), (&"deed@host.example.com".into(), &true.into()));
        let data = said["data"].as_str().unwrap().to_owned();
        let read = read(&Letter { data, ..Letter::default() });
        assert_eq!(read["headers"]["Subject"], "[deed] Approval requested: idp.restore_access");
    }
}

#[test]
fn a_relay_of_others_that_refuses_the_password_gets_no_message() {
    let through = Through::start("another-password-of-the-relay");
    waiting(&through.world);
    let log = || through.world.host.as_ref().unwrap().log();
    until("the login fails", || log().contains("AUTH: the relay answered 535"));
    assert_eq!(through.lines(), ["ready"]);
    assert!(!log().contains("password-of-the-relay"));
}
