//! `deed completions`: prints the script that a shell uses to complete this command line.

use std::process::ExitCode;

use clap::{CommandFactory as _, ValueEnum};
use clap_complete::aot::{Shell, generate};

use super::out::{self, Failure};

/// Print a shell script that completes commands and options
///
/// For bash, run `mkdir -p ~/.local/share/bash-completion/completions && deed completions bash >
/// ~/.local/share/bash-completion/completions/deed`.
/// For zsh, run `mkdir -p ~/.zfunc && deed completions zsh > ~/.zfunc/_deed`, and add `fpath+=~/.zfunc` before
/// `compinit` in ~/.zshrc.
/// For fish, run `mkdir -p ~/.config/fish/completions && deed completions fish > ~/.config/fish/completions/deed.fish`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell that will run the script
    #[arg(value_enum)]
    shell: Known,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Known {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let shell = match args.shell {
        Known::Bash => Shell::Bash,
        Known::Zsh => Shell::Zsh,
        Known::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut super::Cli::command(), "deed", &mut script);
    out::print(&String::from_utf8(script).map_err(Failure::failed)?)?;
    Ok(ExitCode::SUCCESS)
}
