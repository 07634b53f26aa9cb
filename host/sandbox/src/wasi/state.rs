//! The host's state of the WASI interfaces in one run. Nothing in this module knows the guest.

pub(in crate::wasi) mod body;
pub(in crate::wasi) mod clock;
pub(in crate::wasi) mod handed;
mod output;
mod random;

use deed_record::action::id::ActionId;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use self::body::Budget;
use self::clock::VirtualClock;
use self::handed::{Handed, Refusing};
use self::output::Output;
use self::random::Random;
use crate::limits;

/// The host's side of the WASI interfaces in one run.
pub(crate) struct Wasi {
    pub(in crate::wasi) table: ResourceTable,
    pub(in crate::wasi) context: WasiCtx,
    pub(in crate::wasi) http: WasiHttpCtx,
    pub(in crate::wasi) hooks: Refusing,
    pub(in crate::wasi) clock: VirtualClock,
    pub(in crate::wasi) random: Random,
    /// Requests that the guest handed over and has not waited for yet.
    pub(in crate::wasi) handed: Vec<Handed>,
    /// Bytes that the guest may still write into the bodies of requests.
    pub(in crate::wasi) bodies: Budget,
    /// What the guest wrote to its standard output and standard error.
    pub(in crate::wasi) output: Output,
    /// Whether a pause of the guest takes real time. A replay does not wait.
    pub(in crate::wasi) waits: bool,
}

impl Wasi {
    pub(crate) fn new(action: &ActionId, waits: bool) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::WASI_HANDLES);
        let output = Output::default();
        let mut builder = WasiCtx::builder();
        builder
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .stdout(output.stdout())
            .stderr(output.stderr());
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits::RESPONSE_HEAD);
        Self {
            table,
            context: builder.build(),
            http,
            hooks: Refusing,
            clock: VirtualClock::new(action),
            random: Random::new(action),
            handed: Vec::new(),
            bodies: Budget::new(limits::WASI_BODIES),
            output,
            waits,
        }
    }
}

/// The last lines of standard error that fit into the text of a trap.
pub(in crate::wasi) fn last_words(lines: &[(bool, String)]) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    let mut length = 0;
    for (_, line) in lines.iter().rev().filter(|(is_error, _)| *is_error) {
        length += line.len() + 3;
        if length > limits::LAST_ERROR && !kept.is_empty() {
            break;
        }
        kept.push(line.trim());
    }
    kept.reverse();
    (!kept.is_empty()).then(|| kept.join(" | "))
}
