//! `deed serve DIR`: starts the host, serves two HTTP listeners, and stops without losing an action.

use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use deed_system::clock::Clock;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::connect;
use super::out::shell;
use crate::config;
use crate::console;
use crate::engine::Engine;
use crate::http::{self, App, Listener};
use crate::mcp;
use crate::process::signals::{Hangups, Signals};
use crate::process::{limits, localhost, reload, serving, stop};

/// Serve a directory that `deed init` created, over HTTP, until SIGINT or SIGTERM.
///
/// SIGHUP makes the host read the directory again; `deed apply` also shows what would change, and waits for the result.
/// A configuration with a fault changes nothing. The tokens that `deed token add`, `rotate` and `revoke` change need no
/// reload.
#[derive(Debug, clap::Args)]
pub struct ServeArgs {
    /// The directory that the host serves, with deed.toml in it.
    dir: PathBuf,
}

/// The stack of each thread, in bytes: as large as that of the main thread, on which policies are checked before they are
/// evaluated on the other threads. Only the part that is used takes memory.
const STACK: usize = 8 << 20;
/// How long the host waits for open connections when it stops, after no action is running any more.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(5);
/// The maximum number of connections to the operations listener: enough for a metrics scraper, two probes and an
/// operator.
const OPERATIONS_CONNECTIONS_MAX: usize = 32;

/// Serves until a signal arrives. The exit code is 1 if the host cannot start, if its store fails, or if a second
/// signal ends the host while actions are still running. The reason for exit code 1 is written to stderr.
pub fn run(args: &ServeArgs) -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build();
    let result = runtime.map_err(|e| e.to_string()).and_then(|runtime| {
        let result = runtime.block_on(serve(args));
        // The host exits without waiting for tasks that still run, such as a DNS lookup.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // If stderr is closed, the error cannot be reported.
            writeln!(std::io::stderr(), "{}", why.trim_end()).unwrap_or_default();
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &ServeArgs) -> Result<(), String> {
    // SIGHUP is caught before anything else, so that a closed terminal does not end a host that is still starting.
    let hangups = Hangups::listen()?;
    let config = config::load(&args.dir).map_err(|faults| faults.to_string())?;
    limits::prepare(&config);
    let (listen, operations) = (config.listen, config.operations);
    let clock = Clock::default();
    let engine = Engine::open(config, clock).map_err(|e| e.to_string())?;
    let main = bind("listen", listen).await?;
    let side = bind("operations", operations).await?;
    let resumed = engine.resume().map_err(|e| e.to_string())?;
    let connections_max = limits::connections_max();
    let address = main.local_addr().map_err(|e| e.to_string())?;
    let app = App::new(Arc::clone(&engine), connections_max).listening_at(address);
    let _second_address = localhost::keep(address, app.public_url())?;
    app.watch_tokens()?;
    // The signal handlers are installed before the host prints that it serves, so that no signal sent after that line
    // is missed.
    let mut signals = Signals::listen()?;
    let served = app.clone();
    reload::follow(hangups, &engine, args.dir.clone(), move || served.refresh());
    announce(&main, &side, resumed)?;
    invite(&main, &args.dir, &app);
    let listeners = Listeners::open(&app, (main, connections_max), side);
    let end = stop::wait_for_end(&mut signals, &engine).await;
    serving::end(&args.dir);
    tokio::select! {
        result = stop::run_down(end, &engine, listeners.close()) => result,
        () = signals.next() => Err(format!(
            "stopped at once: {} action(s) were under way; the next start continues with them",
            engine.under_way()
        )),
    }
}

/// The main listener and the operations listener while they run.
struct Listeners {
    stop: tokio::sync::watch::Sender<bool>,
    servers: [JoinHandle<()>; 2],
}

impl Listeners {
    fn open(app: &App, (main, most): (TcpListener, usize), side: TcpListener) -> Self {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let door = |listener, router, connections_max| {
            let metrics = Arc::clone(&app.metrics);
            let door = Listener { listener, router, connections_max, metrics };
            tokio::spawn(door.serve(stopped.clone()))
        };
        let main = door(main, http::router(app.clone(), further(app)), most);
        let side = door(side, http::operations(app.clone()), OPERATIONS_CONNECTIONS_MAX);
        Self { stop, servers: [main, side] }
    }

    /// Accepts no more connections, and waits for a limited time until requests in progress are answered.
    async fn close(self) {
        self.stop.send_replace(true);
        let end = tokio::time::Instant::now() + CONNECTION_PATIENCE;
        for server in self.servers {
            if tokio::time::timeout_at(end, server).await.is_err() {
                tracing::warn!("a connection was still open when the host stopped");
            }
        }
    }
}

/// The routes of the main listener that are not part of the HTTP API.
fn further(app: &App) -> Router<App> {
    mcp::routes(app).merge(console::routes(app))
}

/// Binds a listener to an address; `field` is the name of the address in `[http]`. Fails with a remedy when the address
/// cannot be bound.
async fn bind(field: &str, address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => "stop the process that listens there, or set another port",
            ErrorKind::AddrNotAvailable => "set an address that this machine has",
            ErrorKind::PermissionDenied => "set a port of 1024 or higher",
            _ => "set another address",
        };
        format!(
            "cannot listen on {address} (`{field}` under [http] in deed.toml): {error}; {remedy}"
        )
    })
}

/// Prints one line on stdout that scripts can wait for. Fails when stdout cannot be written.
fn announce(main: &TcpListener, side: &TcpListener, resumed: usize) -> Result<(), String> {
    let address = |listener: &TcpListener| listener.local_addr().map_err(|e| e.to_string());
    let (main, side) = (address(main)?, address(side)?);
    let line = format!(
        "serving http://{main} (operations http://{side}), {resumed} open action(s) resumed"
    );
    writeln!(std::io::stdout().lock(), "{line}").map_err(|e| e.to_string())
}

/// Prints how agents connect and where people open the console. The reader of stdout may need only the first line and
/// have closed it, so an error is ignored.
fn invite(main: &TcpListener, dir: &Path, app: &App) {
    let Ok(address) = main.local_addr() else { return };
    let host = connect::address(address, app.engine.behind_proxy());
    let people = app.public_url().map_or_else(
        || "people cannot open the console until `public_url` is set under [http]".to_owned(),
        |url| format!("people open the console at {url}/ and sign in with a name and a token"),
    );
    let text = format!(
        "agents connect to {host}/mcp with a token of `deed token add {} AGENT`; for example:\n  {}\n{people}",
        shell(dir),
        connect::example(&host)
    );
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).unwrap_or_default();
}
