//! Runs every committed input through its target, without libFuzzer, as a regression test.
#![expect(clippy::print_stderr, reason = "the test's own output names the input that fails")]

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[test]
fn every_committed_input_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in deed_fuzz::TARGETS {
        for seed in (target.seeds)() {
            (target.run)(&seed);
        }
        let inputs = fs::read_to_string(corpus.join(target.name)).unwrap();
        assert!(!inputs.is_empty(), "`corpus/{}` is empty; run `make fuzz`", target.name);
        for (line, input) in (1..).zip(inputs.lines()) {
            // The line is shown only if the target panics, and it names the input.
            eprintln!("corpus/{}:{line}", target.name);
            (target.run)(&STANDARD.decode(input).unwrap());
        }
    }
    deed_fuzz::clean();
}
