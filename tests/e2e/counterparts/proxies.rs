//! An upstream that only a proxy can find, and what the proxy and the upstream see.

use std::fs;
use std::sync::Arc;
use std::thread;

use deed_test_support::authority::{self, Authority, Shown};
use deed_test_support::shared::{ended, scim};
use deed_tests::connect_proxy::ConnectProxy;
use deed_tests::hostile::Hostile;
use deed_tests::services::ScimServer;
use deed_tests::services::forward_proxy::{Access, ForwardProxy, Kind, Target};
use deed_tests::world::{BOB, World, edit, store};

use super::{LOOK, READ, RESTORE, lead_to, run};

/// The name of the upstream, which exists only for the proxy.
const NAME: &str = "idp.test";
/// The credential of the host for the proxy.
const LOGIN: &str = "proxy_user = \"deed\"\nproxy_secret = \"proxy\"\n";
const USER: &str = "0123456789abcdef0123456789abcdef";

struct Behind {
    upstream: Hostile,
    root: Authority,
    proxy: ForwardProxy,
    /// The proxy to which tinyproxy passes requests on.
    next: ConnectProxy,
}

impl Behind {
    fn start(kind: Kind, access: Access) -> Self {
        let root = Authority::root();
        let certificate = root.leaf(|params| params.subject_alt_names = authority::names(&[NAME]));
        let shown = Arc::new(Shown::new(certificate));
        let upstream = Hostile::secure(authority::server(&shown)).unwrap();
        let next = ConnectProxy::start(upstream.address()).unwrap();
        let target = Target { name: NAME, port: upstream.address().port(), next: next.address() };
        let proxy = ForwardProxy::start(kind, target, access).unwrap();
        Self { upstream, root, proxy, next }
    }

    /// A host that reaches the upstream through the proxy, with these further lines for the upstream.
    fn world(&self, login: &str) -> World {
        World::with(scim(), "scim", |dir| {
            let url = self.upstream.base_url_as(NAME);
            lead_to(dir, &url)?;
            fs::write(dir.join("roots.pem"), self.root.pem())?;
            let head = format!("[tenant.acme.upstream.idp]\nbase_url = \"{url}\"\n");
            let direct = format!("{head}addresses = [\"loopback\"]\n");
            let proxy = format!("proxy = \"http://{}\"\n", self.proxy.address());
            let route = "proxy_addresses = [\"loopback\"]\ntls_roots = \"roots.pem\"\n";
            edit(dir, "deed.toml", &direct, &format!("{head}{proxy}{route}{login}"))?;
            if login.is_empty() {
                return Ok(());
            }
            let table = "[tenant.acme.secret.idp_read]";
            let secret = format!("[tenant.acme.secret.proxy]\nfile = \"secrets/proxy\"\n\n{table}");
            edit(dir, "deed.toml", table, &secret)?;
            store(dir, "proxy", ForwardProxy::PASSWORD)
        })
        .unwrap()
    }

    fn place(&self) -> String {
        format!("{NAME}:{}", self.upstream.address().port())
    }

    /// Checks that the proxy got requests for tunnels to the upstream, and nothing of what went through them.
    fn saw_names_only(&self) {
        let asked = self.proxy.requests();
        let connect = format!("CONNECT {}", self.place());
        assert!(!asked.is_empty() && asked.iter().all(|one| *one == connect), "{asked:?}");
        let logged = self.proxy.logged() + &String::from_utf8_lossy(&self.next.carried());
        let secrets = [ScimServer::READ_TOKEN, ScimServer::WRITE_TOKEN, ForwardProxy::PASSWORD];
        for hidden in [&secrets[..], &[USER, "Bearer", "PATCH"]].concat() {
            assert!(!logged.contains(hidden), "the proxy saw `{hidden}`: {logged}");
        }
        for request in self.upstream.requests() {
            assert_eq!(request.header("proxy-authorization"), None);
            assert_eq!(request.header("via"), None);
            assert_eq!(request.header("host"), Some(self.place().as_str()));
        }
    }
}

pub(super) fn sees_names_only(kind: Kind) {
    let behind = Behind::start(kind, Access::Open);
    let world = behind.world("");
    ended(&world, &run(&world, READ, USER), "verified", "");
    ended(&world, &run(&world, RESTORE, USER), "verified", "every expectation holds");
    assert_eq!(behind.upstream.user(USER)["active"], true);
    assert_eq!(behind.upstream.count("PATCH"), 1);
    behind.saw_names_only();
    assert_eq!(world.leaks(), []);
}

pub(super) fn refuses(kind: Kind) {
    let mut behind = Behind::start(kind, Access::Open);
    let world = behind.world("");
    let of_proxy = "the proxy of upstream `idp`";
    let status = format!("{of_proxy} answered CONNECT with status 403; only 200 opens a tunnel");
    let proposed = world.propose(&World::proposal(RESTORE, USER)).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    let id = proposed.text("/id");
    // In the middle of an action.
    behind.proxy.restart(Access::Closed).unwrap();
    behind.upstream.forget();
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    ended(&world, &world.settled(&id).unwrap(), "failed", "nothing was sent");
    ended(&world, &run(&world, READ, USER), "failed", &status);
    behind.proxy.stop();
    let down = format!("{of_proxy}: no connection");
    ended(&world, &run(&world, READ, USER), "failed", &down);
    assert!(behind.upstream.requests().is_empty(), "a request left");
    behind.proxy.restart(Access::Open).unwrap();
    ended(&world, &run(&world, RESTORE, USER), "verified", "every expectation holds");
}

pub(super) fn asks_for_a_credential(kind: Kind) {
    let behind = Behind::start(kind, Access::Login);
    let world = behind.world("");
    let missing = "asks for a credential (407); set `proxy_user` and `proxy_secret`";
    ended(&world, &run(&world, READ, USER), "failed", missing);
    assert!(behind.upstream.requests().is_empty(), "a request left");

    let world = behind.world(LOGIN);
    ended(&world, &run(&world, READ, USER), "verified", "");
    ended(&world, &run(&world, RESTORE, USER), "verified", "every expectation holds");
    behind.saw_names_only();
    let seen = behind.upstream.requests().len();
    store(&world.dir, "proxy", "another-password-of-the-proxy").unwrap();
    thread::sleep(LOOK);
    let status = if kind == Kind::Tinyproxy { 401 } else { 407 };
    let wrong =
        format!("refused the credential `proxy` ({status}); correct the secret or `proxy_user`");
    ended(&world, &run(&world, READ, USER), "failed", &wrong);
    assert_eq!(behind.upstream.requests().len(), seen, "a request left");
    assert_eq!(world.leaks(), []);
}
