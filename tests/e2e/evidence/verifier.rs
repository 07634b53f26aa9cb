//! Tests that `deed-verify`, the verifier without a host, reports the same results as `deed verify` and `deed log
//! audit`.

use std::fs;
use std::path::Path;
use std::process::Command;

use deed_tests::host;
use deed_tests::services::workspace;

use super::{Proof, forge, proof, verify};

/// Exit code and all output of `deed-verify`.
fn run(args: &[&str]) -> (i32, String) {
    let binary = host::binary().unwrap().parent().unwrap().join("deed-verify");
    let output = Command::new(binary).args(args).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_bundle_gets_the_answer_that_the_host_gives() {
    let proof = proof("small@example.com");
    let dir = &proof.world.dir;
    let (file, trust) = (path(dir, "proof.deed"), path(dir, "trust"));
    let checked = || run(&[&file, "--trust", &trust]);
    assert_eq!(checked(), verify(dir, true));
    let (code, said) = run(&[&file, "--trust", &trust, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["verdict"]), (0, &"verified".into()));
    fs::write(&file, forge(&proof.bundle)).unwrap();
    assert_eq!((checked().0, checked()), (1, verify(dir, true)));
    let (code, said) = run(&[&file, "--trust", &path(dir, "approvers")]);
    assert_eq!(code, 2, "{said}");
    let (code, said) = run(&[&file, "--trust", &path(dir, "nowhere")]);
    assert!(code == 2 && said.contains("is not a directory of keys"), "{said}");
    let (code, said) = run(&[&path(dir, "none.deed"), "--trust", &trust]);
    assert!(code == 2 && said.contains("none.deed"), "{said}");
}

#[test]
fn a_log_is_audited_too() {
    let Proof { mut world, .. } = proof("small-log@example.com");
    assert!(world.host.take().unwrap().stop().unwrap());
    let (log, trust) = (path(&world.dir, "state/log/acme"), path(&world.dir, "trust"));
    let (code, said) = run(&[&log, "--trust", &trust]);
    assert!(code == 0 && said.contains("VERIFIED deed.example/logs/acme"), "{code}: {said}");
    let audit = host::run(&["log", "audit", &log, "--trust", &trust], "").unwrap();
    assert_eq!(said, String::from_utf8_lossy(&audit.stdout));
    // The verifier reads neither a pipe nor a link that leads out of the copied log. The verifier does not treat an
    // unreadable HEAD as absent.
    for (name, made) in
        [("HEAD", "pipe"), ("HEAD", "link"), ("HEAD", "directory"), ("tile/entries", "link")]
    {
        let place = world.dir.join("state/log/acme").join(name);
        let aside = world.dir.join("aside");
        fs::rename(&place, &aside).unwrap();
        match made {
            "pipe" => assert!(Command::new("mkfifo").arg(&place).status().unwrap().success()),
            "link" => std::os::unix::fs::symlink(&aside, &place).unwrap(),
            _ => fs::create_dir(&place).unwrap(),
        }
        let (code, said) = run(&[&log, "--trust", &trust]);
        assert_eq!(code, 2, "{name}, {made}: {said}");
        let removed =
            if made == "directory" { fs::remove_dir(&place) } else { fs::remove_file(&place) };
        removed.unwrap();
        fs::rename(&aside, &place).unwrap();
    }
    let deceiving = "log\u{9b}2J\u{202e}\n0\n\n\n";
    fs::write(world.dir.join("state/log/acme/checkpoint"), deceiving).unwrap();
    let (_, said) = run(&[&log, "--trust", &trust, "--json"]);
    assert!(!said.contains(['\u{9b}', '\u{202e}']), "{said}");
    fs::write(world.dir.join("state/log/acme/checkpoint"), "nonsense").unwrap();
    assert_ne!(run(&[&log, "--trust", &trust]).0, 0);
    let (code, said) = run(&[&path(&world.dir, "state"), "--trust", &trust]);
    assert!(code == 2 && said.contains("is not a log"), "{said}");
}

#[test]
fn it_is_built_without_an_engine_and_without_a_network() {
    let args = ["tree", "--offline", "--locked", "--package=deed-verify-cli", "--edges=normal"];
    let mut cargo = Command::new("cargo");
    let output = cargo.args(args).arg("--prefix=none").current_dir(workspace()).output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"deed-verify"), "{tree}");
    for heavy in ["wasmtime", "tokio", "hyper", "axum", "ureq", "rustls", "sled", "deed-host"] {
        assert!(!names.contains(&heavy), "`{heavy}` is built for deed-verify");
    }
}
