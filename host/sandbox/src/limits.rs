//! Every limit of a run, with the reason for the limit, and the check of a guest's memory and tables.
//!
//! Limits on memory and table elements apply to the total of a run, so a guest does not get more by using several
//! memories or tables.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Maximum total bytes of all linear memories of a run. The limit has room for a JavaScript engine compiled to
/// WebAssembly, which starts with about 30 MiB.
pub const MEMORY: usize = 64 << 20;

/// Maximum total number of elements of all tables of a run. The limit is sufficient, because even a large guest has
/// table elements for only a few thousand functions.
pub const TABLE_ELEMENTS: usize = 10_000;

/// Maximum number of core instances of one component. A component has more instances than the guest has modules,
/// because component encoders add a shim module and a fix-up module.
pub const INSTANCES: u32 = 16;

/// Maximum number of memories of one component. Adapters that embed a language runtime have one or two memories.
pub const MEMORIES: u32 = 4;

/// Maximum number of tables of one component, including those of shims.
pub const TABLES: u32 = 8;

/// Maximum number of live resource handles of a run. The adapter interface has no resources, but handles that a guest
/// defines use the host's memory.
pub const HANDLES: usize = 1_000;

/// Maximum bytes that one host call may copy out of the guest: four times the largest response body.
pub const HOSTCALL: usize = 4 << 20;

/// Maximum bytes of one response body. This limit is enough for one resource, but not for a bulk export.
pub const RESPONSE: usize = 1 << 20;

/// Maximum number of JSON values in one response body. A parsed value takes many times its encoded size, and an answer
/// is kept in a record until its action has ended.
pub const VALUES: usize = 20_000;

/// Maximum total bytes of all answers of one run. All answers must fit into one journal record, together with the rest
/// of their events.
pub const RESPONSES: usize = 6 << 20;

/// Maximum total bytes of all state of one run. All of it must fit into one journal record.
pub const STATE: usize = 2 << 20;

/// Maximum bytes of the status line and headers of a response, and maximum number of its headers.
pub const RESPONSE_HEAD: usize = 64 << 10;
pub const RESPONSE_HEADERS: usize = 100;

/// Maximum bytes of an entity tag that the host keeps to guard a write.
pub const ETAG: usize = 256;

/// Maximum bytes of a header that is shown to a guest and recorded. The limit is sufficient, because content types and
/// entity tags are short.
pub const HEADER: usize = 256;

/// Maximum bytes that are received for one answer, including headers, chunk sizes and interim answers.
pub const WIRE: usize = 4 << 20;

/// Maximum number of exchanges of one run, regardless of the limits of individual rules.
pub const EXCHANGES: usize = 64;

/// Maximum number of requests of one run of an open contract that are accepted: the 256 writes of the largest plan, and
/// as many reads as any other run may send. A plan has more writes than other runs, because a rule may be sent up to 64
/// times with different bodies.
pub const PLANNED_EXCHANGES: usize = 256 + EXCHANGES;

/// Maximum time to open one connection, including TLS. A server that takes longer to accept a connection would probably
/// not answer a request in time either.
pub const CONNECT: Duration = Duration::from_secs(10);

/// Maximum number of refused requests that the result of a run keeps. The first few show well enough what an adapter
/// tried.
pub const REFUSALS: usize = 8;

/// Maximum number of lines of a run's log, and maximum bytes of a line. The limits are low because people read the log.
pub const LOG_LINES: usize = 100;
pub const LOG_LINE: usize = 4 << 10;

/// Maximum bytes of a log line that are searched for secrets: the part that is kept, and room for the longest secret in
/// its longest encoding (six bytes for each byte). The search is limited because a guest may pass megabytes repeatedly.
pub const LOG_SEARCH: usize = 128 << 10;

/// Maximum bytes of the logged panic message that is appended to the text of a trap.
pub const LAST_ERROR: usize = 512;

/// Maximum bytes of the text of a guest's claim or of a trap.
pub const TEXT: usize = 1 << 10;

/// Maximum number of concurrent runs: the pool has exactly this many slots, and further runs wait.
pub const RUNS: u32 = 64;

/// Bytes at the beginning of a memory that are zeroed and stay resident for the next run. The size is about the memory
/// that a small guest uses.
pub const KEPT: usize = 128 << 10;

/// Maximum bytes of an adapter. Compiling an adapter takes memory and time in proportion to its size.
pub const ADAPTER: usize = 64 << 20;

/// Maximum address space of the process that compiles an adapter. Compiling a language runtime of 12 MiB takes half of
/// this size.
pub const COMPILE_MEMORY: u64 = 2 << 30;

/// Maximum CPU time, in seconds, of the process that compiles an adapter. The time grows with the adapter's size and
/// includes a reserve for slow machines.
pub fn compile_seconds(bytes: usize) -> u64 {
    let mib = u64::try_from(bytes >> 20).unwrap_or(u64::MAX);
    mib.saturating_mul(10).saturating_add(20).min(300)
}

/// Maximum bytes of the machine code of an adapter. The machine code has about four times the size of the adapter's
/// WebAssembly.
pub const CODE: usize = 256 << 20;

/// The same limits for runs with `wasi = true`. A Python interpreter needs 38 core instances and tens of thousands of
/// table elements. Such runs are few, so they have a pool of their own.
pub const WASI_MEMORY: usize = 256 << 20;
pub const WASI_TABLE_ELEMENTS: usize = 200_000;
pub const WASI_INSTANCES: u32 = 128;
pub const WASI_TABLES: u32 = 64;

/// Maximum number of concurrent runs with `wasi = true`, of all tenants: the pool has exactly this many slots.
pub const WASI_RUNS: usize = 4;

/// Maximum number of resources of WASI that a run may hold. Each may keep as many bytes as the head of a request has, so
/// the number also bounds the memory of the host.
pub const WASI_HANDLES: usize = 256;

/// Maximum total bytes of all bodies that a guest writes over WASI in one run. The host keeps a body until its request
/// is sent. The limit has room for the writes of the largest plan, with 128 KiB each.
pub const WASI_BODIES: usize = 32 << 20;

/// Maximum bytes of the method, the scheme and the authority of a request over WASI, and of its path.
pub const WASI_NAME: usize = 256;
pub const WASI_PATH: usize = 16 << 10;

/// Maximum bytes of one call for randomness.
pub const RANDOM: usize = 64 << 10;

/// Maximum bytes that are kept of a guest's standard output and standard error together. The log keeps fewer lines.
pub const OUTPUT: usize = 256 << 10;

/// Maximum bytes of all cached machine code. Code that was not used for the longest time is removed. The limit has room
/// for dozens of language runtimes.
pub const CODE_CACHE: u64 = 4 << 30;

/// How often a guest that computes without pause yields its thread to other runs.
pub const TICK: Duration = Duration::from_millis(10);

/// Adds up the memory and the table elements of one run.
#[derive(Debug)]
pub(super) struct Meter {
    memory: usize,
    elements: usize,
    most_memory: usize,
    most_elements: usize,
    most_instances: usize,
}

impl Default for Meter {
    /// The limits of the strict world. The pool limits the instances of a component.
    fn default() -> Self {
        let instances = usize::try_from(INSTANCES).unwrap_or(usize::MAX);
        Self::new(MEMORY, TABLE_ELEMENTS, instances)
    }
}

impl Meter {
    fn new(most_memory: usize, most_elements: usize, most_instances: usize) -> Self {
        Self { memory: 0, elements: 0, most_memory, most_elements, most_instances }
    }

    /// The limits of a run with `wasi = true`.
    pub(super) fn wasi() -> Self {
        let instances = usize::try_from(WASI_INSTANCES).unwrap_or(usize::MAX);
        Self::new(WASI_MEMORY, WASI_TABLE_ELEMENTS, instances)
    }
}

impl ResourceLimiter for Meter {
    fn instances(&self) -> usize {
        self.most_instances
    }

    fn memory_growing(
        &mut self,
        now: usize,
        wanted: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.memory, now, wanted, self.most_memory))
    }

    fn table_growing(
        &mut self,
        now: usize,
        wanted: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(grow(&mut self.elements, now, wanted, self.most_elements))
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
    fn a_run_with_wasi_has_limits_of_its_own() {
        let (mut strict, mut wasi) = (Meter::default(), Meter::wasi());
        assert!(!strict.memory_growing(0, WASI_MEMORY, None).unwrap());
        assert!(wasi.memory_growing(0, WASI_MEMORY, None).unwrap());
        assert!(!wasi.memory_growing(0, 1, None).unwrap());
        assert!(!wasi.table_growing(0, WASI_TABLE_ELEMENTS + 1, None).unwrap());
        assert!(strict.instances() < wasi.instances());
    }

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
