//! Tests that a path that is not a served directory is reported as it was typed, and without a line number for a file
//! that does not exist.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::services::free_address;
use deed_tests::world::{World, edit};
use serde_json::Value;

use super::{deed, faults};

#[test]
fn a_file_or_a_wrong_path_is_told_as_that() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let at = |name: &str| format!("{}/{name}", world.path());
    fs::create_dir(at("empty")).unwrap();
    let directory = format!("this is a file; use the directory `{}`", world.path());
    let missing = "this directory does not exist; correct the path (`deed init` creates";
    for (path, words) in [
        (at("deed.toml"), directory.as_str()),
        (at("policies/starter.cedar"), "this is a file; use the directory"),
        (at("opps"), missing),
        (at("opps/deeper"), missing),
        (at("empty"), "this directory has no `deed.toml`; correct the path (`deed init` creates"),
    ] {
        let found = faults(path.as_ref());
        let [fault] = &found[..] else { panic!("{path}: {found:#?}") };
        assert!(fault.starts_with(&format!("{path}: {words}")), "{fault}");
        let trust = at("trust");
        for args in [vec!["serve", &path], vec!["pin", &path], vec!["trust", &path, &trust]] {
            let (code, said, errors) = deed(&args);
            assert_eq!((code, said.as_str()), (1, ""), "{args:?}: {errors}");
            assert!(errors.contains(fault), "{args:?}: {errors}");
        }
        let (_, said, _) = deed(&["check", &path, "--json"]);
        let report: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(report["faults"][0]["line"], 0, "{report:#}");
    }
}

#[test]
fn a_file_without_a_directory_in_its_path_is_in_this_one() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let mut command = Command::new(host::binary().unwrap());
    let output = command.args(["check", "deed.toml"]).current_dir(&world.dir).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "deed.toml: this is a file; use the directory `.`\n");
}

#[test]
fn a_fault_of_a_whole_file_has_no_line() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let (code, said, _) = deed(&["check", world.path()]);
    assert!(code == 0 && said.contains("warning: approvers/bob.key: a private key"), "{said}");
    fs::write(world.dir.join("contracts/read user.toml"), "").unwrap();
    let found = faults(&world.dir);
    assert!(found.iter().any(|one| one.starts_with("contracts/read user.toml: ")), "{found:#?}");
    fs::remove_file(world.dir.join("keys/log.key")).unwrap();
    let found = faults(&world.dir);
    assert!(found.iter().any(|one| one.starts_with("keys: ")), "{found:#?}");
    assert!(!found.iter().any(|one| one.contains(":0:")), "{found:#?}");
}

#[test]
fn a_policy_file_that_is_missing_is_told_where_each_tenant_names_it() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let file = world.dir.join("deed.toml");
    let good = fs::read_to_string(&file).unwrap();
    let starter = "policies/starter.cedar";
    for (name, words) in [
        ("policies/x.cedar", "put the file there or correct `policies`"),
        ("nowhere/x.cedar", "put the file there or correct `policies`"),
        ("policies", "is not a regular file; specify a regular file"),
    ] {
        fs::write(&file, good.replace(starter, name)).unwrap();
        let found = faults(&world.dir);
        assert_eq!(found.len(), 2, "{found:#?}");
        for (tenant, fault) in ["acme", "globex"].into_iter().zip(&found) {
            let line =
                good.lines().position(|line| line == format!("[tenant.{tenant}]")).unwrap() + 2;
            let start = format!("deed.toml:{line}: `policies` of tenant `{tenant}`: `{name}` ");
            assert!(fault.starts_with(&start) && fault.contains(words), "{fault}");
        }
    }
}

#[test]
fn an_address_that_cannot_be_listened_on_is_told_with_its_field() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let file = world.dir.join("deed.toml");
    let good = fs::read_to_string(&file).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for (field, address, words) in [
        ("listen", taken.to_string(), "stop the process that listens there, or set another port"),
        ("operations", taken.to_string(), "stop the process that listens there"),
        ("listen", "192.0.2.1:7117".to_owned(), "set an address that this machine has"),
    ] {
        let line = format!("{field} = \"127.0.0.1:0\"");
        let text = good.replace(&line, &format!("{field} = \"{address}\""));
        fs::write(&file, text.replace("[http]\n", "[http]\nbehind_proxy = true\n")).unwrap();
        let refused = world.serve().unwrap_err().to_string();
        let start = format!("cannot listen on {address} (`{field}` under [http] in deed.toml): ");
        assert!(refused.contains(&start) && refused.contains(words), "{refused}");
    }
}

/// A browser may open `[::1]` for `localhost`, so no other program may listen there.
#[test]
fn nobody_else_listens_at_the_second_address_of_localhost() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let has_second = fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    if !has_second.contains(&format!("{:032x}", 1)) {
        // A machine without IPv6 has no second address.
        return;
    }
    let first = free_address().unwrap();
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, first.port()));
    let second = TcpListener::bind(address).unwrap();
    let listen = format!("listen = \"{first}\"");
    edit(&world.dir, "deed.toml", "listen = \"127.0.0.1:0\"", &listen).unwrap();
    let refused = world.serve().unwrap_err().to_string();
    assert!(refused.contains(&format!("another program has {address}")), "{refused}");
    drop(second);
    world.serve().unwrap();
    for taken in [address.to_string(), format!("[::]:{}", address.port())] {
        let error = TcpListener::bind(&taken).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse, "{taken}");
    }
    let error = TcpStream::connect(address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "a browser goes on to the listener");
    assert!(world.stop().unwrap());
}
