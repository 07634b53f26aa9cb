//! `deed adapter`: makes, builds, tests, checks, publishes and fetches adapters.

mod build;
mod check;
mod inspect;
pub(super) mod loader;
mod new;
mod package;
mod pull;
mod push;
mod sign;
mod test;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;

pub(super) use self::loader::Loader;
use super::out::Failure;

#[derive(Debug, Subcommand)]
pub(super) enum AdapterCommand {
    New(new::NewArgs),
    Build(build::BuildArgs),
    Test(test::TestArgs),
    Watch(watch::WatchArgs),
    Check(check::CheckArgs),
    Inspect(inspect::InspectArgs),
    Push(push::PushArgs),
    Sign(sign::SignArgs),
    Pull(pull::PullArgs),
}

pub(super) fn run(command: &AdapterCommand) -> Result<ExitCode, Failure> {
    match command {
        AdapterCommand::New(args) => new::run(args),
        AdapterCommand::Build(args) => build::run(args),
        AdapterCommand::Test(args) => test::run(args),
        AdapterCommand::Watch(args) => watch::run(args),
        AdapterCommand::Check(args) => check::run(args),
        AdapterCommand::Inspect(args) => inspect::run(args),
        AdapterCommand::Push(args) => push::run(args),
        AdapterCommand::Sign(args) => sign::run(args),
        AdapterCommand::Pull(args) => pull::run(args),
    }
}
