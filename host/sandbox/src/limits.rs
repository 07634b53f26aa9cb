//! Every limit of a run, with its reason, and the check of a guest's memory and tables against them.
//!
//! Counts are totals over all memories or tables of a run: a guest does not get more by using several.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Bytes over all linear memories of a run. A JavaScript engine compiled to wasm starts with about 30 MiB.
pub const MEMORY: usize = 64 << 20;

/// Elements over all tables of a run; a large guest has a few thousand functions that it calls indirectly.
pub const TABLE_ELEMENTS: usize = 10_000;

/// Core instances of one component; encoders add a shim and a fix-up module to the guest's own.
pub const INSTANCES: u32 = 16;

/// Memories of one component; adapters that embed a language runtime have one or two.
pub const MEMORIES: u32 = 4;

/// Tables of one component, shims included.
pub const TABLES: u32 = 8;

/// Live resource handles. The interface has none; a guest's own use the host's memory.
pub const HANDLES: usize = 1_000;

/// Bytes that one host call may copy out of the guest: four times the largest body that is answered.
pub const HOSTCALL: usize = 4 << 20;

/// Bytes of one response body; a contract judges one resource, not an export.
pub const RESPONSE: usize = 1 << 20;

/// Values in one response body. A parsed value takes many times its bytes, and an answer stays in a record until its
/// action has ended.
pub const VALUES: usize = 20_000;

/// Bytes of all answers of one run: with their events they must fit into one record of the journal.
pub const RESPONSES: usize = 6 << 20;

/// Bytes of all state of one run, for the same reason.
pub const STATE: usize = 2 << 20;

/// Bytes of a response's status line and headers, and how many headers.
pub const RESPONSE_HEAD: usize = 64 << 10;
pub const RESPONSE_HEADERS: usize = 100;

/// Bytes of an entity tag that is kept for a guard.
pub const ETAG: usize = 256;

/// Bytes of a header that a guest is shown and that is recorded: content types and entity tags are short.
pub const HEADER: usize = 256;

/// Bytes of one answer on the wire, with heads, chunk sizes and interim answers.
pub const WIRE: usize = 4 << 20;

/// Exchanges of one run, regardless of the limits of the single rules.
pub const EXCHANGES: usize = 64;

/// Time for one connection, TLS included; a server that takes longer will not answer in time either.
pub const CONNECT: Duration = Duration::from_secs(10);

/// Refused requests that are kept: enough to see what an adapter tried.
pub const REFUSALS: usize = 8;

/// Lines and bytes per line of a run's log, which is for a person to read.
pub const LOG_LINES: usize = 100;
pub const LOG_LINE: usize = 4 << 10;

/// Bytes of a line that are searched for secrets: what is kept of it, followed by room for the longest secret in its
/// longest form (six bytes for one). A guest may pass megabytes again and again.
pub const LOG_SEARCH: usize = 128 << 10;

/// Bytes of the panic that a guest logged, which follows the trap's text.
pub const LAST_ERROR: usize = 512;

/// Bytes of a claim's or trap's text.
pub const TEXT: usize = 1 << 10;

/// Concurrent runs; the pool has exactly this many slots, and further runs wait.
pub const RUNS: u32 = 64;

/// The lowest bytes of a memory that stay resident, zeroed, for the next run: about what a small guest uses.
pub const KEPT: usize = 128 << 10;

/// Bytes of an adapter. Compiling takes memory and time in proportion.
pub const ADAPTER: usize = 64 << 20;

/// Address space of the process that compiles an adapter; a language runtime of 12 MiB takes half of it.
pub const COMPILE_MEMORY: u64 = 2 << 30;

/// CPU time of that process: in proportion to the adapter, with room for a slow machine.
pub fn compile_seconds(bytes: usize) -> u64 {
    let mib = u64::try_from(bytes >> 20).unwrap_or(u64::MAX);
    mib.saturating_mul(10).saturating_add(20).min(300)
}

/// Bytes of the machine code of an adapter; about four times its WebAssembly.
pub const CODE: usize = 256 << 20;

/// How often a guest in a loop yields the thread.
pub const TICK: Duration = Duration::from_millis(10);

/// Adds up the memory and the table elements of one run.
#[derive(Debug, Default)]
pub(super) struct Meter {
    memory: usize,
    elements: usize,
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        now: usize,
        wanted: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.memory, now, wanted, MEMORY))
    }

    fn table_growing(
        &mut self,
        now: usize,
        wanted: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.elements, now, wanted, TABLE_ELEMENTS))
    }
}

fn grow(sum: &mut usize, now: usize, wanted: usize, limit: usize) -> bool {
    let after = sum.saturating_add(wanted.saturating_sub(now));
    let fits = after <= limit;
    if fits {
        *sum = after;
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_added_up() {
        let mut meter = Meter::default();
        assert!(meter.memory_growing(0, MEMORY / 2, None).unwrap());
        assert!(meter.memory_growing(0, MEMORY / 2, None).unwrap());
        assert!(!meter.memory_growing(0, 1 << 16, None).unwrap());
        assert!(meter.table_growing(0, TABLE_ELEMENTS, None).unwrap());
        assert!(!meter.table_growing(0, 1, None).unwrap());
    }
}
