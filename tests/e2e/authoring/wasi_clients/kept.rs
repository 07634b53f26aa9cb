//! The directory in which commands keep machine code: `DEED_CACHE`, or `deed/compiled` in the user's caches.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::workspace;

/// Checks an adapter with this cache; returns whether it was accepted, and what was printed.
fn check(cache: &Path) -> (bool, String) {
    check_with(&[("DEED_CACHE", cache.to_str().unwrap())])
}

/// Checks an adapter with this directory for caches, and without `DEED_CACHE`.
fn check_by_default(caches: &Path) -> (bool, String) {
    let caches = caches.to_str().unwrap();
    check_with(&[("DEED_CACHE", ""), ("XDG_CACHE_HOME", caches), ("HOME", "/nowhere")])
}

fn check_with(variables: &[(&str, &str)]) -> (bool, String) {
    let adapter = workspace().join("target/adapters/scim.wasm");
    let args = ["adapter", "check", adapter.to_str().unwrap()];
    let output = host::run_with(&args, variables, "").unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|one| one.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn machine_code_is_kept_in_a_directory_that_nobody_else_can_enter() {
    let home = Home::new("cache");
    assert!(check(&home.dir).0);
    let kept = files(&home.dir);
    let is_code = |name: &String| Path::new(name).extension().is_some_and(|end| end == "cwasm");
    assert!(!kept.is_empty() && kept.iter().all(is_code), "{kept:?}");
    assert_eq!(fs::metadata(&home.dir).unwrap().permissions().mode() & 0o777, 0o700);
    // The code of the first run is used again: a file that is written anew gets another inode.
    let inode = |name: &String| fs::metadata(home.dir.join(name)).unwrap().ino();
    let before: Vec<_> = kept.iter().map(inode).collect();
    assert!(check(&home.dir).0);
    assert_eq!(files(&home.dir), kept);
    assert_eq!(kept.iter().map(inode).collect::<Vec<_>>(), before);
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let home = Home::new("cache");
    DirBuilder::new().mode(0o700).create(&home.dir).unwrap();
    for mode in [0o755, 0o770, 0o777] {
        fs::set_permissions(&home.dir, Permissions::from_mode(mode)).unwrap();
        let (accepted, said) = check(&home.dir);
        assert!(!accepted && said.contains("chmod 700"), "{mode:o}: {said}");
        assert!(files(&home.dir).is_empty());
    }
}

#[test]
fn without_a_named_directory_commands_share_one_in_the_caches_of_the_user() {
    let home = Home::new("cache");
    let caches = home.dir.join("caches");
    DirBuilder::new().mode(0o700).recursive(true).create(&home.dir).unwrap();
    assert!(check_by_default(&caches).0);
    let kept = caches.join("deed/compiled");
    let before = files(&kept);
    assert!(!before.is_empty());
    for folder in [&caches, &caches.join("deed"), &kept] {
        let mode = fs::metadata(folder).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", folder.display());
    }
    let file = kept.join(&before[0]);
    let inode = fs::metadata(&file).unwrap().ino();
    assert!(check_by_default(&caches).0);
    assert_eq!(fs::metadata(&file).unwrap().ino(), inode, "the code of the first run is used");
    assert_eq!(files(&kept), before);
}

#[test]
fn caches_that_others_could_write_are_not_used() {
    let home = Home::new("cache");
    let caches = home.dir.join("caches");
    DirBuilder::new().mode(0o700).recursive(true).create(&caches).unwrap();
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(&caches, Permissions::from_mode(mode)).unwrap();
        let (accepted, said) = check_by_default(&caches);
        assert!(accepted, "{mode:o}: {said}");
        assert!(files(&caches).is_empty(), "{mode:o}");
    }
    let (accepted, said) = check_by_default(&home.dir.join("none/caches"));
    assert!(accepted && !home.dir.join("none").exists(), "{said}");
}

#[test]
fn a_served_directory_gets_the_code_that_a_command_has_kept() {
    let home = Home::new("cache");
    let (cache, served) = (home.dir.join("own"), home.dir.join("served"));
    DirBuilder::new().mode(0o700).recursive(true).create(&home.dir).unwrap();
    let adapter = workspace().join("target/adapters/scim.wasm");
    let variables = [("DEED_CACHE", cache.to_str().unwrap())];
    let served_name = served.to_str().unwrap();
    let made = ["init", served_name, "--adapter", adapter.to_str().unwrap()];
    assert!(host::run_with(&made, &variables, "").unwrap().status.success());
    let before = files(&cache);
    let inode = |name: &String| fs::metadata(cache.join(name)).unwrap().ino();
    let inodes: Vec<u64> = before.iter().map(inode).collect();
    // `deed pin` keeps code for a host only if the host has a folder for its state.
    DirBuilder::new().mode(0o700).create(served.join("state")).unwrap();
    assert!(host::run_with(&["pin", served_name], &variables, "").unwrap().status.success());
    assert_eq!(files(&served.join("state/cache")), before);
    // A compiled component would have been written anew, as another file.
    assert_eq!(before.iter().map(inode).collect::<Vec<_>>(), inodes);
}
