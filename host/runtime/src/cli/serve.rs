//! `deed serve DIR`: opens everything, serves two listeners, stops without losing anything.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::Clock;
use crate::config;
use crate::http::{self, App, Door};
use crate::pipeline::Pipeline;

/// Serve a directory that `deed init` made: actions over HTTP until SIGINT or SIGTERM.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The served directory, with deed.toml in it.
    dir: PathBuf,
}

/// How long a stop waits for actions that are under way.
const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// How long open connections are waited for after that.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(5);
/// Connections of callers at once. One costs some 100 KiB when it fills its buffers, so all of them
/// together stay far below what the sandboxes take.
const CONNECTIONS_MAX: usize = 1_024;
/// A scraper, two probes, and somebody with a shell.
const OPERATIONS_CONNECTIONS_MAX: usize = 32;

/// Serves until a signal; exit code 1 when the host cannot start, with every reason on stderr.
pub fn run(args: &ServeArgs) -> ExitCode {
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())
        .and_then(|runtime| runtime.block_on(serve(args)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nothing is left to do when stderr is gone.
            writeln!(std::io::stderr(), "{}", why.trim_end()).unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &ServeArgs) -> Result<(), String> {
    let config = config::load(&args.dir).map_err(|faults| faults.to_string())?;
    super::process::prepare(&config);
    let (listen, operations) = (config.listen, config.operations);
    let clock = Clock::default();
    let pipeline = Pipeline::open(config, clock).map_err(|e| e.to_string())?;
    let main = bind(listen).await?;
    let side = bind(operations).await?;
    let resumed = pipeline.resume().map_err(|e| e.to_string())?;
    let app = App::new(Arc::clone(&pipeline));
    // Before anybody is told that it serves: a signal must never meet a host that does not listen for it.
    let signals = Signals::listen()?;
    announce(&main, &side, resumed)?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let metrics = &app.metrics;
    let door = |listener, router, connections_max| {
        let door = Door { listener, router, connections_max, metrics: Arc::clone(metrics) };
        tokio::spawn(door.serve(stopped.clone()))
    };
    let servers = [
        door(main, http::router(app.clone()), connections_max()),
        door(side, http::operations(app.clone()), OPERATIONS_CONNECTIONS_MAX),
    ];
    wait_for_end(signals, &pipeline).await?;
    tracing::info!("stopping: no new work is taken, what runs comes to rest");
    stop.send_replace(true);
    pipeline.stop(STOP_PATIENCE).await;
    for server in servers {
        if tokio::time::timeout(CONNECTION_PATIENCE, server).await.is_err() {
            tracing::warn!("a connection was still open at the stop");
        }
    }
    Ok(())
}

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {e}"))
}

/// One line on stdout that scripts can wait for.
fn announce(main: &TcpListener, side: &TcpListener, resumed: usize) -> Result<(), String> {
    let address = |listener: &TcpListener| listener.local_addr().map_err(|e| e.to_string());
    let (main, side) = (address(main)?, address(side)?);
    let line = format!(
        "serving http://{main} (operations http://{side}), {resumed} open action(s) resumed"
    );
    writeln!(std::io::stdout().lock(), "{line}").map_err(|e| e.to_string())
}

/// How many connections callers get: at most half of the files that this process may have open, after
/// asking for all that it may ask for. The other half is for journal, logs and upstreams.
fn connections_max() -> usize {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, files) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 2).unwrap_or(usize::MAX).min(CONNECTIONS_MAX)
}

/// What an operator ends a host with.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|e| e.to_string());
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }
}

/// SIGINT and SIGTERM end the host; so does a journal that takes no more.
async fn wait_for_end(mut signals: Signals, pipeline: &Pipeline) -> Result<(), String> {
    let mut look = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            _ = signals.interrupt.recv() => return Ok(()),
            _ = signals.terminate.recv() => return Ok(()),
            _ = look.tick() => {
                if let Some(why) = pipeline.failed() {
                    return Err(format!("nothing may run any more: {why}"));
                }
            }
        }
    }
}
