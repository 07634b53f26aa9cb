//! Client certificates in front of nginx, which answers a request without a certificate of its authority with 400.

use std::thread;
use std::time::Duration;

use deed_test_support::authority::{Authority, install};
use deed_test_support::shared::{ended, is_active, locked_out};
use deed_test_support::witness::now;
use deed_tests::services::tls_front::Kind;
use deed_tests::world::{BOB, World};
use rcgen::date_time_ymd;

use super::{Fronted, LOOK, READ, RESTORE, run};

/// How long the certificate is valid that expires during the test. The host must read it before that.
const BRIEF_S: u64 = 10;

/// The part of a line of the log that identifies the client.
fn client(line: &str) -> &str {
    line.split(" \"").next().unwrap()
}

#[test]
#[ignore = "needs nginx; run `make systems`"]
fn a_certificate_is_accepted_and_can_be_replaced_while_the_host_serves() {
    let clients = Authority::root();
    let (first, second) = (clients.client(|_| ()), clients.client(|_| ()));
    let nginx = Fronted::start(Kind::Nginx, &clients);
    let (world, user) = (nginx.world(Some(&first)), locked_out());
    ended(&world, &run(&world, RESTORE, &user), "verified", "every expectation holds");
    assert!(is_active(&user));
    let before = nginx.front.requests();
    let write = before.iter().filter(|line| line.contains("\"PATCH /v2/Users/")).count();
    assert_eq!(write, 1, "{before:?}");
    let one = client(&before[0]);
    assert!(one.starts_with("SUCCESS "), "{before:?}");
    assert!(before.iter().all(|line| client(line) == one), "{before:?}");

    install(&world.dir, &second.certificate, &second.key).unwrap();
    thread::sleep(LOOK);
    ended(&world, &run(&world, READ, &user), "verified", "");
    let after = nginx.front.requests();
    let other = client(&after[before.len()]);
    assert!(other.starts_with("SUCCESS ") && other != one, "{after:?}");
    assert_eq!(world.leaks(), []);
}

#[test]
#[ignore = "needs nginx; run `make systems`"]
fn what_nginx_does_not_accept_is_named_with_its_remedy() {
    let (clients, others) = (Authority::root(), Authority::root());
    let nginx = Fronted::start(Kind::Nginx, &clients);
    let user = locked_out();
    let foreign = others.client(|_| ());
    let refused = "the upstream refused the credential: it";
    for (client, verified, words) in [
        (None, "NONE", "requires a client certificate; set `client_certificate` and `client_key`"),
        (Some(&foreign), "FAILED:", "does not accept the client certificate in `tls/client.pem`"),
    ] {
        let world = nginx.world(client);
        let seen = nginx.front.requests().len();
        ended(&world, &run(&world, READ, &user), "failed", &format!("{refused} {words}"));
        ended(&world, &run(&world, RESTORE, &user), "failed", "nothing was sent");
        let lines = nginx.front.requests();
        let all =
            lines[seen..].iter().all(|line| line.starts_with(verified) && line.contains("GET"));
        assert!(all && lines.len() > seen, "{lines:?}");
    }
    assert!(!is_active(&user));
}

#[test]
#[ignore = "needs nginx; run `make systems`"]
fn a_certificate_that_expires_while_it_is_used_is_named_with_its_date() {
    let clients = Authority::root();
    let nginx = Fronted::start(Kind::Nginx, &clients);
    let (world, user) = (nginx.world(Some(&clients.client(|_| ()))), locked_out());
    let end = now() + BRIEF_S;
    let until = date_time_ymd(1970, 1, 1) + Duration::from_secs(end);
    let brief = clients.client(|params| params.not_after = until);
    install(&world.dir, &brief.certificate, &brief.key).unwrap();
    thread::sleep(LOOK);
    ended(&world, &run(&world, READ, &user), "verified", "");
    thread::sleep(Duration::from_secs(end.saturating_sub(now()) + 2));
    let expired = "the client certificate in `tls/client.pem` expired at";
    ended(&world, &run(&world, READ, &user), "failed", expired);
    let lines = nginx.front.requests();
    assert!(lines.last().unwrap().starts_with("FAILED:certificate has expired"), "{lines:?}");
}

#[test]
#[ignore = "needs nginx; run `make systems`"]
fn another_authority_in_the_middle_of_an_action_prevents_its_write() {
    let (clients, others) = (Authority::root(), Authority::root());
    let mut nginx = Fronted::start(Kind::Nginx, &clients);
    let (world, user) = (nginx.world(Some(&clients.client(|_| ()))), locked_out());
    let proposed = world.propose(&World::proposal(RESTORE, &user)).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    let id = proposed.text("/id");
    nginx.front.reload(&others.pem()).unwrap();
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    ended(&world, &view, "failed", "does not accept the client certificate in `tls/client.pem`");
    let lines = nginx.front.requests();
    assert!(lines.iter().all(|line| line.contains("\"GET ")) && !is_active(&user), "{lines:?}");

    let other = others.client(|_| ());
    install(&world.dir, &other.certificate, &other.key).unwrap();
    thread::sleep(LOOK);
    ended(&world, &run(&world, RESTORE, &user), "verified", "every expectation holds");
    assert!(is_active(&user));
}
