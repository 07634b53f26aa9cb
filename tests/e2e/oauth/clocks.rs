//! Tests of access tokens of callers if the clocks of the host and the issuer differ. Half a minute is tolerated.

use std::fs;

use deed_test_support::issuer::{Draft, HELPDESK_CLIENT, Issuer};
use deed_test_support::shared::scim;
use deed_test_support::witness::now;
use deed_tests::world::World;

use super::{contracts, refused};

const FIVE_MINUTES_S: i64 = 300;

/// A host whose clock differs by these seconds from that of the issuer. The issuer signs tokens, or says what they are.
fn skewed(seconds: i64, signs: bool) -> (World, Issuer) {
    let issuer = Issuer::start();
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let declared = if signs {
        issuer.declare(&world.dir, "")
    } else {
        issuer.declare_introspection(&world.dir, "")
    };
    declared.unwrap();
    let file = world.dir.join("clock");
    fs::write(&file, (seconds * 1_000).to_string()).unwrap();
    world.serve_with(&[("DEED_TEST_CLOCK", file.to_str().unwrap())]).unwrap();
    (world, issuer)
}

/// A token that the issuer gives now, which is valid for this time.
fn valid_for(issuer: &Issuer, seconds: u64) -> Draft {
    issuer.draft(HELPDESK_CLIENT).claim("exp", now() + seconds)
}

fn text(issuer: &Issuer, draft: &Draft, name: &str, signs: bool) -> String {
    if signs {
        return draft.signed();
    }
    issuer.say(name, draft.claims.clone());
    name.to_owned()
}

#[test]
fn a_host_that_is_five_minutes_ahead_refuses_tokens_that_end_before_that() {
    for signs in [true, false] {
        let (world, issuer) = skewed(FIVE_MINUTES_S, signs);
        let short = text(&issuer, &valid_for(&issuer, 240), "opaque-short", signs);
        refused(&world, &short, 401, "the access token has expired");
        let long = text(&issuer, &valid_for(&issuer, 3_600), "opaque-long", signs);
        assert_eq!(contracts(&world, &long).status, 200);
    }
}

#[test]
fn a_host_that_is_five_minutes_behind_refuses_tokens_of_its_future() {
    for signs in [true, false] {
        let (world, issuer) = skewed(-FIVE_MINUTES_S, signs);
        let good = valid_for(&issuer, 3_600);
        let issued = text(&issuer, &good, "opaque-issued", signs);
        refused(&world, &issued, 401, "the access token was issued in the future");
        let begins = good.clone().without("iat").claim("nbf", now());
        let begins = text(&issuer, &begins, "opaque-begins", signs);
        refused(&world, &begins, 401, "the access token is not valid yet");
        let undated = text(&issuer, &good.without("iat"), "opaque-undated", signs);
        assert_eq!(contracts(&world, &undated).status, 200);
    }
}

#[test]
fn a_difference_of_less_than_half_a_minute_is_tolerated() {
    for seconds in [20, -20] {
        let (world, issuer) = skewed(seconds, true);
        let token = valid_for(&issuer, 3_600).claim("nbf", now()).signed();
        assert_eq!(contracts(&world, &token).status, 200, "{seconds}");
    }
    let (world, issuer) = skewed(10, true);
    // It ended 10 seconds ago by the clock of the host.
    assert_eq!(contracts(&world, &valid_for(&issuer, 0).signed()).status, 200);
}
