//! Tests of tokens in a backup: they are copied, and a restore brings no revoked token back.

use deed_test_support::shared::scim;
use deed_tests::tokens::{path, report};
use deed_tests::world::World;

use super::{created, deed};

#[test]
fn a_restore_brings_no_revoked_token_back() {
    let mut world = World::start(scim()).unwrap();
    let (id, _) = created(&mut world, "add", &["helpdesk"]);
    assert!(world.stop().unwrap());
    let (copy, other) = (world.dir.join("copy"), world.dir.join("other"));
    let [copy_path, other_path] = [&copy, &other].map(|dir| dir.to_str().unwrap().to_owned());
    let (code, said) = deed(&["backup", world.path(), &copy_path]);
    assert_eq!(code, 0, "{said}");
    assert!(path(&copy, &id).exists(), "a digest is configuration, and no secret");
    report(&world.dir, "revoke", &[&id]).unwrap();
    let (code, said) = deed(&["restore", &copy_path, world.path(), "--accept-older"]);
    assert!(code == 0 && !said.contains("tokens   "), "{said}");
    assert!(!path(&world.dir, &id).exists(), "it was revoked");
    let (code, said) = deed(&["restore", &copy_path, &other_path]);
    assert!(code == 0 && said.contains("tokens   1 of agents; revoke those"), "{said}");
    assert!(path(&other, &id).exists(), "a new directory is as the backup");
}
