//! Every committed input through its target: what was found once stays mended, without libFuzzer.
#![expect(clippy::print_stderr, reason = "the test's own output names the input that fails")]

use std::fs;
use std::path::Path;

#[test]
fn every_committed_input_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in deed_fuzz::TARGETS {
        for seed in (target.seeds)() {
            (target.run)(&seed);
        }
        let mut files: Vec<_> = fs::read_dir(corpus.join(target.name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "`corpus/{}` is empty; run `make fuzz`", target.name);
        for file in files {
            // The test's own output is shown when the target panics, and then names the input.
            eprintln!("{}: {}", target.name, file.display());
            (target.run)(&fs::read(&file).unwrap());
        }
    }
    deed_fuzz::clean();
}
