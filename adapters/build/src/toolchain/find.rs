//! Finds a way to compile for WebAssembly on this machine. Installs missing packages with `rustup` or `apt-get`, or
//! reports exactly what to install if installing is not allowed.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{TARGET, Toolchain};
use crate::progress;

pub(super) const DEBIAN_CARGO: &str = "/usr/bin/cargo";
pub(super) const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The time limit for rustup. A mirror that lacks the target answers at once, so a longer limit would only prolong the
/// wait for a mirror that hangs.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(90);
/// The time limit for apt-get. The three Debian packages to install have about 200 MB in total.
const APT_PATIENCE: Duration = Duration::from_mins(10);

pub(super) fn find(from_source: bool) -> Result<Toolchain, ToolchainError> {
    if !from_source && (target_is_ready() || add_target()) {
        return Ok(Toolchain::Ready);
    }
    if !debian_is_ready() && !install_debian() {
        return Err(ToolchainError::Missing {
            target: TARGET,
            packages: DEBIAN_PACKAGES.join(" "),
        });
    }
    Ok(Toolchain::FromSource { linker: rust_lld()? })
}

/// Cargo's home: `CARGO_HOME`, else `.cargo` in the home directory.
pub(super) fn cargo_home() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    set.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

/// Looks for the target in the compiler's library directory and does not ask rustup, because a distribution's Rust may
/// also have the target.
fn target_is_ready() -> bool {
    let Ok(libraries) = rustc(&["--print", "target-libdir", "--target", TARGET]) else {
        return false;
    };
    let Ok(mut files) = Path::new(&libraries).read_dir() else { return false };
    files.any(|file| file.is_ok_and(|file| is_core_library(&file.path())))
}

fn is_core_library(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.starts_with("libcore-") && path.extension() == Some(OsStr::new("rlib"))
}

fn add_target() -> bool {
    progress(&format!("rustup target add {TARGET}"));
    succeeds(Command::new("rustup").args(["target", "add", TARGET]), RUSTUP_PATIENCE)
        && target_is_ready()
}

/// Looks for Debian's cargo and for the sources of the standard library, which `-Zbuild-std` needs. Debian's three
/// packages share one version.
fn debian_is_ready() -> bool {
    let Ok(sysroot) = print_with(DEBIAN_RUSTC, &["--print", "sysroot"]) else { return false };
    let sources = Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    Path::new(DEBIAN_CARGO).exists() && sources.exists()
}

fn install_debian() -> bool {
    let install = ["apt-get", "install", "--yes", "--no-install-recommends"];
    let commands = [&["apt-get", "update"][..], &[&install[..], &DEBIAN_PACKAGES[..]].concat()];
    let root = print_with("id", &["-u"]).is_ok_and(|id| id == "0");
    progress(&format!("apt-get install {}", DEBIAN_PACKAGES.join(" ")));
    for words in commands {
        let mut command = Command::new(if root { "env" } else { "sudo" });
        command.args((!root).then_some("--non-interactive")).args(words);
        if !succeeds(&mut command, APT_PATIENCE) {
            return false;
        }
    }
    debian_is_ready()
}

/// Finds the linker for WebAssembly in the rustup toolchain, because Debian's compiler has none.
fn rust_lld() -> Result<PathBuf, ToolchainError> {
    let sysroot = rustc(&["--print", "sysroot"]).map_err(ToolchainError::Start)?;
    let hosts =
        Path::new(&sysroot).join("lib/rustlib").read_dir().map_err(ToolchainError::Start)?;
    let candidates = hosts.flatten().map(|host| host.path().join("bin/rust-lld"));
    candidates.into_iter().find(|path| path.exists()).ok_or(ToolchainError::Linker)
}

fn rustc(arguments: &[&str]) -> std::io::Result<String> {
    print_with("rustc", arguments)
}

/// The output of a program, trimmed. Fails when the program fails.
fn print_with(program: &str, arguments: &[&str]) -> std::io::Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(std::io::Error::other(format!("`{program}` ended with {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a command succeeds in time; its output goes to standard error.
fn succeeds(command: &mut Command, patience: Duration) -> bool {
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    let Ok(mut child) = command.spawn() else { return false };
    let end = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(100)),
            _ => {
                child.kill().and_then(|()| child.wait()).ok();
                return false;
            }
        }
    }
}

/// Why nothing can be compiled for WebAssembly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolchainError {
    #[error(
        "there is no standard library for `{target}`; run `rustup target add {target}`, \
         or on Debian `apt-get install {packages}` as root"
    )]
    Missing { target: &'static str, packages: String },
    #[error("`rust-lld` is missing; install Rust with rustup, which includes it")]
    Linker,
    #[error("the compiler cannot be started: {0}; install Rust 1.95 or later")]
    Start(std::io::Error),
    #[error("cargo ended with {0}; see cargo's own message above")]
    Cargo(ExitStatus),
}
