//! Compilation and checking of components. A component may import only `deed:adapter`, and WASI if its grant says so.
//!
//! This module does not run components. The module loads machine code only if the compiler made that code from the
//! bytes whose digest was computed.

pub(crate) mod compile;
mod needs;

use std::path::Path;

use deed_spec::digest::Digest;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy,
};

use self::compile::{CacheError, CompileError, Compiler};
use self::needs::Need;
use super::bindings::{v1, v2};
use super::host_functions::Guest;
use super::{Sandbox, limits, wasi};

/// The only imports of an adapter that the host accepts: four interfaces, all in version 0.1.0 or all in version 0.2.0.
const FIRST: [&str; 4] = [
    "deed:adapter/types@0.1.0",
    "deed:adapter/http@0.1.0",
    "deed:adapter/state@0.1.0",
    "deed:adapter/log@0.1.0",
];
const SECOND: [&str; 4] = [
    "deed:adapter/types@0.2.0",
    "deed:adapter/http@0.2.0",
    "deed:adapter/state@0.2.0",
    "deed:adapter/log@0.2.0",
];

/// The packages of WASI that a component may import if its grant has `wasi = true`.
const WASI: [&str; 7] = [
    "wasi:io/",
    "wasi:clocks/",
    "wasi:random/",
    "wasi:cli/",
    "wasi:filesystem/",
    "wasi:sockets/",
    "wasi:http/",
];

/// What a component may import, and the limits of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Only `deed:adapter`, with instances from the pool.
    Strict,
    /// Also WASI, for components of language toolchains; a grant allows it with `wasi = true`.
    Wasi,
}

/// An engine and its compiler. Machine code of one world does not run in the other.
#[derive(Clone)]
pub(super) struct Machine {
    world: World,
    pub(super) engine: Engine,
    pub(super) compiler: Compiler,
}

impl Machine {
    /// Starts the engine of a world. Fails if the engine does not start or the compile cache cannot be used.
    pub(super) fn start(
        world: World,
        cache: &Path,
        shared: Option<&Path>,
    ) -> Result<Self, EngineError> {
        let engine = engine(world)?;
        let compiler = Compiler::new(cache, shared, &engine, world)?;
        Ok(Self { world, engine, compiler })
    }
}

fn is_wasi(import: &str) -> bool {
    WASI.iter().any(|package| import.starts_with(package))
}

/// The functions that an adapter must export.
const EXPORTS: [&str; 2] = ["observe", "perform"];

/// A compiled component, ready to be instantiated for each run. Clones are cheap.
#[derive(Clone)]
pub struct Adapter {
    digest: Digest,
    world: World,
    engine: Engine,
    pre: Pre,
}

/// A component that is linked to the host functions of the version of `deed:adapter` that it imports.
#[derive(Clone)]
pub(super) enum Pre {
    First(v1::AdapterPre<Guest>),
    Second(v2::AdapterPre<Guest>),
}

impl Adapter {
    /// SHA-256 of the component's bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The world that the adapter needs.
    pub fn world(&self) -> World {
        self.world
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn pre(&self) -> &Pre {
        &self.pre
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adapter").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Compiles and checks a component. Fails when the component does not compile, imports anything that its world does not
/// have, or lacks an export.
pub(super) fn load(machine: &Machine, bytes: &[u8]) -> Result<Adapter, LoadError> {
    let Machine { world, engine, compiler } = machine;
    let component = component(engine, compiler, bytes)?;
    check_names(engine, &component, *world)?;
    let mut linker = Linker::new(engine);
    let shape = |error: wasmtime::Error| LoadError::Shape(text(&error));
    if *world == World::Wasi {
        wasi::link(&mut linker).map_err(shape)?;
    }
    let is_second = is_second(engine, &component);
    if is_second {
        v2::Adapter::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)
            .map_err(shape)?;
    } else {
        v1::Adapter::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)
            .map_err(shape)?;
    }
    let pre = linker.instantiate_pre(&component).map_err(shape)?;
    let pre = if is_second {
        Pre::Second(v2::AdapterPre::new(pre).map_err(shape)?)
    } else {
        Pre::First(v1::AdapterPre::new(pre).map_err(shape)?)
    };
    Ok(Adapter { digest: Digest::of(bytes), world: *world, engine: engine.clone(), pre })
}

#[expect(unsafe_code, reason = "wasmtime cannot tell machine code from other bytes")]
fn component(engine: &Engine, compiler: &Compiler, bytes: &[u8]) -> Result<Component, LoadError> {
    check_kind(bytes)?;
    let code = compiler.code(bytes)?;
    // SAFETY: the code was made by `Engine::precompile_component` of this same program from these bytes, in a child
    // process, or was read from a private cache directory of the owner, from the file that is named by the digest of
    // these bytes.
    let component = unsafe { Component::deserialize(engine, code) };
    component.map_err(|error| LoadError::Compile(CompileError::Refused(text(&error))))
}

/// Why a component needs the world with WASI; `None` if it does not. Reads only the outline of the bytes, so an answer
/// takes no time, and the bytes need not be a component.
pub(super) fn need(bytes: &[u8]) -> Option<Need> {
    needs::of(bytes)
}

/// Names of a component's imports and exports; the component need not be an adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

impl Sandbox {
    /// Compiles trusted bytes in this process, so that [`Sandbox::load`] needs no child process for them. This function
    /// is for tools, such as a benchmark tool, under which a child process with its own limits cannot run; a host does
    /// not call it.
    ///
    /// # Errors
    ///
    /// Fails when the bytes do not compile or the code cannot be kept.
    pub fn prepare(&self, bytes: &[u8]) -> Result<(), LoadError> {
        check_kind(bytes)?;
        Ok(self.strict.compiler.prepare(bytes)?)
    }

    /// Whether the cache has code for these bytes, so that [`Sandbox::load`] need not compile them.
    pub fn is_compiled(&self, bytes: &[u8]) -> bool {
        let machine = if need(bytes).is_some() { &self.wasi } else { &self.strict };
        machine.compiler.has(bytes)
    }

    /// Returns the names of a component's imports and exports. The component need not be an adapter; [`Sandbox::load`]
    /// checks that it is.
    ///
    /// # Errors
    ///
    /// Fails when the component does not compile.
    pub fn names(&self, bytes: &[u8]) -> Result<Names, LoadError> {
        let machine = if need(bytes).is_some() { &self.wasi } else { &self.strict };
        let Machine { engine, compiler, .. } = machine;
        let component = component(engine, compiler, bytes)?;
        let kind = component.component_type();
        let imports = kind.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports = kind.exports(engine).map(|(name, _)| name.to_owned()).collect();
        Ok(Names { imports, exports })
    }
}

/// Why the bytes are not an adapter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("the adapter is larger than 64 MiB; strip it, or build it for size")]
    TooLarge,
    #[error("the adapter is not a WebAssembly component; use a `.wasm` file that contains one")]
    NotWasm,
    #[error(
        "the adapter is a core module; encode it as a component (`deed-adapter-build`, wit-component)"
    )]
    CoreModule,
    #[error("the adapter does not compile: {0}")]
    Compile(#[from] CompileError),
    #[error(
        "the adapter imports `{0}`; adapters can import only `deed:adapter`, of version 0.1.0 or 0.2.0{remedy}",
        remedy = remedy(.0)
    )]
    ForeignImport(String),
    #[error(
        "the adapter has more than {} core modules, as language runtimes do; set `wasi = true` in the grant",
        limits::INSTANCES
    )]
    ManyModules,
    #[error("the adapter does not export `{0}`; export `observe` and `perform`")]
    MissingExport(&'static str),
    #[error(
        "the adapter does not fit `deed:adapter` in the version that it imports: {0}; build it against the `wit/` of this release"
    )]
    Shape(String),
}

impl From<Need> for LoadError {
    fn from(need: Need) -> Self {
        match need {
            Need::Import(name) => Self::ForeignImport(name),
            Need::Modules => Self::ManyModules,
        }
    }
}

/// Advice to the author of an adapter on how to build the component without this import.
fn remedy(import: &str) -> &'static str {
    if is_wasi(import) {
        ". Set `wasi = true` in the grant, or build it without WASI: componentize-py with `--stub-wasi`, componentize-js with `--disable all`, \
         Rust for the target `wasm32-unknown-unknown`"
    } else if import.starts_with("deed:adapter/") {
        ". Build it against the `wit/` of this release"
    } else {
        ""
    }
}

/// Creates the engine of a world, and starts a thread that increments the engine's epoch until the engine is dropped.
fn engine(world: World) -> Result<Engine, EngineError> {
    let mut settings = settings(world);
    let pool = match world {
        World::Strict => pool(),
        World::Wasi => pool_of_wasi(),
    };
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    let engine = Engine::new(&settings).map_err(|error| EngineError::Engine(text(&error)))?;
    let weak = engine.weak();
    let tick = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(limits::TICK);
        }
    };
    std::thread::Builder::new()
        .name("deed-epoch".into())
        .spawn(tick)
        .map_err(EngineError::Thread)?;
    Ok(engine)
}

/// Why the sandbox could not be created.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("the WebAssembly engine cannot be started: {0}")]
    Engine(String),
    #[error("the thread that interrupts adapters at their time limit cannot be started")]
    Thread(#[source] std::io::Error),
}

/// The engine settings that machine code depends on. The process that compiles and the process that runs adapters use
/// the same settings.
pub(super) fn settings(world: World) -> Config {
    let memory = match world {
        World::Strict => limits::MEMORY,
        World::Wasi => limits::WASI_MEMORY,
    };
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .wasm_component_model(true)
        .epoch_interruption(true)
        // These settings exclude results that differ between machines, because a run must be repeatable from its
        // exchanges alone, on any machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        // To keep the address space of the pool small, the pool reserves for each memory only what a run may use, and
        // not 4 GiB.
        .memory_reservation(u64::try_from(memory).unwrap_or(u64::MAX))
        .memory_guard_size(64 << 10)
        .memory_may_move(false);
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits::RUNS)
        .total_stacks(limits::RUNS)
        .total_core_instances(limits::RUNS * limits::INSTANCES)
        .total_memories(limits::RUNS * limits::MEMORIES)
        .total_tables(limits::RUNS * limits::TABLES)
        .max_core_instances_per_component(limits::INSTANCES)
        .max_memories_per_component(limits::MEMORIES)
        .max_tables_per_component(limits::TABLES)
        .max_memory_size(limits::MEMORY)
        .table_elements(limits::TABLE_ELEMENTS)
        // The first pages of a memory are zeroed and kept, because that is cheaper than returning every page to the
        // system. `pagemap_scan` is not used, because it skips pages that were swapped out, and the next run could then
        // read data of the previous run.
        .pagemap_scan(Enabled::No)
        .linear_memory_keep_resident(limits::KEPT)
        .table_keep_resident(16 << 10);
    pool
}

/// The pool bounds also what is not a memory or a table, such as globals and the instances of a component.
fn pool_of_wasi() -> PoolingAllocationConfig {
    let runs = u32::try_from(limits::WASI_RUNS).unwrap_or(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(runs)
        .total_stacks(runs)
        .total_core_instances(runs * limits::WASI_INSTANCES)
        .total_memories(runs * limits::MEMORIES)
        .total_tables(runs * limits::WASI_TABLES)
        .max_core_instances_per_component(limits::WASI_INSTANCES)
        .max_memories_per_component(limits::MEMORIES)
        .max_tables_per_component(limits::WASI_TABLES)
        .max_memory_size(limits::WASI_MEMORY)
        .table_elements(limits::WASI_TABLE_ELEMENTS)
        .pagemap_scan(Enabled::No)
        .linear_memory_keep_resident(limits::KEPT)
        .table_keep_resident(16 << 10);
    pool
}

/// The preamble distinguishes a component (layer 1) from a core module (layer 0).
fn check_kind(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > limits::ADAPTER {
        return Err(LoadError::TooLarge);
    }
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::CoreModule),
        _ => Err(LoadError::NotWasm),
    }
}

/// Whether a component is written for version 0.2 of `deed:adapter`: it imports an interface of that version. A
/// component that imports interfaces of both versions is not an adapter.
fn is_second(engine: &Engine, component: &Component) -> bool {
    let kind = component.component_type();
    kind.imports(engine).any(|(name, _)| SECOND.contains(&name))
}

fn check_names(engine: &Engine, component: &Component, world: World) -> Result<(), LoadError> {
    let kind = component.component_type();
    let ours = if is_second(engine, component) { SECOND } else { FIRST };
    let allowed = |name: &str| ours.contains(&name) || (world == World::Wasi && is_wasi(name));
    if let Some((name, _)) = kind.imports(engine).find(|(name, _)| !allowed(name)) {
        return Err(LoadError::ForeignImport(name.into()));
    }
    let exported = |name: &&str| {
        kind.get_export(engine, name)
            .is_some_and(|item| matches!(item.ty, ComponentItem::ComponentFunc(_)))
    };
    match EXPORTS.into_iter().find(|name| !exported(name)) {
        Some(name) => Err(LoadError::MissingExport(name)),
        None => Ok(()),
    }
}

/// The text of an error of the WebAssembly engine. Compiler messages quote names from the component, so the text is
/// bounded and its control characters are escaped.
pub(super) fn text(error: &wasmtime::Error) -> String {
    super::redact::plain(&format!("{error:#}"), limits::TEXT)
}
