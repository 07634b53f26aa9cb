//! Compiles components to machine code in a child process, and caches the code by the component's digest.
//!
//! The host process itself does not compile components, because a hostile component could use up its time or memory. A
//! component that makes the compiler use too much time or memory reaches the limits of the child process, and the host
//! continues. Only a benchmark may compile in its own process, when its measuring tool does not allow a child process.

mod cache;
mod child;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use deed_spec::digest::Digest;
use wasmtime::Engine;

use self::cache::Cache;
pub(crate) use self::cache::CacheError;
pub use self::child::serve;
use super::World;
use crate::limits;
use crate::redact::plain;

/// The subcommand that runs this program as the child process: `deed compile-adapter`.
pub const COMMAND: &str = "compile-adapter";

/// The option of the child process for components with WASI: the flag `--wasi` of the subcommand.
const WASI_OPTION: &str = "--wasi";

/// How much longer than its limit of CPU time the child process may take in wall-clock time, because the system may
/// delay the process.
const SLACK: Duration = Duration::from_secs(30);

/// How often the host checks whether the child has ended.
const LOOK: Duration = Duration::from_millis(2);

/// Provides machine code for components. Each component is compiled only once for the same engine.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    cache: Cache,
    /// A second cache, whose code is also used, and which also gets new code. A command has one, and a host has none.
    shared: Option<Cache>,
    world: World,
}

impl Compiler {
    /// Creates a compiler that caches machine code in this directory, and in a second one if it is given. A directory
    /// that does not exist is created with mode 0700. Fails when a directory cannot be created or other users can access
    /// it.
    pub(crate) fn new(
        cache: &Path,
        shared: Option<&Path>,
        engine: &Engine,
        world: World,
    ) -> Result<Self, CacheError> {
        let shared = shared.map(|shared| Cache::open(shared, engine)).transpose()?;
        Ok(Self { cache: Cache::open(cache, engine)?, shared, world })
    }

    /// Whether a cache has code for these bytes. The code may still be damaged.
    pub(crate) fn has(&self, bytes: &[u8]) -> bool {
        let digest = Digest::of(bytes);
        self.cache.has(digest) || self.shared.as_ref().is_some_and(|shared| shared.has(digest))
    }

    /// Compiles in this process, without the child process and its limits, and caches the code. Fails when the bytes do
    /// not compile or the code cannot be cached.
    pub(crate) fn prepare(&self, bytes: &[u8]) -> Result<(), CompileError> {
        let code = child::compile(bytes, self.world).map_err(CompileError::Refused)?;
        let kept = self.cache.put(Digest::of(bytes), &code);
        kept.map_err(|error| CompileError::Process(error.to_string()))
    }

    /// Returns the machine code of exactly these bytes. Fails when the bytes do not compile within the limits.
    pub(crate) fn code(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        let digest = Digest::of(bytes);
        if let Some(code) = self.cache.get(digest) {
            return Ok(code);
        }
        let code = match self.shared.as_ref().and_then(|shared| shared.get(digest)) {
            Some(code) => code,
            None => self.fresh(bytes, digest)?,
        };
        keep(&self.cache, digest, &code);
        Ok(code)
    }

    /// Compiles the bytes, and keeps the code in the second cache.
    fn fresh(&self, bytes: &[u8], digest: Digest) -> Result<Vec<u8>, CompileError> {
        let code = compile(bytes, self.world)?;
        if let Some(shared) = &self.shared {
            keep(shared, digest, &code);
        }
        Ok(code)
    }
}

/// A failure to cache the code is only logged: the adapter is then compiled again by the next process.
fn keep(cache: &Cache, digest: Digest, code: &[u8]) {
    if let Err(error) = cache.put(digest, code) {
        tracing::warn!(%error, "compiled code could not be cached");
    }
}

/// Why a component could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("{0}")]
    Refused(String),
    #[error("compilation exceeded the limit of {0}")]
    Limit(String),
    #[error("the process that compiles adapters cannot be run: {0}")]
    Process(String),
}

/// Unit tests compile in their own process, because they have no `deed` program to start as a child process.
#[cfg(test)]
fn compile(bytes: &[u8], world: World) -> Result<Vec<u8>, CompileError> {
    child::compile(bytes, world).map_err(CompileError::Refused)
}

#[cfg(not(test))]
fn compile(bytes: &[u8], world: World) -> Result<Vec<u8>, CompileError> {
    in_child(&program()?, bytes, world)
}

/// The path of this program. On Linux, the path is valid even after the program's file was replaced.
#[cfg(not(test))]
fn program() -> Result<std::path::PathBuf, CompileError> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    std::env::current_exe().map_err(|error| CompileError::Process(error.to_string()))
}

/// Runs the child process with an empty environment in `/`. The child process gets the component on stdin and writes
/// the code to stdout.
fn in_child(program: &Path, bytes: &[u8], world: World) -> Result<Vec<u8>, CompileError> {
    let failed = |error: std::io::Error| CompileError::Process(error.to_string());
    let mut child = Command::new(program)
        .arg(COMMAND)
        .args((world == World::Wasi).then_some(WASI_OPTION))
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let said = converse(&mut child, bytes);
    let ended = end(&mut child, said.is_some()).map_err(failed)?;
    conclude(bytes.len(), ended, said)
}

/// Writes the component and reads the answer at the same time. Returns `None` if the complete answer cannot be read in
/// time.
fn converse(child: &mut Child, bytes: &[u8]) -> Option<Vec<u8>> {
    let (stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
    let (send, answer) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut stdin = stdin;
            // An error of writing to the child process is ignored. Such an error means that the process ended early,
            // and its output says why.
            stdin.write_all(bytes).ok();
        });
        scope.spawn(move || {
            let mut said = Vec::new();
            let most = u64::try_from(limits::CODE).unwrap_or(u64::MAX).saturating_add(1);
            let read = stdout.take(most).read_to_end(&mut said);
            send.send(read.ok().map(|_| said)).ok();
        });
        let patience = Duration::from_secs(limits::compile_seconds(bytes.len())) + SLACK;
        let said = answer.recv_timeout(patience).ok().flatten();
        if said.is_none() {
            // Killing the child process closes both pipes, so that both threads end.
            child.kill().ok();
        }
        said
    })
}

/// Waits one second for a child process that has sent its whole answer, then kills it. Kills any other child process at
/// once.
fn end(child: &mut Child, said_all: bool) -> std::io::Result<ExitStatus> {
    let looks = if said_all { 500 } else { 0 };
    for _ in 0..looks {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(LOOK);
    }
    child.kill()?;
    child.wait()
}

fn conclude(
    size: usize,
    ended: ExitStatus,
    said: Option<Vec<u8>>,
) -> Result<Vec<u8>, CompileError> {
    let limit = || {
        let (seconds, memory) = (limits::compile_seconds(size), limits::COMPILE_MEMORY >> 20);
        CompileError::Limit(format!("{seconds} s or {memory} MiB"))
    };
    match (ended.code(), said) {
        (Some(0), Some(code)) if code.is_empty() => {
            Err(CompileError::Process("it ended without a result".into()))
        }
        (Some(0), Some(code)) if code.len() <= limits::CODE => Ok(code),
        (Some(code), Some(said)) if code == i32::from(child::REFUSED) => {
            let text = String::from_utf8_lossy(&said);
            Err(CompileError::Refused(plain(&text, limits::TEXT)))
        }
        // The child process was ended by a signal, by a failed allocation or by the host.
        _ => Err(limit()),
    }
}

#[cfg(test)]
mod tests;
