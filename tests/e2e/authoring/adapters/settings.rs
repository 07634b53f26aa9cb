//! What `deed adapter build` does with settings of the author: compiler flags, and lock files.

use std::fs;
use std::process::Command;

use deed_tests::home::Home;
use deed_tests::host;

use super::Project;
use super::refused::scripts;

/// The variables from which Cargo takes flags.
const FLAGS: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
];

/// What a build of the project writes into `CARGO_ENCODED_RUSTFLAGS` for Cargo, if this variable has a value.
fn encoded(project: &Project, variable: Option<&str>) -> String {
    let (seen, home) = (project.file("seen"), Home::new("cargo"));
    let script = format!(
        "case \"$1\" in --version) echo 1;; *) echo \"${{CARGO_ENCODED_RUSTFLAGS-none}}\" >\"{}\"; exit 1;; esac",
        seen.display()
    );
    let bin = scripts(&[("cargo", script.as_str())]);
    let mut command = Command::new(host::binary().unwrap());
    command.args(["adapter", "build", project.home.path()]);
    command.env("CARGO", bin.dir.join("cargo")).env("CARGO_HOME", &home.dir);
    command.env("CARGO_UNSTABLE_BUILD_STD", "std");
    for name in FLAGS {
        command.env_remove(name);
    }
    command.envs(variable.map(|name| (name, "-Copt-level=s")));
    assert_eq!(command.output().unwrap().status.code(), Some(1));
    fs::read_to_string(seen).unwrap().trim().to_owned()
}

#[test]
fn the_compiler_flags_of_the_author_are_kept() {
    let project = Project::new("rust");
    assert!(encoded(&project, None).starts_with("--remap-path-prefix="));
    for name in FLAGS {
        let kept = if name == "CARGO_ENCODED_RUSTFLAGS" { "-Copt-level=s" } else { "none" };
        assert_eq!(encoded(&project, Some(name)), kept, "{name}");
    }
    fs::create_dir(project.file(".cargo")).unwrap();
    for (table, is_kept) in [
        ("[build]", true),
        ("[target.wasm32-unknown-unknown]", true),
        ("[target.x86_64-unknown-linux-gnu]", false),
    ] {
        let text = format!("{table}\nrustflags = [\"-Copt-level=s\"]\n");
        fs::write(project.file(".cargo/config.toml"), text).unwrap();
        assert_eq!(encoded(&project, None) == "none", is_kept, "{table}");
    }
}

#[test]
fn packages_are_installed_again_if_the_lock_file_has_changed() {
    let (project, lock) = (Project::new("js"), "package-lock.json");
    let log = project.file("seen");
    let npm = format!(
        "case \"$1\" in --version) echo 10;; *) /bin/mkdir -p node_modules; echo \"$1\" >>\"{}\"; \
         [ -f {lock} ] || echo one >{lock};; esac",
        log.display()
    );
    let node = "case \"$1\" in --version) echo v20.1.0;; *) exit 3;; esac";
    let bin = scripts(&[("node", node), ("npm", npm.as_str())]);
    let build = || {
        assert_eq!(project.build(&[("PATH", bin.path())]).status.code(), Some(1));
        fs::read_to_string(&log).unwrap()
    };
    assert_eq!(build(), "install\n");
    assert_eq!(build(), "install\n", "npm has written the lock file");
    fs::write(project.file(lock), "two").unwrap();
    assert_eq!(build(), "install\nci\n");
    assert_eq!(build(), "install\nci\n");
}
