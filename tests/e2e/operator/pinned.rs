//! Tests that `deed pin` shows everything that the operator accepts, and stores the pinned files in the right place
//! with the right owner.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::world::{World, edit};
use serde_json::Value;

use super::deed;

const CONTRACT: &str = "contracts/restore_access.toml";
/// The id of a user who owns no files.
const USER: u32 = 65_534;

#[test]
fn nothing_that_is_added_to_a_list_is_hidden() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let padding = "x".repeat(2_000);
    let body = format!(
        "value = true, note = \"{padding}\" }}, {{ op = \"add\", path = \"role\", value = \"admin\" }}] }}\n\n\
         [[perform.http]]\nupstream = \"idp\"\nrequest = \"POST /Users\"\n\
         body = {{ schemas = [\"urn:{padding}\", \"urn:second\"] }}"
    );
    edit(&world.dir, CONTRACT, "value = true }] }", &body).unwrap();
    edit(&world.dir, CONTRACT, "after      = [", "after      = [\"has(post.user.displayName)\", ")
        .unwrap();
    let (code, said, errors) = deed(&["pin", world.path()]);
    assert_eq!(code, 0, "{errors}");
    for line in [
        format!("/perform/http/0/body/Operations/0/note: (absent) → \"{padding}\""),
        "/perform/http/0/body/Operations/1/path: (absent) → \"role\"".to_owned(),
        "/perform/http/0/body/Operations/1/value: (absent) → \"admin\"".to_owned(),
        "/perform/http/1/upstream: (absent) → \"idp\"".to_owned(),
        format!("/perform/http/1/body/schemas/0: (absent) → \"urn:{padding}\""),
        "/perform/http/1/body/schemas/1: (absent) → \"urn:second\"".to_owned(),
        "/verify/after/1: (absent) → \"has(post.user.active) && post.user.active\"".to_owned(),
    ] {
        assert!(said.lines().any(|one| one.trim() == line), "no `{line}` in\n{said}");
    }
    assert!(!said.contains("more characters"), "{said}");
    // If the additions are undone, `deed pin` shows what is removed.
    edit(&world.dir, CONTRACT, "[\"has(post.user.displayName)\", ", "[").unwrap();
    edit(&world.dir, CONTRACT, &body, "value = true }] }").unwrap();
    let said = host::expect(&["pin", world.path(), "--json"]).unwrap();
    let reports: Vec<Value> = serde_json::from_str(&said).unwrap();
    let of = |one: &&Value| one["tenant"] == "acme" && one["grant"] == "idp.restore_access";
    let differs = reports.iter().find(of).unwrap()["differs"].as_array().unwrap().clone();
    let gone = |pointer: &str| {
        differs.iter().any(|one| one["pointer"] == pointer && one.get("new").is_none())
    };
    for pointer in ["/perform/http/0/body/Operations/1/value", "/perform/http/1/body/schemas/1"] {
        assert!(gone(pointer), "{pointer}: {differs:?}");
    }
}

/// The names and contents of a folder.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn what_is_kept_is_not_written_through_a_link() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let accepted = world.dir.join("accepted");
    let kept = contents(&accepted);
    for target in ["keys/receipt.key", "deed.toml", "accepted/none"] {
        let before = fs::read(world.dir.join(target)).ok();
        let (path, _) = &kept[0];
        fs::remove_file(path).ok();
        symlink(format!("../{target}"), path).unwrap();
        let (code, _, errors) = deed(&["pin", world.path()]);
        let name = path.strip_prefix(&world.dir).unwrap().display();
        assert!(code == 1 && errors.contains(&format!("`{name}` is a link")), "{errors}");
        assert_eq!(fs::read(world.dir.join(target)).ok(), before, "{target}");
        fs::remove_file(path).unwrap();
    }
    for target in ["contracts", "keys", "nowhere"] {
        fs::remove_dir_all(&accepted).unwrap_or_default();
        symlink(target, &accepted).unwrap();
        let (code, _, errors) = deed(&["pin", world.path()]);
        assert!(code == 1 && errors.contains("`accepted` is a link"), "{target}: {errors}");
        fs::remove_file(&accepted).unwrap();
        let json = |(path, _): &(PathBuf, Vec<u8>)| path.extension().is_some_and(|e| e == "json");
        assert!(target == "nowhere" || !contents(&world.dir.join(target)).iter().any(json));
    }
    fs::write(&accepted, "a file").unwrap();
    let (code, _, errors) = deed(&["pin", world.path()]);
    assert!(code == 1 && errors.contains("`accepted` is not a folder"), "{errors}");
    fs::remove_file(&accepted).unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    assert_eq!(contents(&accepted), kept, "and no draft is left");
}

fn owner(path: &Path) -> (u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid())
}

fn give(path: &Path, user: Option<u32>, group: u32, mode: u32) {
    chown(path, user, Some(group)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_pin_leaves_nothing_of_its_own_user_behind() {
    let world = World::lay_out(scim(), "scim").unwrap();
    assert!(!world.dir.join("state").exists(), "the host makes state/");
    let accepted = world.dir.join("accepted");
    let config = world.dir.join("deed.toml");
    if owner(&config).0 != 0 {
        // This test needs root because only root can change the owner of a file.
        return;
    }
    let all_are = |expected: (u32, u32)| {
        let files = contents(&accepted).into_iter().map(|(path, _)| path);
        files.chain([accepted.clone()]).all(|path| owner(&path) == expected)
    };
    // The folder and its files get the owner of `deed.toml`, even if root created them before.
    give(&config, Some(USER), USER, 0o600);
    host::expect(&["pin", world.path()]).unwrap();
    assert!(all_are((USER, USER)));
    fs::remove_dir_all(&accepted).unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    assert!(all_are((USER, USER)));
}

/// Tests a user who may write `deed.toml` but is not its owner.
#[test]
fn a_pin_warns_when_it_cannot_give_its_files_away() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let config = world.dir.join("deed.toml");
    if owner(&config).0 != 0 {
        return;
    }
    for path in walk(&world.dir) {
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        give(&path, Some(USER), USER, mode);
    }
    give(&config, Some(0), USER, 0o660);
    fs::remove_dir_all(world.dir.join("accepted")).unwrap();
    // The other user gets a copy of the binary, which it can execute.
    let binary = world.dir.join("binary");
    fs::copy(host::binary().unwrap(), &binary).unwrap();
    give(&binary, Some(USER), USER, 0o700);
    let mut pin = Command::new(&binary);
    let output = pin.args(["pin", world.path()]).uid(USER).gid(USER).current_dir("/").output();
    let output = output.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert!(errors.contains("cannot be given to the owner of deed.toml"), "{errors}");
    assert_eq!(owner(&world.dir.join("accepted")), (USER, USER));
    fs::remove_file(binary).unwrap();
    let (code, _, errors) = deed(&["pin", world.path()]);
    assert!(code == 0 && !errors.contains("warning"), "root can: {errors}");
    assert_eq!(owner(&world.dir.join("accepted")), (0, USER));
}

fn walk(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    if path.is_dir() {
        all.extend(fs::read_dir(path).unwrap().flat_map(|entry| walk(&entry.unwrap().path())));
    }
    all
}
