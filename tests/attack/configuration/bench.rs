//! A valid served directory for repeated attacks. The directory is restored to its valid state after each attack.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::world::World;
use serde_json::Value;

use crate::case::unharmed;

/// A time limit far above the time of a refusal. Without a limit, a command that reads a pipe or an endless device
/// would never end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A fixture that is not served, a copy of its directory, and a directory outside of it.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) outside: PathBuf,
    good: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let world = World::lay_out(scim(), "scim").unwrap();
        let beside = |end: &str| PathBuf::from(format!("{}-{end}", world.path()));
        let (good, outside) = (beside("good"), beside("outside"));
        fs::create_dir(&outside).unwrap();
        copy(&world.dir, &good);
        Self { world, outside, good }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.world.dir
    }

    /// Makes the current content of the directory the state from which later attacks start.
    pub(crate) fn keep(&mut self) {
        fs::remove_dir_all(&self.good).unwrap();
        copy(&self.world.dir, &self.good);
    }

    /// Checks that `deed check` and `deed serve` both refuse the attacked directory. Each must print one line that
    /// contains every fragment, and no raw control character.
    pub(crate) fn refused(
        &mut self,
        name: &str,
        attack: impl FnOnce(&Path),
        fragments: &[&str],
    ) -> String {
        attack(&self.world.dir);
        let (code, checked) = self.check(name);
        let served = self.world.serve();
        let served = served.map_or_else(|e| e.to_string(), |()| "it is served".to_owned());
        self.restore();
        for said in [&checked, &served] {
            let fits = |line: &&str| fragments.iter().all(|fragment| line.contains(fragment));
            assert!(
                said.lines().any(|l| fits(&l)),
                "{name}: no line with {fragments:?} in\n{said}"
            );
            let raw =
                |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!said.contains(raw), "{name}: raw control characters in {said:?}");
        }
        assert_eq!(code, Some(1), "{name}: `deed check` ends otherwise: {checked}");
        checked
    }

    /// Checks that `deed check` and `deed serve` accept the attacked directory and warn in one line that contains every
    /// fragment.
    pub(crate) fn warned(&mut self, name: &str, attack: impl FnOnce(&Path), fragments: &[&str]) {
        attack(&self.world.dir);
        let (code, checked) = self.check(name);
        assert_eq!(code, Some(0), "{name}: `deed check` refuses it: {checked}");
        let told = |said: &str, start: &str| {
            let fits = |line: &&str| {
                line.contains(start) && fragments.iter().all(|fragment| line.contains(fragment))
            };
            assert!(
                said.lines().any(|l| fits(&l)),
                "{name}: no line with {fragments:?} in\n{said}"
            );
        };
        told(&checked, "warning: ");
        let json = host::expect(&["check", self.world.path(), "--json"]).unwrap();
        let json: Value = serde_json::from_str(&json).unwrap();
        let text =
            |w: &Value| format!("{}:{}: {}", w["file"], w["line"], w["what"]).replace('"', "");
        let warnings: Vec<String> = json["warnings"].as_array().unwrap().iter().map(text).collect();
        told(&warnings.join("\n"), "");
        self.world.serve().unwrap();
        told(&self.world.host.as_ref().unwrap().log(), "WARN");
        self.restore();
    }

    /// Checks that `deed check` accepts the changed directory without a warning that contains this fragment.
    pub(crate) fn taken(&mut self, name: &str, change: impl FnOnce(&Path), no_warning: &str) {
        change(&self.world.dir);
        let (code, said) = self.check(name);
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(no_warning.is_empty() || !said.contains(no_warning), "{name}: {said}");
        self.restore();
    }

    /// Checks after all attacks that the valid directory can be served and that an action is carried out.
    pub(crate) fn well(mut self) {
        self.world.serve().unwrap();
        unharmed(&self.world);
    }

    fn check(&self, name: &str) -> (Option<i32>, String) {
        let output = host::run_within(&["check", self.world.path()], PATIENCE).unwrap();
        assert!(output.is_some(), "{name}: `deed check` never ends");
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), said)
    }

    fn restore(&mut self) {
        self.world.host = None;
        remove(&self.world.dir);
        copy(&self.good, &self.world.dir);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        remove(&self.good);
        remove(&self.outside);
    }
}

/// Rewrites the bytes of a file and keeps the file's mode.
pub(crate) fn replace(dir: &Path, file: &str, from: &str, to: &str) {
    deed_tests::world::edit(dir, file, from, to).unwrap();
}

pub(crate) fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Pins the present contracts. Pinning succeeds even for invalid contracts, which later commands must refuse.
pub(crate) fn pin(dir: &Path) {
    host::run_within(&["pin", dir.to_str().unwrap()], PATIENCE).unwrap();
}

/// Runs a small tool that every Unix system has.
pub(crate) fn tool(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).status().unwrap().success()
}

fn copy(from: &Path, to: &Path) {
    assert!(tool("cp", &["-a", from.to_str().unwrap(), to.to_str().unwrap()]));
}

fn remove(path: &Path) {
    let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    if is_link { fs::remove_file(path) } else { fs::remove_dir_all(path) }.unwrap_or_default();
}
