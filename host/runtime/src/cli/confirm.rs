//! Asks the person at the terminal for confirmation.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use super::out::Failure;

/// Asks a question, whose answer is no unless the person types `y`. Fails when the answer is no, or stdin is not a
/// terminal. `done` is the word for what was not done then, and `option` is the option that is the answer in scripts.
pub(super) fn confirm(question: &str, done: &str, option: &str) -> Result<(), Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Failed(format!(
            "stdin is not a terminal, so nothing was {done}; use {option} in scripts"
        )));
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush()).map_err(Failure::failed)?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(Failure::failed)?;
    match line.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Failed(format!("nothing was {done}"))),
    }
}
