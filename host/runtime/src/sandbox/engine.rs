//! Takes the bytes of a component, gives it compiled and checked: nothing imported but `deed:adapter`.
//!
//! Never runs anything, and never compiles other bytes than those it hashed.

use std::path::{Path, PathBuf};

use deed_record::digest::Digest;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    Strategy,
};

use super::bindings::{self, AdapterPre};
use super::host::Guest;
use super::{Sandbox, limits};

/// What an adapter may import: these four interfaces and nothing else.
const IMPORTS: [&str; 4] = [
    "deed:adapter/types@0.1.0",
    "deed:adapter/http@0.1.0",
    "deed:adapter/state@0.1.0",
    "deed:adapter/log@0.1.0",
];

/// What an adapter must export.
const EXPORTS: [&str; 2] = ["observe", "perform"];

/// A compiled component, ready to be instantiated afresh for every run. Cheap to clone.
#[derive(Clone)]
pub struct Adapter {
    digest: Digest,
    pre: AdapterPre<Guest>,
}

impl Adapter {
    /// SHA-256 of the component's bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn pre(&self) -> &AdapterPre<Guest> {
        &self.pre
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Adapter").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Compiles and checks a component.
pub(super) fn load(engine: &Engine, bytes: &[u8]) -> Result<Adapter, LoadError> {
    check_kind(bytes)?;
    let component =
        Component::from_binary(engine, bytes).map_err(|error| LoadError::Compile(text(&error)))?;
    check_names(engine, &component)?;
    let mut linker = Linker::new(engine);
    let shape = |error: wasmtime::Error| LoadError::Shape(text(&error));
    bindings::Adapter::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)
        .map_err(shape)?;
    let pre = linker.instantiate_pre(&component).map_err(shape)?;
    Ok(Adapter { digest: Digest::of(bytes), pre: AdapterPre::new(pre).map_err(shape)? })
}

/// What a component imports and exports, by name; also of one that is no adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

impl Sandbox {
    /// The names of a component that compiles. It need not be an adapter: [`Sandbox::load`] says.
    pub fn names(&self, bytes: &[u8]) -> Result<Names, LoadError> {
        check_kind(bytes)?;
        let component = Component::from_binary(&self.engine, bytes)
            .map_err(|error| LoadError::Compile(text(&error)))?;
        let kind = component.component_type();
        let imports = kind.imports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        let exports = kind.exports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        Ok(Names { imports, exports })
    }
}

/// Why bytes are no adapter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("the adapter is larger than 64 MiB; strip it, or build it for size")]
    TooLarge,
    #[error("the adapter is no WebAssembly component; give a `.wasm` file that holds one")]
    NotWasm,
    #[error(
        "the adapter is a core module; encode it as a component (`deed-adapter-build`, wit-component)"
    )]
    CoreModule,
    #[error("the adapter does not compile: {0}")]
    Compile(String),
    #[error("the adapter imports `{0}`; adapters import `deed:adapter` 0.1.0 and nothing else")]
    ForeignImport(String),
    #[error("the adapter does not export `{0}`; it exports `observe` and `perform`")]
    MissingExport(&'static str),
    #[error("the adapter does not fit `deed:adapter` 0.1.0: {0}; build it against this version")]
    Shape(String),
}

/// The engine of this process, and the thread that ticks for it while it lives.
pub(super) fn engine(cache: &Path) -> Result<Engine, EngineError> {
    let engine = Engine::new(&config(cache)?).map_err(|error| EngineError::Engine(text(&error)))?;
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

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("cannot make the compile cache `{path}`; its parent must exist and be writable")]
    CacheDir { path: PathBuf, source: std::io::Error },
    #[error(
        "others can write or read the compile cache `{0}`; run `chmod 700` on it, it holds machine code"
    )]
    CacheOpen(PathBuf),
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    #[error("the thread that interrupts guests does not start")]
    Thread(#[source] std::io::Error),
}

fn config(cache: &Path) -> Result<Config, EngineError> {
    let cache = open_cache(cache)?;
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cache(Some(cache))
        .wasm_component_model(true)
        .epoch_interruption(true)
        // A run must be repeatable from its exchanges alone, on any machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        // Reserving what a run may have, not 4 GiB, keeps the pool's address space small.
        .memory_reservation(u64::try_from(limits::MEMORY).unwrap_or(u64::MAX))
        .memory_guard_size(64 << 10)
        .memory_may_move(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    Ok(config)
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
        // Zeroing a little is cheaper than giving every page back to the system.
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(16 << 10);
    pool
}

/// Whoever writes here gets code into this process: the directory is the owner's alone.
fn open_cache(path: &Path) -> Result<Cache, EngineError> {
    let failed = |source| EngineError::CacheDir { path: path.into(), source };
    if !path.exists() {
        make_private(path).map_err(failed)?;
    }
    let path = path.canonicalize().map_err(failed)?;
    if !is_private(&path).map_err(failed)? {
        return Err(EngineError::CacheOpen(path));
    }
    let mut config = CacheConfig::new();
    config.with_directory(path);
    Cache::new(config).map_err(|error| EngineError::Engine(text(&error)))
}

#[cfg(unix)]
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

/// Permission bits of the group and of everybody.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

#[cfg(unix)]
fn is_private(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    let meta = std::fs::metadata(path)?;
    Ok(meta.is_dir() && meta.permissions().mode() & OTHERS == 0)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir(path)
}

#[cfg(not(unix))]
fn is_private(path: &Path) -> std::io::Result<bool> {
    Ok(path.is_dir())
}

/// The preamble tells a component (layer 1) from a core module (layer 0).
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

fn check_names(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let kind = component.component_type();
    if let Some((name, _)) = kind.imports(engine).find(|(name, _)| !IMPORTS.contains(name)) {
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

/// Compiler messages quote names out of the component: bounded and without control characters.
fn text(error: &wasmtime::Error) -> String {
    super::redact::plain(&format!("{error:#}"), limits::TEXT)
}
