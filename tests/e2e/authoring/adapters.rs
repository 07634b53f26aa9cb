//! Tests of `deed adapter new`, `build` and `watch`: projects in three languages, and what the commands refuse.

pub(super) mod acts;
mod made;
mod refused;
mod settings;
mod watched;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use deed_tests::authored::{self, Built};
use deed_tests::compiled::{CACHE, cache};
use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::workspace;
use serde_json::Value;

pub(super) use self::acts::of_rust;

/// The languages, as `--lang` spells them.
const LANGUAGES: [&str; 3] = ["rust", "js", "python"];

/// The folder of an adapter project with the name `tickets`. Dropping the value removes the folder.
pub(super) struct Project {
    home: Home,
}

impl Project {
    pub(super) fn new(lang: &str) -> Self {
        Self::with(lang, &[])
    }

    pub(super) fn with(lang: &str, options: &[&str]) -> Self {
        let home = Home::new("project");
        let args = ["adapter", "new", "tickets", "--lang", lang, "--dir", home.path()];
        host::expect(&[&args[..], options].concat()).unwrap();
        Self { home }
    }

    fn dir(&self) -> &Path {
        &self.home.dir
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        deed_tests::world::edit(self.dir(), name, from, to).unwrap();
    }

    /// Links the installed packages into a project in JavaScript or Python, so that a build need not install them.
    pub(super) fn with_toolchains(self) -> Self {
        authored::link(self.dir()).unwrap();
        self
    }

    /// The component of the project, which is built once per checkout.
    fn built(&self, variables: &[(&str, &str)]) -> Built {
        authored::build(self.dir(), variables).unwrap()
    }

    /// Runs `deed adapter build --json` with these variables.
    fn build(&self, variables: &[(&str, &str)]) -> Output {
        deed(&["adapter", "build", self.home.path(), "--json"], variables)
    }
}

fn deed(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(host::binary().unwrap());
    command
        .args(args)
        .env(CACHE, cache().unwrap())
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn parsed(output: &Output) -> Value {
    assert!(!output.stdout.is_empty(), "{}", text(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Whether the toolchains for JavaScript and Python are installed. Otherwise reports which check was not made.
pub(super) fn has_toolchains(what: &str) -> bool {
    let there = workspace().join("target/toolchains/.stamp").exists();
    if !there {
        let text = format!("NOT CHECKED: {what}; it takes npm and pip, then `make counterparts`\n");
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
    there
}
