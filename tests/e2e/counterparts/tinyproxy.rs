//! Tunnels of tinyproxy.

use deed_tests::services::forward_proxy::Kind;

use super::proxies;

#[test]
#[ignore = "needs tinyproxy-bin; run `make systems`"]
fn tinyproxy_sees_the_name_and_the_port_and_no_credential() {
    proxies::sees_names_only(Kind::Tinyproxy);
}

#[test]
#[ignore = "needs tinyproxy-bin; run `make systems`"]
fn without_a_tunnel_of_tinyproxy_nothing_is_sent() {
    proxies::refuses(Kind::Tinyproxy);
}

#[test]
#[ignore = "needs tinyproxy-bin; run `make systems`"]
fn tinyproxy_gets_the_credential_that_it_asks_for() {
    proxies::asks_for_a_credential(Kind::Tinyproxy);
}
