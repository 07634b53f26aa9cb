//! Tests of the log name in the configuration: a changed name is reported before the host starts, and a reserved name
//! causes a warning.

use std::fs;

use deed_test_support::shared::scim;
use deed_tests::world::{World, edit};

use super::{deed, faults, warnings};

/// A test environment whose host ran once and was stopped.
fn served() -> World {
    let mut world = World::start(scim()).unwrap();
    assert!(world.host.take().unwrap().stop().unwrap());
    world
}

#[test]
fn a_changed_origin_is_found_by_check_and_serve_with_its_line() {
    let mut world = served();
    let good = "origin = \"deed.example/logs\"";
    let text = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let line = text.lines().position(|line| line == good).unwrap() + 1;
    for other in ["logs.acme.example/deed", "deed.example/log", "deed.example"] {
        edit(&world.dir, "deed.toml", good, &format!("origin = \"{other}\"")).unwrap();
        // `deed check` reports the changed name once and not for each of the two tenants.
        let found = faults(&world.dir);
        let [fault] = &found[..] else { panic!("{found:#?}") };
        assert!(fault.starts_with(&format!("deed.toml:{line}: `origin` is `{other}`")), "{fault}");
        assert!(fault.contains("write `origin = \"deed.example/logs\"`"), "{fault}");
        fs::write(world.dir.join("serve.log"), "").unwrap();
        let refused = world.serve().unwrap_err().to_string();
        assert!(refused.contains(fault), "{refused}");
        fs::write(world.dir.join("deed.toml"), &text).unwrap();
    }
    world.serve().expect("under its own name it starts");
}

#[test]
fn a_log_of_another_tenant_is_told_as_that() {
    let world = served();
    let log = |tenant: &str| world.dir.join("state/log").join(tenant);
    fs::remove_dir_all(log("globex")).unwrap();
    fs::rename(log("acme"), log("globex")).unwrap();
    let found = faults(&world.dir);
    let [fault] = &found[..] else { panic!("{found:#?}") };
    assert!(fault.contains("`state/log/globex` has the name `deed.example/logs/acme`"), "{fault}");
}

#[test]
fn a_reserved_origin_is_warned_about() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let mut was = "deed.example/logs".to_owned();
    for (origin, reserved) in [
        ("deed.example.org/logs", "example.org"),
        ("localhost/logs", "localhost"),
        ("logs.acme-corporation.com/deed", ""),
        ("my.example.org.acme.com/deed", ""),
        ("logs.acme.test", "test"),
        ("logs.invalid:8443/deed", "invalid"),
        ("deed.example/logs", "example"),
    ] {
        edit(&world.dir, "deed.toml", &format!("\"{was}\""), &format!("\"{origin}\"")).unwrap();
        origin.clone_into(&mut was);
        let warned = usize::from(!reserved.is_empty());
        let words = format!(
            "`origin` is `{origin}`, and `{reserved}` is a reserved name (RFC 2606), \
             so it cannot be one that you own"
        );
        let (_, said, _) = deed(&["check", world.path()]);
        assert_eq!(said.matches("before the first `deed serve`").count(), warned, "{said}");
        let named = format!("`ORIGIN/TENANT`, here `{origin}/acme`");
        assert_eq!(said.contains(&named), warned == 1, "{said}");
        assert_eq!(warnings(&mut world, &words), [warned; 2], "{origin}");
        // A log that already exists has a fixed name.
        let (_, said, _) = deed(&["check", world.path()]);
        assert_eq!(said.contains("only a new directory can have another one"), warned == 1);
        fs::remove_dir_all(world.dir.join("state")).unwrap();
    }
}

/// If the name of an existing log cannot be read, the log may have been created under any name.
#[test]
fn a_head_that_does_not_read_is_a_fault() {
    let mut world = served();
    let head = world.dir.join("state/log/acme/HEAD");
    let good = fs::read(&head).unwrap();
    for (name, harm) in [
        ("empty", &(|| fs::write(&head, "").unwrap()) as &dyn Fn()),
        ("cut", &|| fs::write(&head, &good[..good.len() / 2]).unwrap()),
        ("no text", &|| fs::write(&head, [0xff, 0xfe]).unwrap()),
        ("a folder", &|| fs::create_dir(&head).unwrap()),
        ("long", &|| fs::write(&head, vec![b'x'; 100_000]).unwrap()),
    ] {
        fs::remove_file(&head).unwrap();
        harm();
        let found = faults(&world.dir);
        let [fault] = &found[..] else { panic!("{name}: {found:#?}") };
        assert!(fault.starts_with("state/log/acme/HEAD: "), "{name}: {fault}");
        fs::write(world.dir.join("serve.log"), "").unwrap();
        let refused = world.serve().unwrap_err().to_string();
        assert!(refused.contains(fault), "{name}: {refused}");
        fs::remove_dir(&head).or_else(|_| fs::remove_file(&head)).unwrap();
        fs::write(&head, &good).unwrap();
    }
    // The check of the name treats a log without HEAD as not yet created; `deed serve` checks the log itself.
    fs::remove_file(&head).unwrap();
    assert_eq!(deed(&["check", world.path()]).0, 0);
    fs::write(&head, &good).unwrap();
    world.serve().expect("with its own HEAD it starts");
}
