//! `deed adapter watch`: builds a project after each change, and installs the component and its contracts in a served
//! directory for development.

mod host;
mod install;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use deed_author::project::sources::{Stamps, built_from, stamps};

use self::host::DevelopmentHost;
use super::super::out::{self, Failure, shell};
use super::build;
use crate::process::signals::Signals;

/// Build a project after each change of its sources, and pin it in a directory for development
///
/// Copies the component to adapters/ and the contracts to contracts/ of the served directory, whose `environment` must
/// be `development`, and pins all grants as `deed pin` does. Ends with SIGINT (Ctrl-C) or SIGTERM.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct WatchArgs {
    /// The folder of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The directory that a host serves, with deed.toml in it; it may be in the folder of the project
    #[arg(long, value_name = "SERVED_DIR")]
    serve: PathBuf,
    /// Also start `deed serve SERVED_DIR`, and restart it after each change
    #[arg(long)]
    run: bool,
}

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) fn run(args: &WatchArgs) -> Result<ExitCode, Failure> {
    install::must_be_for_development(&args.serve)?;
    install::must_be_apart(&args.dir, &args.serve)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::failed)?.block_on(watch(args))
}

async fn watch(args: &WatchArgs) -> Result<ExitCode, Failure> {
    let mut signals = Signals::listen().map_err(Failure::Failed)?;
    let mut host = args.run.then(|| DevelopmentHost::new(&args.serve));
    let mut built: Option<Stamps> = None;
    loop {
        let now = look(args)?;
        if built.as_ref() != Some(&now) {
            tell(&args.serve, round(args, host.as_mut()));
            // The state before the build is kept, so that a change during the build is seen.
            built = Some(built_from(now, look(args)?));
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = signals.next() => break,
        }
    }
    // Dropping the host stops it.
    drop(host);
    Ok(ExitCode::SUCCESS)
}

fn look(args: &WatchArgs) -> Result<Stamps, Failure> {
    stamps(&args.dir, &args.serve).map_err(Failure::failed)
}

/// Builds and installs the project once. Returns whether the host runs with the new adapter.
fn round(args: &WatchArgs, host: Option<&mut DevelopmentHost>) -> Result<bool, Failure> {
    let built = build::build(&args.dir, None)?;
    if let Some(why) = &built.checked.refused {
        return Err(Failure::Failed(format!("a host would refuse the adapter: {why}")));
    }
    install::install(&args.dir, &args.serve, &built.bytes)?;
    match host {
        Some(host) => host.restart().map(|()| true),
        None => Ok(false),
    }
}

/// A project that does not build is reported, and the next change is awaited.
fn tell(served: &Path, round: Result<bool, Failure>) {
    match round {
        Ok(true) => out::note("the host was started with the new adapter; waiting for changes"),
        Ok(false) => {
            out::note(
                "the adapter is pinned; the host uses it after `deed apply`; waiting for changes",
            );
            out::next(&format!("deed serve {}", shell(served)));
        }
        Err(failure) => {
            out::note(&failure.to_string());
            out::note("nothing was started; waiting for changes");
        }
    }
}
