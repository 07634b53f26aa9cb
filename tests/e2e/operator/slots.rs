//! Tests of the header slots for credentials: `deed check` reports a slot that the host would refuse at each request.

use deed_test_support::shared::scim;
use deed_tests::services::ScimServer;
use deed_tests::world::{World, edit};

use super::{deed, faults};

const GOOD: &str = "read = { secret = \"idp_read\", slot = \"bearer\" }";

fn slot(name: &str) -> String {
    format!("read = {{ secret = \"idp_read\", slot = {{ header = {{ name = \"{name}\" }} }} }}")
}

#[test]
fn a_header_that_the_host_sets_is_no_slot() {
    for (name, words) in [
        ("User-Agent", "the host sets the header `user-agent` itself"),
        ("host", "the host sets the header `host` itself"),
        ("If-Match", "the host sets the header `if-match` itself"),
        ("Content-Type", "the host sets the header `content-type` itself"),
        ("TE", "the host sets the header `te` itself"),
        ("X Api Key", "`X Api Key` of `slot` is not the name of a header"),
        ("", "`` of `slot` is not the name of a header"),
        ("X-Kéy", "`X-Kéy` of `slot` is not the name of a header"),
    ] {
        let world = World::lay_out(scim(), "scim").unwrap();
        edit(&world.dir, "deed.toml", GOOD, &slot(name)).unwrap();
        let [fault] = &faults(&world.dir)[..] else { panic!("{name}: one fault") };
        assert!(fault.starts_with("deed.toml:") && fault.contains(words), "{name}: {fault}");
    }
    for name in ["X-Api-Key", "Authorization", "Cookie"] {
        let world = World::lay_out(scim(), "scim").unwrap();
        edit(&world.dir, "deed.toml", GOOD, &slot(name)).unwrap();
        let (code, said, _) = deed(&["check", world.path()]);
        assert_eq!(code, 0, "{name}: {said}");
    }
}

#[test]
fn a_secret_where_the_name_belongs_is_not_repeated() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let secret = format!("{} ", ScimServer::READ_TOKEN);
    edit(&world.dir, "deed.toml", GOOD, &slot(&secret)).unwrap();
    let found = faults(&world.dir);
    assert!(found.len() == 1 && !found[0].contains(ScimServer::READ_TOKEN), "{found:?}");
    edit(&world.dir, "deed.toml", &slot(&secret), GOOD).unwrap();
}
