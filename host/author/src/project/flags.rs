//! Compiler flags for Rust projects. They shorten the names of files in messages of panics, so that the component does not
//! depend on the place of the project.
//!
//! Cargo takes flags from one source only, and an environment variable replaces what is in configuration files. So nothing
//! is set if the author has flags of their own.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::toolchain::TARGET;

/// The variable that Cargo prefers to all other sources of flags. It separates the flags with 0x1f.
pub(super) const ENCODED: &str = "CARGO_ENCODED_RUSTFLAGS";

/// The other variables from which Cargo takes flags for [`TARGET`].
const VARIABLES: [&str; 3] =
    ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"];

/// The flags for the project in this folder, for [`ENCODED`]. `None` if the author has flags.
pub(super) fn remapped(dir: &Path) -> Option<OsString> {
    let is_set = |name: &&str| std::env::var_os(name).is_some();
    let home = cargo_home();
    if is_set(&ENCODED) || VARIABLES.iter().any(is_set) || is_configured(dir, home.as_deref()) {
        return None;
    }
    let mut flags = OsString::from("--remap-path-prefix=");
    flags.push(dir);
    flags.push("=/adapter");
    if let Some(home) = home {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(home);
        flags.push("=/cargo");
    }
    Some(flags)
}

fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    named.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

/// Whether a configuration file of Cargo has flags: in the project's folder, in a folder above it, or in Cargo's home.
fn is_configured(dir: &Path, home: Option<&Path>) -> bool {
    let folders = dir.ancestors().map(|folder| folder.join(".cargo"));
    let mut folders = folders.chain(home.map(|home| dir.join(home)));
    folders.any(|folder| {
        ["config", "config.toml"]
            .iter()
            .any(|name| fs::read_to_string(folder.join(name)).is_ok_and(|text| has_flags(&text)))
    })
}

/// Whether a configuration has flags that Cargo uses for [`TARGET`]. A file that includes others or is not valid may have
/// some; Cargo reports what is not valid.
fn has_flags(text: &str) -> bool {
    let Ok(table) = toml::from_str::<Table>(text) else { return true };
    let flags = |of: &Value| of.get("rustflags").is_some();
    let targets = table.get("target").and_then(Value::as_table);
    let mut of_target = targets.into_iter().flatten();
    table.contains_key("include")
        || table.get("build").is_some_and(flags)
        || of_target.any(|(name, of)| (name == TARGET || name.starts_with("cfg(")) && flags(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_flags_that_reach_the_target_are_flags() {
        for text in [
            "[build]\nrustflags = [\"-Copt-level=s\"]",
            "build.rustflags = \"-g\"",
            "[target.wasm32-unknown-unknown]\nrustflags = []",
            "[target.'cfg(target_arch = \"wasm32\")']\nrustflags = \"-g\"",
            "include = [\"other.toml\"]",
            "[build",
        ] {
            assert!(has_flags(text), "{text}");
        }
        for text in [
            "",
            "[build]\njobs = 2",
            "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Clink-arg=-fuse-ld=lld\"]",
            "[target.wasm32-unknown-unknown]\nrunner = \"x\"",
            "target = 1\nbuild = \"rustflags\"",
        ] {
            assert!(!has_flags(text), "{text}");
        }
    }

    #[test]
    fn flags_are_found_above_the_project_and_in_the_home_of_cargo() {
        let root = std::env::temp_dir().join(format!("deed-author-flags-{}", std::process::id()));
        let (project, home) = (root.join("a/b"), root.join("home"));
        for folder in [&project, &home, &root.join(".cargo")] {
            fs::create_dir_all(folder).unwrap();
        }
        let is_found = || is_configured(&project, Some(&home));
        assert!(!is_found());
        for file in [".cargo/config.toml", ".cargo/config", "home/config.toml"] {
            fs::write(root.join(file), "[build]\nrustflags = \"-g\"").unwrap();
            assert!(is_found(), "{file}");
            fs::remove_file(root.join(file)).unwrap();
        }
        assert!(!is_found());
        fs::remove_dir_all(&root).unwrap();
    }
}
