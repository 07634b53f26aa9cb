//! A guest that knows a private parameter and discloses it in every possible way, and upstreams that send the parameter
//! back. When a fixture is dropped, all of its output is searched for the values of private parameters.

use deed_test_support::shared::{ended, scim, user};
use deed_tests::private::{proposal, world};
use deed_tests::proxy::Fault;
use serde_json::json;

use crate::case::unharmed;

const NOTE: &str = "allowed to know, not to tell";

pub(super) fn tells() {
    let mut world = world(scim(), &[NOTE], |_| Ok(())).unwrap();
    world.host.take().unwrap().stop().unwrap();
    world.serve_with(&[("DEED_LOG", "trace")]).unwrap();
    let telling = user("private", Some(false));
    let view = world.run(&proposal(&telling, NOTE, "telling")).unwrap();
    let receipt = ended(&world, &view, "verified", "every expectation holds");
    let attempt = &receipt["attempts"][0];
    assert_eq!(attempt["claim"], json!({"unknown": "redacted"}), "{attempt:#}");
    let refused = attempt["refused"].as_array().unwrap();
    assert!(!refused.is_empty() && refused.iter().all(|one| one == "redacted"), "{refused:?}");
    let log = world.host.as_ref().unwrap().log();
    assert!(log.contains("adapter: redacted") && !log.contains("got through"), "{log}");
    assert_eq!(scim().get_user(&telling).unwrap()["title"], NOTE, "it is told upstream");

    let deriving = user("private", Some(false));
    let view = world.run(&proposal(&deriving, NOTE, "deriving")).unwrap();
    ended(&world, &view, "failed", "the value holds what no record may");
    // What the host reports about a failed request must not contain the data that the request sent.
    for status in [400, 500] {
        world.proxy.set("PATCH", Fault::Refuse { status });
        let view = world.run(&proposal(&deriving, NOTE, "telling")).unwrap();
        assert!(view["outcome"].is_string(), "{view:#}");
    }
    world.proxy.set("PATCH", Fault::None);
    unharmed(&world);
}
