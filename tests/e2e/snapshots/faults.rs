//! The report of `deed check` on each mistake in a configuration or contract.

use std::fs;

use deed_test_support::shared::scim;
use deed_tests::world::{World, edit};

use super::transcript::Transcript;
use crate::mistakes::MISTAKES;

#[test]
fn mistakes_in_configuration_and_contracts() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let mut transcript = Transcript::new();
    transcript.name(world.path(), "DIR");
    for mistake in MISTAKES {
        let path = world.dir.join(mistake.file);
        let good = fs::read(&path).unwrap();
        edit(&world.dir, mistake.file, mistake.from, mistake.to).unwrap();
        transcript.heading(&format!("{}: {}", mistake.file, mistake.to.replace('\n', " ⏎ ")));
        transcript.run(&["check", world.path()]);
        fs::write(path, good).unwrap();
    }
    transcript.check("check-faults");
}
