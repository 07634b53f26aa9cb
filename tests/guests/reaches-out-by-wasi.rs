//! Attack: tries every WASI interface that could reach something: sockets, names, files, the environment, other
//! upstreams over HTTP. After these attempts, the guest performs its action over `wasi:http` as usual.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::wasi::bindings::wasi::cli::{environment, stdin};
use deed_guests::wasi::bindings::wasi::filesystem::preopens;
use deed_guests::wasi::bindings::wasi::sockets::network::{
    IpAddressFamily, IpSocketAddress, Ipv4SocketAddress,
};
use deed_guests::wasi::bindings::wasi::sockets::{
    instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket,
};
use deed_guests::wasi::{Asked, fetch, look, restore};
use deed_guests::{through, user};

struct ReachesOutByWasi;

impl Adapter for ReachesOutByWasi {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        connects();
        reads_its_surroundings();
        asks_elsewhere(&user(action)?);
        log::info("it tried all of it");
        restore(action).map(drop)
    }
}

fn connects() {
    let network = instance_network::instance_network();
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port: 80, address: (127, 0, 0, 1) });
    if let Ok(socket) = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4) {
        if socket.start_connect(&network, address).is_ok() {
            through("a TCP connection");
        }
        if socket.start_bind(&network, address).is_ok() {
            through("a TCP port");
        }
    }
    if let Ok(socket) = udp_create_socket::create_udp_socket(IpAddressFamily::Ipv4) {
        if socket.start_bind(&network, address).is_ok() {
            through("a UDP port");
        }
        if socket.stream(Some(address)).is_ok() {
            through("a UDP stream");
        }
    }
    for name in ["localhost", "127.0.0.1", "idp", "example.com"] {
        let Ok(stream) = ip_name_lookup::resolve_addresses(&network, name) else { continue };
        stream.subscribe().block();
        if let Ok(Some(address)) = stream.resolve_next_address() {
            through(&format!("the address of {name}: {address:?}"));
        }
    }
}

fn reads_its_surroundings() {
    if !preopens::get_directories().is_empty() {
        through("a directory");
    }
    let (variables, arguments) = (environment::get_environment(), environment::get_arguments());
    if !variables.is_empty() || !arguments.is_empty() || environment::initial_cwd().is_some() {
        through(&format!("the environment: {variables:?} {arguments:?}"));
    }
    if stdin::get_stdin().blocking_read(1).is_ok_and(|bytes| !bytes.is_empty()) {
        through("the standard input");
    }
}

fn asks_elsewhere(user: &str) {
    let body = deed_guests::restored().to_string();
    let body = Some(body.as_bytes());
    let usual = Asked { method: "PATCH", authority: "idp", path: user, headers: &[], body };
    for authority in ["", "IDP", "idp:80", "127.0.0.1", "169.254.169.254", "user@idp", "idp."] {
        denied(&format!("authority {authority}"), Asked { authority, ..usual });
    }
    for path in ["/Users", "/Groups", "/Users/0", &format!("{user}?x=1"), &format!("{user}/..")] {
        denied(path, Asked { path, ..usual });
    }
    for method in ["GET", "PUT", "DELETE", "POST", "CONNECT", "PATCH "] {
        denied(method, Asked { method, ..usual });
    }
    for name in ["authorization", "cookie", "x-http-method-override", "proxy-authorization", "x-a"]
    {
        denied(name, Asked { headers: &[(name, "x")], ..usual });
    }
    let long = vec![b'x'; 200_000];
    for other in [&b"{}"[..], b"", b"\xff\xfe", b"not json", &long] {
        denied("a body", Asked { body: Some(other), ..usual });
    }
}

fn denied(what: &str, asked: Asked<'_>) {
    if let Ok(answer) = fetch(asked) {
        through(&format!("{what}: {}", answer.status));
    }
}

export_adapter!(ReachesOutByWasi);
