//! Tests that authority is sealed: only the crate that owns a grant type can create, copy, read or reuse its values.
//! The tests compile the files in `sealed/` against the libraries that this test was built with. Each line that the
//! compiler must refuse states the expected error, so that no line is refused for another reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The name of a crate, and the path of its compiled library.
type Extern = (&'static str, PathBuf);

/// For each crate, a source that compiles only with the build of this crate against which the libraries found so far
/// were compiled.
const PROBES: [(&str, &str); 3] = [
    (
        "deed_record",
        "use deed_record::policy::{PermitBasis, Permit};
         use deed_sandbox::grant::{Scope, clear};
         pub fn probe(one: Permit, scope: Scope, on: &PermitBasis) { drop(clear(one, scope, on)); }",
    ),
    (
        "deed_store",
        "use deed_sandbox::grant::{Cleared, spend};
         pub fn probe(one: Cleared, proof: deed_store::store::Durable) { drop(spend(one, proof)); }",
    ),
    (
        "serde",
        "fn is_read<'a, T: serde::Deserialize<'a>>() {}
         pub fn probe() { is_read::<deed_record::policy::Decision>(); }",
    ),
];

/// The directory of built libraries, and the libraries of one build. The directory may also contain libraries of
/// earlier builds.
struct Libraries {
    dir: PathBuf,
    externs: Vec<Extern>,
}

impl Libraries {
    fn find() -> Self {
        // Cargo puts the libraries into `deps`, next to `build/PACKAGE/out`. Neither the path of this test nor the path
        // of the tested binary determines that directory.
        let dir = Path::new(env!("OUT_DIR")).ancestors().nth(3).unwrap().join("deps");
        let newest = candidates(&dir, "deed_sandbox").into_iter().next().unwrap();
        let mut found = Self { dir, externs: vec![("deed_sandbox", newest)] };
        for (name, probe) in PROBES {
            let fits = candidates(&found.dir, name).into_iter().find(|library| {
                let one = (name, library.clone());
                found.errors(probe, Some(&one)).is_empty()
            });
            assert!(fits.is_some(), "no library of `{name}` fits the sandbox's");
            found.externs.extend(fits.map(|library| (name, library)));
        }
        found
    }

    /// The compiler's errors for a source, by line.
    fn errors(&self, source: &str, more: Option<&Extern>) -> BTreeSet<(u64, String)> {
        let out = scratch(source);
        let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        rustc.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--cap-lints=allow"]);
        rustc.args(["--crate-name=sealed", "--error-format=json", "--out-dir"]).arg(&out);
        rustc.arg("-L").arg(format!("dependency={}", self.dir.display()));
        for (name, library) in self.externs.iter().chain(more) {
            rustc.arg("--extern").arg(format!("{name}={}", library.display()));
        }
        let output = rustc.arg(out.join("sealed.rs")).output().unwrap();
        fs::remove_dir_all(&out).unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let errors: BTreeSet<_> = text.lines().flat_map(errors).collect();
        assert_eq!(output.status.success(), errors.is_empty(), "{text}");
        errors
    }
}

/// The built libraries of a crate, most recent first.
fn candidates(dir: &Path, name: &str) -> Vec<PathBuf> {
    let start = format!("lib{name}-");
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let is_one = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "rlib")
            && path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&start))
    };
    let mut all: Vec<PathBuf> = paths.filter(is_one).collect();
    all.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().modified().unwrap()));
    all
}

/// Creates a separate directory that contains the source.
fn scratch(source: &str) -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("deed-sealed-{}-{number}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("sealed.rs"), source).unwrap();
    dir
}

/// The lines and the code of a compiler error. If the error has no line, the line is 0. If the error has no code, its
/// text is used instead.
fn errors(line: &str) -> Vec<(u64, String)> {
    let message: Value = serde_json::from_str(line).unwrap_or_default();
    let text = message["message"].as_str().unwrap_or_default();
    if message["level"] != "error" || text.starts_with("aborting due to") {
        return vec![];
    }
    let code = message["code"]["code"].as_str().unwrap_or(text);
    let spans = message["spans"].as_array().into_iter().flatten();
    let places = spans.filter(|span| span["is_primary"] == true);
    let lines: Vec<u64> = places.filter_map(|span| span["line_start"].as_u64()).collect();
    let lines = if lines.is_empty() { vec![0] } else { lines };
    lines.into_iter().map(|line| (line, code.to_owned())).collect()
}

/// The errors that the `//~` comments of a source announce.
fn announced(source: &str) -> BTreeSet<(u64, String)> {
    let lines = (1..).zip(source.lines());
    lines.filter_map(|(at, line)| Some((at, line.split_once("//~ ")?.1.to_owned()))).collect()
}

#[test]
fn authority_is_neither_made_up_nor_copied_nor_used_twice() {
    let libraries = Libraries::find();
    assert_eq!(libraries.errors(include_str!("sealed/allowed.rs"), None), BTreeSet::new());
    for (name, source) in [
        ("literals.rs", include_str!("sealed/literals.rs")),
        ("calls.rs", include_str!("sealed/calls.rs")),
        ("twice.rs", include_str!("sealed/twice.rs")),
    ] {
        let announced = announced(source);
        assert!(announced.len() > 3, "{name} announces {announced:?}");
        assert_eq!(libraries.errors(source, None), announced, "{name}");
    }
}
