//! A test of the power-cut check itself. The simulated disk ignores one of the host's fsyncs (a "lie"), as if the
//! host's code omitted that fsync. The check must detect the resulting loss.

use deed_tests::disk::Lie;

use crate::chain::{CUTS, Chain};
use crate::fixture::Fixture;

/// The number of chains of cuts that are tried before a lie counts as undetected.
const CHAINS: u64 = 25;

/// Every fsync of the host, by its purpose. A sample ignores only the first fsyncs of this list.
const LIES: [(&str, Lie); 16] = [
    ("the journal's records", Lie::File("segments/")),
    ("the log's TAIL", Lie::File("/TAIL")),
    ("the names of segments", Lie::Folder("segments")),
    ("the names in state/", Lie::Folder("")),
    ("payloads", Lie::File("payloads/")),
    ("the names of payloads", Lie::Folder("payloads/")),
    ("the folders of payloads", Lie::Folder("payloads")),
    ("the log's HEAD", Lie::File("/HEAD")),
    ("the published checkpoint", Lie::File("/checkpoint")),
    ("tiles and entries", Lie::File("/tile/")),
    ("the names of tiles", Lie::Folder("log/acme/tile/")),
    ("the names in the log's folder", Lie::Folder("log/acme")),
    ("the names of logs", Lie::Folder("log")),
    ("statements", Lie::File("statements/")),
    ("the names of statements", Lie::Folder("statements")),
    ("the version of the state", Lie::File("VERSION")),
];

/// Prints a line for each ignored fsync (a "lie"). Returns the number of lies that the check did not detect.
pub(crate) fn run(
    fixture: &Fixture,
    seed: u64,
    sample: Option<usize>,
    mut say: impl FnMut(&str),
) -> usize {
    let mut unnoticed = 0;
    for (what, lie) in LIES.into_iter().take(sample.unwrap_or(LIES.len())) {
        let chains = (0..CHAINS).map(|chain| {
            let ended = Chain::new(fixture, seed.wrapping_add(chain), Some(lie)).run(CUTS);
            ended.err().map(|why| format!("in chain {}, {why}", chain + 1))
        });
        let noticed = chains.into_iter().find_map(|lost| lost);
        unnoticed += usize::from(noticed.is_none());
        let end = noticed.unwrap_or_else(|| format!("NOT NOTICED in {} cuts", CHAINS * CUTS));
        say(&format!("powercut: without fsync of {what}: {end}"));
    }
    unnoticed
}
