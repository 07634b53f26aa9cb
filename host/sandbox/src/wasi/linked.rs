//! Links the WASI interfaces to the guest of a run.

mod clocks;
mod http;
mod poll;
mod random;

use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{
    cli, clocks as wasi_clocks, filesystem, random as wasi_random, sockets,
};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::http as wasi_http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView, WasiHttpView};
use wasmtime_wasi_io::bindings::wasi::io as wasi_io;

use super::state::{self, Wasi};
use crate::LogLevel;
use crate::host_functions::Guest;

impl Guest {
    /// Makes log lines of what the guest wrote to its standard output and standard error. The last lines of standard
    /// error are the panic message if the guest logged none, because toolchains write a traceback there.
    pub(crate) fn take_output(&mut self) {
        let Some(wasi) = &self.wasi else { return };
        let lines = wasi.output.lines();
        for (is_error, line) in &lines {
            let level = if *is_error { LogLevel::Error } else { LogLevel::Info };
            self.note(level, line);
        }
        if self.panic.is_none() {
            self.panic = state::last_words(&lines);
        }
    }

    /// The WASI state of the run. A run of the strict world has none, and its linker has no function that asks for it.
    pub(in crate::wasi) fn wasi(&mut self) -> &mut Wasi {
        let action = &self.action;
        self.wasi.get_or_insert_with(|| Box::new(Wasi::new(action, false)))
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi();
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let wasi = self.wasi();
        WasiHttpCtxView { hooks: &mut wasi.hooks, table: &mut wasi.table, ctx: &mut wasi.http }
    }
}

/// Selects the resource table for interfaces that need nothing else.
struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

fn table(guest: &mut Guest) -> &mut ResourceTable {
    &mut guest.wasi().table
}

/// Links every WASI interface that toolchains name. Fails if an interface is linked twice.
///
/// Our own functions stand for what could differ between two runs: clocks, randomness, polling and the hand-over of
/// HTTP requests.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let l = linker;
    wasi_io::error::add_to_linker::<Guest, Table>(l, table)?;
    wasi_io::streams::add_to_linker::<Guest, Table>(l, table)?;
    wasi_io::poll::add_to_linker::<Guest, HasSelf<Guest>>(l, |guest| guest)?;
    wasi_clocks::wall_clock::add_to_linker::<Guest, HasSelf<Guest>>(l, |guest| guest)?;
    wasi_clocks::monotonic_clock::add_to_linker::<Guest, HasSelf<Guest>>(l, |guest| guest)?;
    wasi_random::random::add_to_linker::<Guest, HasSelf<Guest>>(l, |guest| guest)?;
    wasi_random::insecure::add_to_linker::<Guest, HasSelf<Guest>>(l, |guest| guest)?;
    wasi_random::insecure_seed::add_to_linker::<Guest, HasSelf<Guest>>(l, |guest| guest)?;
    link_cli(l)?;
    filesystem::preopens::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    filesystem::types::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    link_sockets(l)?;
    http::link(l)?;
    let options = wasmtime_wasi_http::p2::bindings::LinkOptions::default();
    wasi_http::types::add_to_linker::<Guest, WasiHttp>(l, &(&options).into(), Guest::http)?;
    http::link_bounded(l)
}

fn link_cli(l: &mut Linker<Guest>) -> wasmtime::Result<()> {
    cli::exit::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::environment::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_input::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_output::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)
}

/// Toolchains name the socket interfaces even for code that never connects. Every function that would create a socket
/// or look up a name refuses.
fn link_sockets(l: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<Guest, WasiSockets>(l, &options, Guest::sockets)?;
    sockets::instance_network::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::tcp::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::udp::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    sockets::udp_create_socket::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)
}
