//! Tests of `deed restore`: which backups it refuses, when it requires a flag, and which files it leaves in place.

use std::fs;
use std::path::Path;

use deed_tests::world::BOB;
use serde_json::{Value, json};

use super::{Scratch, act, audit, backup, clean, copy, leave_some, restore, stop, world};

/// The error text that `deed restore` must report, and the function that damages the backup.
type Spoiling<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn an_older_state_is_restored_only_when_that_is_said() {
    let (mut world, _hostile) = world();
    let scratch = Scratch::new();
    let first = act(&world);
    let waiting = leave_some(&world);
    let old = scratch.join("old");
    let (code, said) = backup(&world.dir, &old, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("without private keys and secrets"), "{said}");
    let found = clean(&old);
    assert_eq!(found["actions"], 3, "{found:#}");
    // After the backup was made, one new action runs and one earlier action continues.
    let later = act(&world);
    assert!(world.approve(&waiting, "bob", BOB).unwrap().0);
    assert_eq!(world.settled(&waiting).unwrap()["status"], "verified");
    let (code, said) = restore(&old, &world.dir, &["--accept-older"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    stop(&mut world);
    let kept = scratch.join("kept");
    fs::copy(world.dir.join("state/log/acme/checkpoint"), &kept).unwrap();
    let sizes = (size(&world.dir), size(&old));
    let (code, said) = restore(&old, &world.dir, &[]);
    assert_eq!(code, 1, "{said}");
    for words in [
        "1 action(s) that started since".to_owned(),
        "1 action(s) that continued since".to_owned(),
        format!("log of acme: {} entries now, {} in the backup", sizes.0, sizes.1),
        "is a fork".to_owned(),
        "--accept-older".to_owned(),
    ] {
        assert!(said.contains(&words), "no `{words}`: {said}");
    }
    assert_eq!(clean(&world.dir)["actions"], 4, "nothing was changed");
    let (code, said) = restore(&old, &world.dir, &["--accept-older"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("state.before-restore-1"), "{said}");
    assert_eq!(clean(&world.dir)["actions"], 3);
    let (code, said) = audit(&world, &world.dir, "acme", &["--since", kept.to_str().unwrap()]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("rolled back"), "{said}");
    world.serve().unwrap();
    assert_eq!(world.show(&first).unwrap()["status"], "verified");
    assert_eq!(world.show(&waiting).unwrap()["status"], "waiting");
    assert_eq!(world.client(BOB).get(&format!("/v1/actions/{later}")).unwrap().status, 404);
    stop(&mut world);
    // The restore can be undone: the previous state was kept completely and can be moved back.
    let aside = world.dir.join("state.before-restore-1");
    let whole = scratch.join("whole");
    copy(&world.dir, &whole);
    fs::remove_dir_all(whole.join("state")).unwrap();
    copy(&aside, &whole.join("state"));
    assert_eq!(clean(&whole)["actions"], 4);
}

fn size(dir: &Path) -> u64 {
    let checkpoint = fs::read_to_string(dir.join("state/log/acme/checkpoint")).unwrap();
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_newer_backup_and_an_empty_place_need_no_word() {
    let (mut world, _hostile) = world();
    let scratch = Scratch::new();
    act(&world);
    let (older, newer) = (scratch.join("older"), scratch.join("newer"));
    assert_eq!(backup(&world.dir, &older, &["--with-keys"]).0, 0);
    act(&world);
    assert_eq!(backup(&world.dir, &newer, &["--with-keys"]).0, 0);
    let (code, said) = backup(&world.dir, &newer, &[]);
    assert!(code == 1 && said.contains("name a path that does not exist"), "{said}");
    let (code, said) = backup(&world.dir, &world.dir.join("state/copy"), &[]);
    assert!(code == 1 && said.contains("inside state/"), "{said}");
    let dir = scratch.join("made/of/it");
    let (code, said) = restore(&older, &dir, &[]);
    assert_eq!(code, 0, "{said}");
    clean(&dir);
    fs::write(dir.join("deed.toml"), "edited = true").unwrap();
    let (code, said) = restore(&newer, &dir, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("deed.toml differs from the backup"), "{said}");
    assert_eq!(fs::read_to_string(dir.join("deed.toml")).unwrap(), "edited = true");
    for name in fs::read_dir(&scratch.0).unwrap().chain(fs::read_dir(&dir).unwrap()) {
        let name = name.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains("partial"), "{name} stays behind");
    }
    // A backup does not contain the approvers' private keys.
    let approvers = fs::read_dir(newer.join("approvers")).unwrap();
    assert!(approvers.count() > 0 && !newer.join("approvers/bob.key").exists());
    stop(&mut world);
}

#[test]
fn a_backup_that_was_changed_is_refused_and_nothing_happens() {
    let (mut world, _hostile) = world();
    let scratch = Scratch::new();
    act(&world);
    stop(&mut world);
    let good = scratch.join("good");
    assert_eq!(backup(&world.dir, &good, &[]).0, 0);
    let files = |dir: &Path| {
        let mut all: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect();
        all.sort();
        all
    };
    let before = files(&world.dir);
    let changes: [Spoiling<'_>; 7] = [
        ("does not match its manifest", &|dir| {
            let path = dir.join("state/segments/00000001.journal");
            let mut bytes = fs::read(&path).unwrap();
            bytes[50] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("does not match its manifest", &|dir| {
            fs::remove_file(dir.join("state/VERSION")).unwrap();
        }),
        ("does not match its manifest", &|dir| {
            fs::rename(dir.join("deed.toml"), dir.join("moved")).unwrap();
            std::os::unix::fs::symlink(dir.join("moved"), dir.join("deed.toml")).unwrap();
        }),
        ("does not name", &|dir| fs::write(dir.join("state/log/acme/more"), "").unwrap()),
        ("not a backup, or the backup is incomplete", &|dir| {
            fs::remove_file(dir.join("manifest.json")).unwrap();
        }),
        ("has the format `deed backup 2`", &|dir| edit(dir, "deed backup 1", "deed backup 2")),
        ("not a path inside a backup", &|dir| edit(dir, "\"deed.toml\"", "\"../d.toml\"")),
    ];
    for (words, change) in changes {
        let bad = scratch.join("bad");
        copy(&good, &bad);
        change(&bad);
        let (code, said) = restore(&bad, &world.dir, &["--accept-older"]);
        assert_eq!(code, 1, "{words}: {said}");
        assert!(said.contains(words), "no `{words}`: {said}");
        assert_eq!(files(&world.dir), before, "{words}");
        fs::remove_dir_all(bad).unwrap();
    }
    clean(&world.dir);
    assert_eq!(restore(&good, &world.dir, &[]).0, 0);
}

/// An attacker who can change a backup can also write a matching manifest, so the restore must check the file names in
/// the manifest.
#[test]
fn a_backup_writes_nowhere_but_where_it_is_put_back() {
    let (mut world, _hostile) = world();
    let scratch = Scratch::new();
    act(&world);
    stop(&mut world);
    let good = scratch.join("good");
    assert_eq!(backup(&world.dir, &good, &[]).0, 0);
    let planted = scratch.join("planted");
    let inner = format!("state{}", planted.display());
    let bad = scratch.join("bad");
    copy(&good, &bad);
    fs::create_dir_all(bad.join(&inner).parent().unwrap()).unwrap();
    fs::write(bad.join(&inner), "planted").unwrap();
    for name in [inner.clone(), inner.replacen("state/", "state//", 1)] {
        name_also(&bad, &name, "planted");
    }
    let (code, said) = restore(&bad, &world.dir, &["--accept-older"]);
    assert!(!planted.exists(), "{said}");
    assert!(code == 1 && said.contains("not a path inside a backup"), "{said}");
    // Reading from a named pipe in the backup would block forever.
    for name in ["VERSION", "segments/00000002.journal", "log/acme/TAIL"] {
        let (bad, name) = (scratch.join("piped"), format!("state/{name}"));
        copy(&good, &bad);
        fs::remove_file(bad.join(&name)).ok();
        let made = std::process::Command::new("mkfifo").arg(bad.join(&name)).status().unwrap();
        assert!(made.success());
        name_also(&bad, &name, "");
        let (code, said) = restore(&bad, &world.dir, &["--accept-older"]);
        assert!(code == 1 && said.contains("does not match its manifest"), "{name}: {said}");
        fs::remove_dir_all(bad).unwrap();
    }
    clean(&world.dir);
}

/// Adds a file name with this content's digest to the manifest.
fn name_also(backup: &Path, name: &str, content: &str) {
    let path = backup.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let sha256 = deed_spec::digest::Digest::of(content.as_bytes());
    manifest["files"][name] = json!({"bytes": content.len(), "sha256": sha256});
    fs::write(path, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

/// An existing file that cannot be read may contain more than the backup, so a restore does not replace it silently.
#[test]
fn what_cannot_be_read_is_not_lost_in_silence() {
    let (mut world, _hostile) = world();
    let scratch = Scratch::new();
    act(&world);
    stop(&mut world);
    let good = scratch.join("good");
    assert_eq!(backup(&world.dir, &good, &[]).0, 0);
    let head = world.dir.join("state/log/acme/HEAD");
    fs::rename(&head, scratch.join("HEAD")).unwrap();
    fs::create_dir(&head).unwrap();
    let (code, said) = restore(&good, &world.dir, &[]);
    assert!(code == 1 && said.contains("parts that cannot be counted: state/log/acme"), "{said}");
    fs::remove_dir(&head).unwrap();
    fs::rename(scratch.join("HEAD"), &head).unwrap();
    let link = world.dir.join("contracts/restore_access.toml");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let (code, said) = restore(&good, &world.dir, &[]);
    assert!(code == 0 && said.contains("restore_access.toml differs from the backup"), "{said}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
}

fn edit(dir: &Path, from: &str, to: &str) {
    let path = dir.join("manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}
