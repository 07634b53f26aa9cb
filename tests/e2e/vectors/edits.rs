//! The bundles in `tests/vectors/edits/` and `tests/vectors/confirmations/` are those that their scripts write.

use std::fs;
use std::process::Command;

use deed_tests::services::{venv, workspace};

use super::{root, vectors};

#[test]
fn the_bundles_of_edited_actions_are_those_that_the_script_writes() {
    are_written_by("edit_vectors.py", "edits", (3, 14));
}

#[test]
fn the_bundles_of_confirmed_actions_are_those_that_the_script_writes() {
    are_written_by("confirm_vectors.py", "confirmations", (6, 25));
}

/// The folder has at least so many good and bad bundles, and this script writes them.
fn are_written_by(script: &str, folder: &str, (good, bad): (usize, usize)) {
    let out = std::env::temp_dir().join(format!("deed-{folder}-{}", std::process::id()));
    fs::create_dir_all(&out).unwrap();
    let output = Command::new(venv().join("bin/python"))
        .arg(workspace().join("tests/oracle").join(script))
        .args([root(), out.clone()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let committed = root().join(folder);
    let all = vectors(&committed);
    assert!(all.iter().filter(|one| one.verdict == "verified").count() >= good);
    assert!(all.iter().filter(|one| one.verdict == "failed").count() >= bad);
    for file in all.iter().map(|one| one.file.as_str()).chain(["index.json"]) {
        let (written, kept) =
            (fs::read(out.join(file)).unwrap(), fs::read(committed.join(file)).unwrap());
        assert!(written == kept, "{file} differs; run tests/oracle/{script}");
    }
    fs::remove_dir_all(&out).unwrap();
}
