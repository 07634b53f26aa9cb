//! `deed adapter watch`: it installs in a directory for development, and refuses any other.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use deed_spec::digest::Digest;
use deed_test_support::shared::scim;
use deed_test_support::upstream::Upstream;
use deed_tests::child_guard::ChildGuard;
use deed_tests::compiled::CACHE;
use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::workspace;
use deed_tests::wait::until;
use deed_tests::world::{World, edit};

use super::acts::{desk, grant};
use super::refused::scripts;
use super::{Project, deed, has_toolchains, text};

/// A served directory with a grant for the contract of the template, whose files are not there yet.
fn granted(environment: &str, desk: &Upstream) -> World {
    let world = World::lay_out(scim(), "scim").unwrap();
    let line = |name: &str| format!("environment = \"{name}\"");
    edit(&world.dir, "deed.toml", &line("production"), &line(environment)).unwrap();
    grant(&world.dir, desk, "").unwrap();
    world
}

/// Programs in place of Node.js and npm. A build takes no time: the component is `declared`, which does what the adapter
/// of the template does, with a section that differs for each source. A source without `perform` does not build.
fn stand_ins() -> Home {
    let declared = workspace().join("adapters/declared/declared.wasm");
    let node = format!(
        "[ \"$1\" != --version ] || exec echo v20.1.0\n\
         grep --quiet '^export const perform' src/adapter.js || exit 1\n\
         sum=$(cksum <src/adapter.js | cut -c 1-4)\n\
         {{ cat '{}'; printf '\\000\\005\\004%s' \"$sum\"; }} >\"$2\"",
        declared.display()
    );
    scripts(&[("node", node.as_str()), ("npm", "mkdir -p node_modules")])
}

/// A running `deed adapter watch`. Dropping the value ends it.
struct Watch {
    child: Child,
    guard: Option<ChildGuard>,
    out: PathBuf,
    /// The programs in place of a toolchain, if there are any.
    _programs: Option<Home>,
}

impl Watch {
    /// Watches with [`stand_ins`].
    fn start(project: &Project, world: &World, more: &[&str]) -> Self {
        Self::with(project, world, more, Some(stand_ins()))
    }

    fn with(project: &Project, world: &World, more: &[&str], programs: Option<Home>) -> Self {
        let mut path = std::env::var_os("PATH").unwrap();
        if let Some(home) = &programs {
            let mut first = OsString::from(format!("{}:", home.path()));
            first.push(&path);
            path = first;
        }
        let out = world.dir.join("watch.out");
        let log = fs::File::create(&out).unwrap();
        let child = Command::new(host::binary().unwrap())
            .args(["adapter", "watch", project.home.path(), "--serve", world.path()])
            .args(more)
            .env("ADAPTER_ENGINE", "quickjs")
            .env("PATH", path)
            .env(CACHE, world.dir.join("code"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let guard = Some(ChildGuard::to(child.id()).unwrap());
        Self { child, guard, out, _programs: programs }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    fn says(&self, what: &str, times: usize) {
        until(&format!("`{what}` is said"), || self.said().matches(what).count() >= times);
    }

    /// Sends SIGTERM, and returns the exit code.
    fn end(&mut self) -> Option<i32> {
        drop(self.guard.take());
        // A process that has ended must not be signalled, because another one may have its number.
        if self.child.try_wait().unwrap().is_none() {
            Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        }
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

#[test]
fn a_directory_that_is_not_for_development_is_left_as_it_is() {
    let (project, desk) = (Project::new("js"), desk());
    for environment in ["production", "staging"] {
        let world = granted(environment, &desk);
        let before = fs::read(world.dir.join("deed.toml")).unwrap();
        let args = ["adapter", "watch", project.home.path(), "--serve", world.path()];
        let output = deed(&args, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        for part in [environment, "environment = \"development\"", "deed pin"] {
            assert!(text(&output).contains(part), "no `{part}` in {}", text(&output));
        }
        assert_eq!(fs::read(world.dir.join("deed.toml")).unwrap(), before);
        assert!(!world.dir.join("adapters/tickets.wasm").exists());
        assert!(!project.file("tickets.wasm").exists(), "nothing was built");
    }
}

#[test]
fn a_change_is_built_installed_and_pinned() {
    installs_each_change(&Project::new("js"), Some(stand_ins()));
}

#[test]
#[ignore = "builds with QuickJS after each change; run `make authoring`"]
fn a_change_is_built_by_a_toolchain_installed_and_pinned() {
    if has_toolchains("`deed adapter watch`") {
        installs_each_change(&Project::new("js").with_toolchains(), None);
    }
}

fn installs_each_change(project: &Project, programs: Option<Home>) {
    let desk = desk();
    let world = granted("development", &desk);
    let mut watch = Watch::with(project, &world, &[], programs);
    let pinned = "the adapter is pinned";
    watch.says(pinned, 1);
    let digest = || {
        let wasm = fs::read(world.dir.join("adapters/tickets.wasm")).unwrap();
        let digest = Digest::of(&wasm).to_string();
        let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
        assert!(toml.contains(&digest), "{digest} is not pinned: {toml}");
        digest
    };
    let first = digest();
    project.edit("src/adapter.js", "is not served by", "is unknown to");
    watch.says(pinned, 2);
    assert_ne!(digest(), first);
    project.edit("tickets.toml", "version  = \"1.0.0\"", "version  = \"1.0.1\"");
    watch.says(pinned, 3);
    let contract = fs::read_to_string(world.dir.join("contracts/tickets.toml")).unwrap();
    assert!(contract.contains("\"1.0.1\""), "{contract}");
    project.edit("src/adapter.js", "export const perform", "export const (perform");
    watch.says("nothing was started; waiting for changes", 1);
    assert_eq!(watch.end(), Some(0));
    assert!(host::expect(&["check", world.path()]).unwrap().contains("no faults"));
}

#[test]
fn a_file_of_another_contract_is_not_replaced() {
    let (project, desk) = (Project::new("js"), desk());
    let world = granted("development", &desk);
    let file = world.dir.join("contracts/tickets.toml");
    fs::rename(world.dir.join("contracts/read_user.toml"), &file).unwrap();
    let before = fs::read(&file).unwrap();
    let mut watch = Watch::start(&project, &world, &[]);
    watch.says("is not an earlier version of the contract `desk.close_ticket`", 1);
    assert_eq!(watch.end(), Some(0));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(!world.dir.join("adapters/tickets.wasm").exists());
}

#[test]
fn a_host_for_development_is_restarted_and_stopped() {
    let (project, desk) = (Project::new("js"), desk());
    let world = granted("development", &desk);
    let mut watch = Watch::start(&project, &world, &["--run"]);
    watch.says("serving http://", 1);
    project.edit("src/adapter.js", "is not served by", "is unknown to");
    watch.says("serving http://", 2);
    assert_eq!(watch.end(), Some(0));
    // Only one process uses a directory, so this fails if the host still runs.
    assert_eq!(world.check().unwrap(), None, "{}", watch.said());
}

#[test]
fn a_served_directory_in_the_project_is_not_a_change_of_the_project() {
    let (project, desk) = (Project::new("js"), desk());
    let mut world = granted("development", &desk);
    let inside = project.file("ops");
    fs::rename(&world.dir, &inside).unwrap();
    world.dir = inside;
    let mut watch = Watch::start(&project, &world, &[]);
    watch.says("the adapter is pinned", 1);
    // The files are looked at every half second.
    thread::sleep(Duration::from_secs(3));
    assert_eq!(watch.said().matches("JavaScript: node build.mjs").count(), 1, "{}", watch.said());
    assert_eq!(watch.end(), Some(0));
}

#[test]
fn a_project_that_is_the_served_directory_is_refused() {
    let world = granted("development", &desk());
    let output = deed(&["adapter", "watch", world.path(), "--serve", world.path()], &[]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("a folder of its own"), "{}", text(&output));
}
