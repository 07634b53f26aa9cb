//! Callers whose token is in a file that an attacker planted in `tokens/` while the host runs.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use deed_test_support::shared::scim;
use deed_tests::tokens::{file, path, plant, report};
use deed_tests::wait::{answer, until};
use deed_tests::world::{BOB, HELPDESK, World};

use super::unharmed;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "token-files-planted-while-it-serves" => planted,
        "token-files-that-cannot-be-read" => unreadable,
    ]
}

const TOKEN: &str = "deed_a-token-that-an-attacker-knows";

fn status(world: &World, token: &str) -> u16 {
    world.client(token).get("/v1/contracts").unwrap().status
}

fn becomes(world: &World, token: &str, wanted: u16) {
    answer("the host has read the tokens", || status(world, token), |found| *found == wanted);
}

/// Waits until the host has logged a line with both words.
fn logged(world: &World, words: [&str; 2]) {
    let log = || world.host.as_ref().unwrap().log();
    let fits = |line: &str| words.iter().all(|word| line.contains(word));
    until(&format!("the log has a line with {words:?}"), || log().lines().any(fits));
}

/// A new token of the helpdesk agent, after the host has accepted it.
fn accepted(world: &World) -> String {
    let token = report(&world.dir, "add", &["helpdesk"]).unwrap();
    let token = token["token"].as_str().unwrap().to_owned();
    becomes(world, &token, 200);
    token
}

/// A directory next to that of the world. It is removed when the value is dropped.
struct Outside(PathBuf);

impl Outside {
    fn of(world: &World) -> Self {
        let dir = PathBuf::from(format!("{}-outside", world.path()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

/// None of the planted tokens is accepted, and the valid one stays so.
fn planted() {
    let world = World::start(scim()).unwrap();
    let outside = Outside::of(&world);
    let good = accepted(&world);
    let ids: Vec<String> = (0..6).map(|n| format!("t_000000000{n}")).collect();
    let text = file("acme", "helpdesk", TOKEN);
    plant(&outside.0, &ids[0], &text).unwrap();
    symlink(path(&outside.0, &ids[0]), path(&world.dir, &ids[0])).unwrap();
    logged(&world, [&ids[0], "leads out of the served directory"]);
    assert_eq!(status(&world, TOKEN), 401);
    plant(&world.dir, &ids[1], &text).unwrap();
    let huge = OpenOptions::new().write(true).open(path(&world.dir, &ids[1])).unwrap();
    huge.set_len(1 << 40).unwrap();
    logged(&world, [&ids[1], "is longer than 4096 bytes"]);
    fs::remove_file(path(&world.dir, &ids[1])).unwrap();
    for (id, tenant, agent, words) in [
        (&ids[2], "globex", "helpdesk", "has no agent `helpdesk`"),
        (&ids[3], "acme", "bob", "has no agent `bob`"),
    ] {
        plant(&world.dir, id, &file(tenant, agent, TOKEN)).unwrap();
        logged(&world, [id, words]);
        fs::remove_file(path(&world.dir, id)).unwrap();
    }
    plant(&world.dir, &ids[4], &file("globex", "desk", BOB)).unwrap();
    logged(&world, [&ids[4], "the token of `bob` in deed.toml"]);
    // A file that others can read is refused even if it was accepted before.
    plant(&world.dir, &ids[5], &text).unwrap();
    becomes(&world, TOKEN, 200);
    fs::set_permissions(path(&world.dir, &ids[5]), Permissions::from_mode(0o644)).unwrap();
    becomes(&world, TOKEN, 401);
    logged(&world, [&ids[5], "chmod 600"]);
    assert_eq!((status(&world, &good), status(&world, HELPDESK)), (200, 200));
    unharmed(&world);
}

/// A host that cannot know which tokens were revoked accepts none of them after a short time, and all of them as soon as
/// it can read the files again.
fn unreadable() {
    let world = World::start(scim()).unwrap();
    let outside = Outside::of(&world);
    let good = accepted(&world);
    let (folder, aside) = (world.dir.join("tokens"), outside.0.join("tokens"));
    fs::rename(&folder, &aside).unwrap();
    symlink(&aside, &folder).unwrap();
    logged(&world, ["ERROR", "leads out of the served directory"]);
    becomes(&world, &good, 401);
    assert_eq!(status(&world, HELPDESK), 200, "the configuration was read at the start");
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    becomes(&world, &good, 200);
    for n in 0..10_000 {
        fs::write(folder.join(format!("t_{n:010}.toml")), "").unwrap();
    }
    logged(&world, ["ERROR", "has more than 1000 files"]);
    becomes(&world, &good, 401);
    for n in 0..10_000 {
        fs::remove_file(folder.join(format!("t_{n:010}.toml"))).unwrap();
    }
    becomes(&world, &good, 200);
    unharmed(&world);
}
