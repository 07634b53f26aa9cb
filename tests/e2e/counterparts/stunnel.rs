//! Client certificates in front of stunnel, which ends a connection with an alert if it does not accept a client.

use deed_test_support::authority::Authority;
use deed_test_support::shared::{ended, is_active, locked_out};
use deed_tests::services::tls_front::Kind;

use super::{Fronted, READ, RESTORE, run};

#[test]
#[ignore = "needs stunnel4; run `make systems`"]
fn only_a_certificate_of_the_right_authority_is_accepted() {
    let (clients, others) = (Authority::root(), Authority::root());
    let stunnel = Fronted::start(Kind::Stunnel, &clients);
    let user = locked_out();
    let foreign = others.client(|_| ());
    for (client, logged, words) in [
        (None, "peer did not return a certificate", "it requires a client certificate; set"),
        (
            Some(&foreign),
            "certificate verify failed",
            "it does not accept the client certificate in `tls/client.pem`",
        ),
    ] {
        let world = stunnel.world(client);
        ended(&world, &run(&world, READ, &user), "failed", words);
        ended(&world, &run(&world, RESTORE, &user), "failed", "nothing was sent");
        let said = stunnel.front.said();
        assert!(said.contains(logged) && !said.contains("Certificate accepted"), "{said}");
    }
    assert!(!is_active(&user));

    let world = stunnel.world(Some(&clients.client(|_| ())));
    ended(&world, &run(&world, READ, &user), "verified", "");
    ended(&world, &run(&world, RESTORE, &user), "verified", "every expectation holds");
    assert!(is_active(&user) && stunnel.front.said().contains("Certificate accepted"));
    assert_eq!(world.leaks(), []);
}
