//! An attack case, and the checks after every attack: the host is healthy, carries out the next action, and is idle
//! afterwards.

use deed_test_support::cpu::quiet;
use deed_test_support::shared::user;
use deed_tests::world::World;

/// A named attack. The function panics when the attack succeeds.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) attack: fn(),
}

/// A list of cases, each with a name, which the threat model lists, and an attack.
macro_rules! cases {
    ($($name:literal => $attack:expr),* $(,)?) => {
        vec![$($crate::case::Case { name: $name, attack: $attack }),*]
    };
}
pub(crate) use cases;

/// Checks after an attack that the host answers, is ready, carries out the next action normally and is idle afterwards.
pub(crate) fn unharmed(world: &World) {
    let user = user("bystander", Some(true));
    let next = world.propose(&World::proposal("idp.read_user", &user)).unwrap();
    assert_eq!(next.text("/status"), "verified", "the next action is harmed: {}", next.json());
    quiet(world);
}
