//! Tokens that a program of the operator prints, such as the command-line client of a vault.
//!
//! The operator pins the program by its digest. It runs with an empty environment, in `/`, without the host's
//! descriptors, and what it writes to its standard error is dropped. Programs are named only in `deed.toml`, never over
//! HTTP.

mod answer;
mod child;
mod program;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deed_system::clock::Clock;

use self::answer::AnswerError;
pub use self::program::{Program, ProgramError};
use super::{Mint, MintError, Minted};

/// How long a program may run, from its start to the end of its output.
const PATIENCE: Duration = Duration::from_secs(10);

/// A token that a program prints.
#[derive(Debug)]
pub struct Exec {
    name: String,
    program: Arc<Program>,
    clock: Clock,
    patience: Duration,
}

impl Exec {
    /// The token with this name. The program does not run yet.
    pub fn new(name: &str, program: Program) -> Self {
        let (program, clock) = (Arc::new(program), Clock::new());
        Self { name: name.to_owned(), program, clock, patience: PATIENCE }
    }

    pub fn program(&self) -> &Program {
        &self.program
    }

    async fn obtain(&self) -> Result<Minted, ExecError> {
        let program = Arc::clone(&self.program);
        let opened = tokio::task::spawn_blocking(move || program.open());
        let opened = opened.await.map_err(|_stopped| ExecError::Stopped)??;
        let said = tokio::time::timeout(self.patience, child::run(&self.program, &opened));
        let said = said.await.map_err(|_elapsed| ExecError::Late(self.patience.as_secs()))??;
        if opened.has_changed() {
            return Err(ExecError::Changed);
        }
        Ok(answer::read(&self.name, &said, self.clock.latest_ms())?)
    }
}

impl Mint for Exec {
    fn mint(&self) -> Pin<Box<dyn Future<Output = Result<Minted, MintError>> + Send + '_>> {
        Box::pin(async move {
            self.obtain().await.map_err(|error| {
                let why = match error {
                    ExecError::Program(error) => error.to_string(),
                    error => format!("program `{}` {error}", self.program.path().display()),
                };
                MintError { name: self.name.clone(), why }
            })
        })
    }
}

/// Why a program gave no token. No text contains anything that the program printed.
#[derive(Debug, thiserror::Error)]
enum ExecError {
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(
        "cannot be started: {0}; is its format for this machine, and is its interpreter there?"
    )]
    Start(std::io::Error),
    #[error("was not started, because the host stops")]
    Stopped,
    #[error(
        "did not end within {0} s, or left a process that holds its output open; it was killed"
    )]
    Late(u64),
    #[error("printed more than 64 KiB; it must print one JSON object with the token")]
    Long,
    #[error("cannot be watched: {0}")]
    Watch(std::io::Error),
    #[error("ended with {0}; run it with an empty environment to see why")]
    Failed(std::process::ExitStatus),
    #[error("was changed while it ran, so its output does not count")]
    Changed,
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

#[cfg(test)]
mod tests;
