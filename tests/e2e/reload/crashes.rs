//! A host that is killed during a reload starts with the configuration of its directory, and its log has one activation
//! for it.

use std::time::Duration;

use deed_test_support::shared::{ended, scim};
use deed_tests::world::{World, edit};

use super::{FORBIDS, PERMITS, POLICY, read};
use crate::activation::activations;

#[test]
fn a_host_that_is_killed_after_the_activation_was_logged_does_not_log_it_again() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    world.serve_with(&[("DEED_FAILPOINT", "reload.activated:1")]).unwrap();
    ended(&world, &read(&world), "verified", "");
    assert_eq!(activations(&world), 1);
    edit(&world.dir, POLICY, PERMITS, FORBIDS).unwrap();
    world.host.as_ref().unwrap().signal("HUP").unwrap();
    assert!(world.ends_within(Duration::from_mins(1)).unwrap(), "the reload never came");
    world.host = None;
    world.serve().unwrap();
    ended(&world, &read(&world), "denied", "forbidden by `helpdesk-reads`");
    assert_eq!(activations(&world), 2);
    assert!(world.stop().unwrap());
    assert_eq!(world.check().unwrap(), None);
}

#[test]
fn a_directory_that_was_changed_back_is_activated_again() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    world.serve_with(&[("DEED_FAILPOINT", "reload.activated:1")]).unwrap();
    edit(&world.dir, POLICY, PERMITS, FORBIDS).unwrap();
    world.host.as_ref().unwrap().signal("HUP").unwrap();
    assert!(world.ends_within(Duration::from_mins(1)).unwrap(), "the reload never came");
    world.host = None;
    edit(&world.dir, POLICY, FORBIDS, PERMITS).unwrap();
    world.serve().unwrap();
    ended(&world, &read(&world), "verified", "");
    assert_eq!(activations(&world), 3);
}
