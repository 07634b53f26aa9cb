//! Tests that a `base_url` with an address that the upstream's `addresses` setting does not allow is reported before
//! the host starts.

use std::fs;

use deed_test_support::shared::scim;
use deed_tests::world::World;

use super::{deed, faults};

#[test]
fn an_address_that_may_not_be_dialled_is_a_fault_with_its_line() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let file = world.dir.join("deed.toml");
    let good = fs::read_to_string(&file).unwrap();
    for (url, addresses, at, words) in [
        (
            "http://127.0.0.1:9",
            "public",
            2,
            "a loopback address, but `addresses` allows only public; add `\"loopback\"` to `addresses`",
        ),
        ("http://localhost:9/v1", "public", 2, "a loopback address"),
        (
            "http://10.1.2.3",
            "loopback\", \"public",
            2,
            "a private address, but `addresses` allows only public and loopback",
        ),
        ("http://[::1]:9", "private", 2, "a loopback address"),
        ("https://[::ffff:192.168.1.1]", "public", 2, "a private address"),
        ("https://8.8.8.8", "private", 2, "add `\"public\"`"),
        ("http://169.254.169.254", "public", 1, "an address that the host never connects to"),
    ] {
        let table = format!(
            "[tenant.acme.upstream.crm]\nbase_url = \"{url}\"\naddresses = [\"{addresses}\"]\n"
        );
        fs::write(&file, format!("{good}\n{table}")).unwrap();
        let line = good.lines().count() + 2 + at;
        let found = faults(&world.dir);
        let [fault] = &found[..] else { panic!("{url}: {found:#?}") };
        assert!(fault.starts_with(&format!("deed.toml:{line}: `base_url` is `{url}`")), "{fault}");
        assert!(fault.contains(words), "{url}: {fault}");
        let (code, _, errors) = deed(&["serve", world.path()]);
        assert!(code == 1 && errors.contains(fault), "{errors}");
    }
    // `deed check` does not resolve host names other than `localhost`, so it reports no fault for `crm.internal`.
    let table = "[tenant.acme.upstream.crm]\nbase_url = \"https://crm.internal\"\naddresses = [\"public\"]\n";
    fs::write(&file, format!("{good}\n{table}")).unwrap();
    assert_eq!(deed(&["check", world.path()]).0, 0);
}
