//! Sets the build information of `deed --version`: the commit in a release build, and nothing from git in any other
//! build.
//!
//! A debug build does not read the commit, so that a new commit does not cause a rebuild. Without git, or outside of a
//! checkout, the commit is unknown and the build continues.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The sources of the program, relative to the root of the checkout.
const SOURCES: [&str; 5] = ["host", "wit", "contracts", "Cargo.toml", "Cargo.lock"];

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script the profile so")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let build = if is_release { commit() } else { "debug build".to_owned() };
    println!("cargo:rustc-env=DEED_BUILD={build}");
}

/// The commit, with a mark if the sources differ from the commit.
fn commit() -> String {
    // If the sources were copied into another repository, the commit of that repository does not describe them.
    let is_ours = git(&["ls-files", "--error-unmatch", "build.rs"]).is_some();
    let root = git(&["rev-parse", "--show-toplevel"]).filter(|_| is_ours);
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let (Some(root), Some(commit)) = (root, commit) else { return "commit unknown".to_owned() };
    watch(Path::new(&root));
    let pathspecs = SOURCES.map(|source| format!(":(top){source}"));
    let mut args = vec!["status", "--porcelain", "--"];
    args.extend(pathspecs.iter().map(String::as_str));
    match git(&args) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit}, modified"),
    }
}

/// Makes cargo run this script again when the sources change or HEAD refers to another commit.
fn watch(root: &Path) {
    for path in SOURCES.map(|source| root.join(source)).iter().chain(&git_path("HEAD")) {
        changed(path);
    }
    let Some(branch) = git(&["symbolic-ref", "--quiet", "HEAD"]) else { return };
    let Some(branch) = git_path(&branch) else { return };
    if branch.exists() {
        return changed(&branch);
    }
    // The branch is among the packed refs until its next commit, which creates the branch's file. A missing file would
    // count as changed in every build, so the folder is watched instead.
    let folder = branch.ancestors().find(|path| path.exists()).map(Path::to_owned);
    let packed = git_path("packed-refs").filter(|packed| packed.exists());
    for path in folder.iter().chain(&packed) {
        changed(path);
    }
}

fn changed(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

fn git_path(name: &str) -> Option<PathBuf> {
    git(&["rev-parse", "--git-path", name]).map(PathBuf::from)
}

/// Returns what a git command prints when it runs in the directory of this script.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).env("GIT_OPTIONAL_LOCKS", "0").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}
