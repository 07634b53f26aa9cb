//! Tokens that a program of the operator prints.

use std::sync::Arc;

use deed_record::action::{TokenKind, TokenRef};
use deed_sandbox::credentials::token::Token;
use deed_sandbox::credentials::token::exec::{Exec, Program, ProgramError};
use deed_sandbox::credentials::{Memory, Source};
use deed_spec::digest::Digest;

use super::super::wrong::Wrong;
use crate::config::raw;

/// The token that the pinned program prints. The program does not run here. Fails when it is not the pinned one.
pub(super) fn exec(name: &str, raw: &raw::Token, memory: &Arc<Memory>) -> Result<Source, Wrong> {
    let missing = || ("", "`program` is missing; write the absolute path of a program".to_owned());
    let path = raw.program.as_ref().ok_or_else(missing)?;
    let digest = pinned(path, raw.digest.as_ref())?;
    let program = Program::new(path, digest, raw.args.clone()).map_err(|e| wrong(&e))?;
    program.check().map_err(|e| wrong(&e))?;
    let described = TokenRef {
        program: Some(path.clone()),
        program_digest: Some(digest),
        args: raw.args.clone(),
        ..TokenRef::new(TokenKind::Exec)
    };
    let mint = Box::new(Exec::new(name, program));
    let token = Token::new(name, described, mint, Arc::clone(memory));
    Ok(Source::Token(Arc::new(token)))
}

/// The digest that the operator pinned. Without one, the fault says which digest the program has.
fn pinned(path: &str, digest: Option<&String>) -> Result<Digest, Wrong> {
    if let Some(digest) = digest {
        return digest.parse::<Digest>().map_err(|e| ("digest", format!("`digest`: {e}")));
    }
    let found = Program::measure(path).map_err(|e| wrong(&e))?;
    let what = format!(
        "`digest` is missing; if you have reviewed program `{path}`, write `digest = \"{found}\"`"
    );
    Err(("program", what))
}

fn wrong(error: &ProgramError) -> Wrong {
    let key = match error {
        ProgramError::Args => "args",
        ProgramError::Other { .. } => "digest",
        ProgramError::NotAbsolute(_)
        | ProgramError::Read { .. }
        | ProgramError::Irregular(_)
        | ProgramError::Writable { .. }
        | ProgramError::Owner { .. }
        | ProgramError::SetId(_) => "program",
    };
    (key, error.to_string())
}
