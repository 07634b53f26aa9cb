//! Attacks with components that are built to stall or exhaust the compiler. The compiler runs in a child process with
//! its own limits; the host receives machine code for the pinned bytes, or a refusal.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::world::World;

use crate::case::{Case, cases, unharmed};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        "stalls" => stalls,
        "bloats" => bloats,
        "is-granted-and-served" => is_granted_and_served,
        "child-has-nothing-of-the-host" => child_has_nothing_of_the_host,
        "child-dies-with-the-host" => child_dies_with_the_host,
        "damages-the-compiled-code" => damages_the_compiled_code,
        "opens-the-compile-cache" => opens_the_compile_cache,
    ]
}

/// The upper bound for the time of a refusal on a busy machine, where the child process that compiles may use 20 s of
/// CPU time.
const PATIENCE: Duration = Duration::from_secs(200);

fn stalls() {
    let said = refused(&nested(10_000, 100));
    assert!(said.contains("the limit of 20 s or 2048 MiB"), "{said}");
}

fn bloats() {
    let started = Instant::now();
    let said = refused(&nested(50_000, 900));
    assert!(said.contains("the limit of 20 s or 2048 MiB"), "{said}");
    assert!(started.elapsed() < PATIENCE);
}

/// Even if an operator pins a component that the compiler refuses, the host does not start, and its error names the
/// file.
fn is_granted_and_served() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let honest = fs::read(world.dir.join("adapters/scim.wasm")).unwrap();
    fs::write(world.dir.join("adapters/scim.wasm"), nested(50_000, 900)).unwrap();
    deed_tests::world::grant_as_it_is(&world.dir).unwrap();
    let said = world.serve().unwrap_err().to_string();
    assert!(said.contains("adapters/scim.wasm") && said.contains("does not compile"), "{said}");
    fs::write(world.dir.join("adapters/scim.wasm"), honest).unwrap();
    host::expect(&["pin", world.path()]).unwrap();
    world.serve().unwrap();
    unharmed(&world);
}

fn child_has_nothing_of_the_host() {
    let mut parent = checking(&nested(5_000, 100));
    let child = child_of(&mut parent);
    let read = |name: &str| fs::read(format!("/proc/{child}/{name}")).unwrap();
    assert_eq!(read("environ"), b"", "the child has no environment");
    assert_eq!(fs::read_link(format!("/proc/{child}/cwd")).unwrap(), Path::new("/"));
    let limits = String::from_utf8(read("limits")).unwrap();
    for limit in [
        "Max address space         2147483648",
        "Max core file size        0 ",
        "Max file size             0 ",
    ] {
        assert!(limits.contains(limit), "{limits}");
    }
    let open =
        fs::read_dir(format!("/proc/{child}/fd")).unwrap().map(|entry| entry.unwrap().path());
    let open: Vec<PathBuf> = open.filter_map(|path| fs::read_link(path).ok()).collect();
    let harmless = |path: &PathBuf| {
        path == Path::new("/dev/null") || path.to_string_lossy().starts_with("pipe:")
    };
    assert!(open.iter().all(harmless), "{open:?}");
    end(parent);
}

fn child_dies_with_the_host() {
    let mut parent = checking(&nested(5_000, 100));
    let child = child_of(&mut parent);
    end(parent);
    let until = Instant::now() + Duration::from_secs(10);
    while is_alive(child) {
        assert!(Instant::now() < until, "the compiling child outlives its host");
        thread::sleep(Duration::from_millis(20));
    }
}

/// If a cache entry is not the compiler's output, the host compiles the component again and never runs the entry.
fn damages_the_compiled_code() {
    let mut world = World::start(scim()).unwrap();
    world.host.take().unwrap().stop().unwrap();
    let cache = world.dir.join("state/cache");
    let kept: Vec<PathBuf> = fs::read_dir(&cache).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let honest = fs::read(&kept[0]).unwrap();
    for damage in
        [honest[..honest.len() / 2].to_vec(), [&honest[..], b"\0"].concat(), flipped(&honest)]
    {
        fs::write(&kept[0], damage).unwrap();
        world.serve().unwrap();
        unharmed(&world);
        world.host.take().unwrap().stop().unwrap();
        assert_eq!(fs::read(&kept[0]).unwrap(), honest, "it was compiled anew");
    }
}

fn opens_the_compile_cache() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut world = World::start(scim()).unwrap();
    world.host.take().unwrap().stop().unwrap();
    let cache = world.dir.join("state/cache");
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let said = world.serve().unwrap_err().to_string();
    assert!(said.contains("chmod 700"), "{said}");
    fs::remove_dir_all(&cache).unwrap();
    let elsewhere = world.dir.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &cache).unwrap();
    let said = world.serve().unwrap_err().to_string();
    assert!(said.contains("compile cache") || said.contains("state/cache"), "{said}");
}

/// A component of a few kilobytes with one function. The function changes `locals` variables in the innermost of
/// `depth` loops, so that a compiler must distinguish locals × depth values.
fn nested(locals: u32, depth: usize) -> Vec<u8> {
    let each =
        |local: u32| [&[0x20][..], &leb(local), &[0x41, 1, 0x6a, 0x21], &leb(local)].concat();
    let body = [
        [&[1][..], &leb(locals), &[0x7f]].concat(),
        [0x03, 0x40].repeat(depth),
        (0..locals).flat_map(each).collect(),
        [0x20, 0, 0x0d, 0, 0x0b].repeat(depth),
        vec![0x0b],
    ]
    .concat();
    let code = [&[1][..], &leb(u32::try_from(body.len()).unwrap()), &body].concat();
    let module = [
        &b"\0asm\x01\0\0\0"[..],
        &section(1, &[1, 0x60, 0, 0]),
        &section(3, &[1, 0]),
        &section(10, &code),
    ]
    .concat();
    [&b"\0asm\x0d\0\x01\0"[..], &section(1, &module)].concat()
}

fn section(id: u8, bytes: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(u32::try_from(bytes.len()).unwrap()), bytes].concat()
}

/// LEB128, unsigned.
fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

fn file(component: &[u8]) -> PathBuf {
    let name = format!("deed-attack-{}-{:?}.wasm", std::process::id(), thread::current().id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, component).unwrap();
    path
}

/// The output of `deed adapter check` for a component that it refuses.
fn refused(component: &[u8]) -> String {
    let path = file(component);
    let output = host::run(&["adapter", "check", path.to_str().unwrap()], "").unwrap();
    fs::remove_file(path).unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn checking(component: &[u8]) -> Child {
    let path = file(component);
    let mut command = Command::new(host::binary().unwrap());
    command.args(["adapter", "check"]).arg(&path).env("SECRET", "of the host");
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The child process that compiles, after it has set its limits.
fn child_of(parent: &mut Child) -> u32 {
    let list = format!("/proc/{0}/task/{0}/children", parent.id());
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        assert!(parent.try_wait().unwrap().is_none(), "it ended before it was looked at");
        let children = fs::read_to_string(&list).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next().and_then(|pid| pid.parse().ok())
            && fs::read_to_string(format!("/proc/{child}/limits"))
                .is_ok_and(|limits| limits.contains("2147483648"))
        {
            return child;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("no compiling child was seen");
}

fn end(mut parent: Child) {
    parent.kill().unwrap();
    parent.wait().unwrap();
}

fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}
