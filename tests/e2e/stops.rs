//! Ending a host: at any time after it said that it serves, a signal is an orderly stop.

use deed_tests::host::Host;
use deed_tests::world::World;

use crate::shared::scim;

#[test]
fn a_signal_right_after_the_start_is_an_orderly_stop() {
    let world = World::lay_out(scim(), "scim").unwrap();
    for round in 0..10 {
        let host = Host::serve(&world.dir).unwrap();
        assert!(host.stop().unwrap(), "round {round}: it was ended without a stop of its own");
    }
}
