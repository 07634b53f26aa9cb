//! Tests of what the binary reports about itself: its version with the commit, and shell completions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_tests::services::workspace;

use super::deed;

#[test]
fn a_version_names_the_build() {
    let (code, said, _) = deed(&["--version"]);
    assert_eq!((code, said.as_str()), (0, "deed 0.1.0 (debug build)\n"));
    assert_eq!(deed(&["-V"]).1, said);
}

#[test]
fn shells_complete_the_commands() {
    for (shell, words) in [
        ("bash", ["complete -F _deed", "secret", "--intent"]),
        ("zsh", ["#compdef deed", "secret", "--intent"]),
        ("fish", ["complete -c deed", "secret", "-l intent"]),
    ] {
        let (code, script, errors) = deed(&["completions", shell]);
        assert_eq!((code, errors.as_str()), (0, ""));
        for word in words {
            assert!(script.contains(word), "{shell}: no `{word}`");
        }
    }
    assert_eq!(deed(&["completions", "tcsh"]).0, 2);
}

/// A folder with the compiled build script and the sources that it reads.
struct Checkout {
    dir: PathBuf,
    script: PathBuf,
}

impl Checkout {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("deed-build-{name}-{}", std::process::id()));
        fs::create_dir_all(dir.join("tree/host/runtime")).unwrap();
        let source = dir.join("tree/host/runtime/build.rs");
        fs::copy(workspace().join("host/runtime/build.rs"), &source).unwrap();
        for path in ["Cargo.toml", "Cargo.lock", "wit/adapter.wit", "contracts/README.md"] {
            let path = dir.join("tree").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "one\n").unwrap();
        }
        let script = dir.join("script");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "--allow", "warnings", "-o"]).args([&script, &source]);
        assert!(rustc.status().unwrap().success());
        Self { dir, script }
    }

    fn git(&self, args: &[&str]) -> String {
        let person = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
        let output = Command::new("git").args(person).args(args).current_dir(self.tree()).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        self.git(&["rev-parse", "--short=12", "HEAD"])
    }

    fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// Runs the build script. Returns the version that it reports, and the paths that it watches.
    fn says(&self, package: &Path, profile: &str, path: Option<&str>) -> (String, Vec<PathBuf>) {
        let mut script = Command::new(&self.script);
        script.current_dir(package).env("PROFILE", profile).env_remove("GIT_DIR");
        if let Some(path) = path {
            script.env("PATH", path);
        }
        let output = script.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let of = |key: &str| said.lines().filter_map(|l| l.strip_prefix(key)).collect::<Vec<_>>();
        let watched = of("cargo:rerun-if-changed=").iter().map(|path| package.join(path)).collect();
        (of("cargo:rustc-env=DEED_BUILD=").concat(), watched)
    }

    fn release(&self) -> (String, Vec<PathBuf>) {
        self.says(&self.tree().join("host/runtime"), "release", None)
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).unwrap_or_default();
    }
}

/// Whether one of the watched paths contains this path.
fn watches(watched: &[PathBuf], path: &Path) -> bool {
    let path = path.canonicalize().unwrap();
    watched.iter().any(|one| one.canonicalize().is_ok_and(|one| path.starts_with(one)))
}

#[test]
fn a_release_names_its_commit_and_is_made_anew_for_another() {
    let checkout = Checkout::new("commit");
    checkout.git(&["init", "--quiet", "--initial-branch=main"]);
    let (git, package) = (checkout.tree().join(".git"), checkout.tree().join("host/runtime"));
    let first = checkout.commit();
    let (said, watched) = checkout.release();
    assert_eq!(said, first);
    assert!(watched.iter().all(|path| path.exists()), "it would run each time: {watched:?}");
    for path in ["HEAD", "refs/heads/main"] {
        assert!(watches(&watched, &git.join(path)), "{path}: {watched:?}");
    }
    assert!(watches(&watched, &checkout.tree().join("Cargo.toml")));
    assert!(!watches(&watched, &git.join("index")), "every `git status` would count");
    // The branch is now in packed-refs, so its next commit creates a separate ref file.
    checkout.git(&["pack-refs", "--all"]);
    let (said, watched) = checkout.release();
    assert_eq!(said, first);
    assert!(watched.iter().all(|path| path.exists()), "{watched:?}");
    assert!(watches(&watched, &git.join("packed-refs")), "{watched:?}");
    assert_eq!(checkout.release().0, first);
    let second = checkout.commit();
    assert!(watches(&watched, &git.join("refs/heads/main")), "{watched:?}");
    assert_eq!(checkout.release().0, second);
    fs::write(checkout.tree().join("Cargo.toml"), "two\n").unwrap();
    assert_eq!(checkout.release().0, format!("{second}, modified"));
    checkout.git(&["checkout", "--quiet", "--detach", &first]);
    assert_eq!(checkout.release().0, format!("{first}, modified"));
    // A debug build does not run git, and watches only the script.
    let (said, watched) = checkout.says(&package, "debug", Some("/nowhere"));
    assert_eq!((said.as_str(), watched), ("debug build", vec![package.join("build.rs")]));
}

#[test]
fn a_worktree_has_a_head_of_its_own() {
    let checkout = Checkout::new("worktree");
    checkout.git(&["init", "--quiet", "--initial-branch=main"]);
    checkout.commit();
    let other = checkout.dir.join("other");
    checkout.git(&["worktree", "add", "--quiet", "-b", "side", other.to_str().unwrap()]);
    let main = checkout.commit();
    let (said, watched) = checkout.says(&other.join("host/runtime"), "release", None);
    assert_ne!(said, main);
    let git = checkout.tree().join(".git");
    assert!(watches(&watched, &git.join("worktrees/other/HEAD")), "{watched:?}");
    assert!(watches(&watched, &git.join("refs/heads/side")), "{watched:?}");
    assert!(!watches(&watched, &git.join("refs/heads/main")), "{watched:?}");
}

#[test]
fn without_git_or_a_checkout_the_commit_is_unknown() {
    let checkout = Checkout::new("none");
    let package = checkout.tree().join("host/runtime");
    let unknown = |path: Option<&str>| {
        let (said, watched) = checkout.says(&package, "release", path);
        assert_eq!((said.as_str(), watched), ("commit unknown", vec![package.join("build.rs")]));
    };
    unknown(None);
    unknown(Some("/nowhere"));
    // The sources are inside the repository of another project.
    checkout.git(&["init", "--quiet", "--initial-branch=main"]);
    checkout.git(&["commit", "--quiet", "--allow-empty", "--message", "theirs"]);
    unknown(None);
    checkout.commit();
    unknown(Some("/nowhere"));
}
