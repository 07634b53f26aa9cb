//! Programs that print tokens, in a configuration that does not pin exactly one program.

use std::fs;
use std::path::Path;

use deed_spec::digest::Digest;

use super::bench::{Bench, mode, replace};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases!["program-that-is-not-pinned" => not_pinned]
}

const PROGRAM: &str = "#!/bin/sh\necho '{\"token\": \"a-t0ken-of-a-program\"}'\n";

/// Adds a token with these lines, and uses it for reads. `PATH` in the lines is the path of a program.
fn with(dir: &Path, lines: &str) {
    let path = dir.join("program");
    fs::write(&path, PROGRAM).unwrap();
    mode(&path, 0o700);
    let lines = lines.replace("PATH", path.to_str().unwrap());
    let stored = "read = { secret = \"idp_read\", slot = \"bearer\" }";
    replace(dir, "deed.toml", stored, "read = { token = \"vault\" }");
    let secret = "[tenant.acme.secret.idp_read]";
    let table = format!("[tenant.acme.token.vault]\nkind = \"exec\"\n{lines}\n\n{secret}");
    replace(dir, "deed.toml", secret, &table);
}

fn not_pinned() {
    let mut bench = Bench::new();
    let digest = Digest::of(PROGRAM.as_bytes());
    let other = Digest::of(b"another program");
    let pinned = format!("program = \"PATH\"\ndigest = \"{digest}\"");
    let says = format!("write `digest = \"{digest}\"`");
    for (name, lines, fragment) in [
        ("no program", format!("digest = \"{digest}\""), "`program` is missing"),
        ("no digest", "program = \"PATH\"".to_owned(), says.as_str()),
        ("another digest", format!("program = \"PATH\"\ndigest = \"{other}\""), says.as_str()),
        ("no hash", "program = \"PATH\"\ndigest = \"latest\"".to_owned(), "is not a digest"),
        ("a name", format!("program = \"sh\"\ndigest = \"{digest}\""), "write an absolute path"),
        (
            "a path that climbs",
            format!("program = \"/bin/../bin/sh\"\ndigest = \"{digest}\""),
            "write an absolute path",
        ),
        (
            "a device",
            format!("program = \"/dev/null\"\ndigest = \"{digest}\""),
            "not a regular file",
        ),
        ("a NUL", format!("{pinned}\nargs = [\"a\\u0000b\"]"), "`args` must be"),
        ("a secret", format!("{pinned}\nsecret = \"idp_read\""), "`secret` is not a field of"),
        ("an environment", format!("{pinned}\nenv = {{ A = \"b\" }}"), "unknown field"),
    ] {
        let attack = |dir: &Path| with(dir, &lines);
        bench.refused(name, attack, &["deed.toml:", fragment]);
    }
    let open = |dir: &Path| {
        with(dir, &pinned);
        mode(&dir.join("program"), 0o770);
    };
    bench.refused("a program that a group writes", open, &["deed.toml:", "chmod go-w"]);
    let others = |dir: &Path| {
        with(dir, &pinned);
        replace(dir, "deed.toml", "kind = \"exec\"", "kind = \"client_credentials\"");
    };
    bench.refused("another kind", others, &["deed.toml:", "`program` is not a field of"]);
    bench.taken("the pinned program", |dir| with(dir, &pinned), "program");
    bench.well();
}
