//! The examples in the help texts work on a machine without any preparation.

use std::fs;
use std::path::Path;
use std::process::Command;

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::world::World;

use super::deed;

/// Runs a line of a help text in a shell with this home directory.
fn typed(line: &str, home: &Path) {
    let binary = host::binary().unwrap();
    let path = format!("{}:/usr/bin:/bin", binary.parent().unwrap().display());
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", line]).env("HOME", home).env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_examples_for_completions_work_in_a_new_home() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let home = world.dir.join("home");
    fs::create_dir(&home).unwrap();
    let (_, help, _) = deed(&["completions", "--help"]);
    let lines: Vec<&str> = help.split('`').filter(|part| part.starts_with("mkdir ")).collect();
    assert_eq!(lines.len(), 3, "{help}");
    for (line, file) in lines.into_iter().zip([
        ".local/share/bash-completion/completions/deed",
        ".zfunc/_deed",
        ".config/fish/completions/deed.fish",
    ]) {
        typed(line, &home);
        assert!(fs::read_to_string(home.join(file)).unwrap().contains("deed"), "{line}");
    }
}

#[test]
fn everybody_is_told_where_to_start() {
    let (_, help, _) = deed(&["--help"]);
    for line in ["`deed init DIR`", "`deed contracts`", "`deed ls --status waiting`"] {
        assert!(help.contains(line), "no {line} in\n{help}");
    }
}

#[test]
fn trust_is_written_into_a_new_or_an_empty_directory_as_the_help_says() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let (_, help, _) = deed(&["trust", "--help"]);
    assert!(help.contains("A new or empty directory"), "{help}");
    let at = |name: &str| world.dir.join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("empty")).unwrap();
    for (out, code) in [(at("new"), 0), (at("empty"), 0), (at("empty"), 1), (at("policies"), 1)] {
        let (ended, _, errors) = deed(&["trust", world.path(), &out, "--tenant", "acme"]);
        assert_eq!(ended, code, "{out}: {errors}");
        assert_eq!(errors.contains("is not empty; name a new directory"), code == 1, "{errors}");
    }
}
