//! `deed serve DIR`: opens everything, serves two listeners, stops without losing anything.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use deed_system::clock::Clock;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::config;
use crate::http::{self, App, Door};
use crate::pipeline::Pipeline;

/// Serve a directory that `deed init` made: actions over HTTP until SIGINT or SIGTERM.
///
/// The configuration is read at the start. SIGHUP is ignored: restart the host to change it.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The served directory, with deed.toml in it.
    dir: PathBuf,
}

/// How long a stop waits for actions that are under way.
const STOP_PATIENCE: Duration = Duration::from_mins(1);
/// How long open connections are waited for after that.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(5);
/// How long a host whose store failed lets people and probes read why.
const FAILED_PATIENCE: Duration = Duration::from_secs(30);
/// How often the store and the clock are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Connections of callers at once. One costs some 100 KiB when it fills its buffers, so all of them
/// together stay far below what the sandboxes take.
const CONNECTIONS_MAX: usize = 1_024;
/// A scraper, two probes, and somebody with a shell.
const OPERATIONS_CONNECTIONS_MAX: usize = 32;

/// Serves until a signal. Exit code 1 when the host cannot start, when its store fails, and when a second
/// signal ends it before it came to rest; every reason is on stderr.
pub fn run(args: &ServeArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(|e| e.to_string()).and_then(|runtime| {
        let result = runtime.block_on(serve(args));
        // Whatever still runs, such as the look-up of a name, has nothing left to do.
        runtime.shutdown_background();
        result
    });
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
    // First of all: what ends other programs, a closed terminal too, must not end this one half started.
    ignore_hangups()?;
    let config = config::load(&args.dir).map_err(|faults| faults.to_string())?;
    super::process::prepare(&config);
    let (listen, operations) = (config.listen, config.operations);
    let clock = Clock::default();
    let pipeline = Pipeline::open(config, clock).map_err(|e| e.to_string())?;
    let main = bind("listen", listen).await?;
    let side = bind("operations", operations).await?;
    let resumed = pipeline.resume().map_err(|e| e.to_string())?;
    let connections_max = connections_max();
    let app = App::new(Arc::clone(&pipeline), connections_max);
    // Before anybody is told that it serves: a signal must never meet a host that does not listen for it.
    let mut signals = Signals::listen()?;
    announce(&main, &side, resumed)?;
    let doors = Doors::open(&app, (main, connections_max), side);
    let end = wait_for_end(&mut signals, &pipeline).await;
    tokio::select! {
        result = run_down(end, &pipeline, doors) => result,
        () = signals.next() => Err(format!(
            "stopped at once: {} action(s) were under way; the next start goes on with them",
            pipeline.under_way()
        )),
    }
}

/// Why the serving ended.
enum End {
    Signal,
    /// The journal or a log takes no more.
    Failed(String),
}

/// SIGINT and SIGTERM end the host; so does a journal that takes no more.
async fn wait_for_end(signals: &mut Signals, pipeline: &Pipeline) -> End {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = signals.next() => return End::Signal,
            _ = look.tick() => {
                if let Some(why) = pipeline.failed() {
                    return End::Failed(why);
                }
                pipeline.mind_clock();
            }
        }
    }
}

/// From the end of the serving to the end of the process: nothing new is taken, everything can be read.
async fn run_down(end: End, pipeline: &Pipeline, doors: Doors) -> Result<(), String> {
    pipeline.stop();
    match end {
        End::Signal => {
            tracing::info!("stopping: no new work is taken, what runs comes to rest");
            let left = pipeline.land(STOP_PATIENCE).await;
            if left > 0 {
                tracing::warn!(
                    left,
                    "some actions still run; the next start looks at what they did"
                );
            }
        }
        End::Failed(why) => {
            tracing::error!(
                "nothing may run any more: {why}; it can be read for {FAILED_PATIENCE:?}"
            );
            tokio::time::sleep(FAILED_PATIENCE).await;
        }
    }
    doors.close().await;
    pipeline.close();
    match pipeline.failed() {
        Some(why) => Err(format!("nothing may run any more: {why}")),
        None => Ok(()),
    }
}

/// Both listeners at work.
struct Doors {
    stop: tokio::sync::watch::Sender<bool>,
    servers: [JoinHandle<()>; 2],
}

impl Doors {
    fn open(app: &App, (main, most): (TcpListener, usize), side: TcpListener) -> Self {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let door = |listener, router, connections_max| {
            let metrics = Arc::clone(&app.metrics);
            let door = Door { listener, router, connections_max, metrics };
            tokio::spawn(door.serve(stopped.clone()))
        };
        let main = door(main, http::router(app.clone()), most);
        let side = door(side, http::operations(app.clone()), OPERATIONS_CONNECTIONS_MAX);
        Self { stop, servers: [main, side] }
    }

    /// Takes nobody in any more; requests in progress are answered, within bounds.
    async fn close(self) {
        self.stop.send_replace(true);
        let end = tokio::time::Instant::now() + CONNECTION_PATIENCE;
        for server in self.servers {
            if tokio::time::timeout_at(end, server).await.is_err() {
                tracing::warn!("a connection was still open at the stop");
            }
        }
    }
}

/// `field` is what `[http]` calls the address.
async fn bind(field: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => "stop the process that listens there, or set another port",
            ErrorKind::AddrNotAvailable => "set an address that this machine has",
            ErrorKind::PermissionDenied => "set a port from 1024 on",
            _ => "set another address",
        };
        format!(
            "cannot listen on {address} (`{field}` under [http] in deed.toml): {error}; {remedy}"
        )
    })
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

/// SIGHUP asks many servers for their configuration. This one reads it at its start alone, says so, and goes on.
fn ignore_hangups() -> Result<(), String> {
    let mut hangups = signal(SignalKind::hangup()).map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            tracing::warn!(
                "SIGHUP is ignored: the configuration is read at the start; restart the host to change it"
            );
        }
    });
    Ok(())
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

    /// The next of either.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
