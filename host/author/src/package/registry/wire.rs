//! Requests to a registry: which addresses are allowed, one request, and bounded answers.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use deed_spec::json;
use serde_json::Value;
use ureq::http::{Request, Response, Uri};
use ureq::{Agent, AsSendBody, Body, Error, Timeout};

use crate::package::short;

const CONNECT: Duration = Duration::from_secs(10);
/// How long one request may take, including a download of 64 MiB over a slow line.
const REQUEST: Duration = Duration::from_mins(10);
/// How long all requests of one command may take together, so that a registry cannot hold the command by many slow
/// answers.
const COMMAND: Duration = Duration::from_mins(15);
const SLOW: &str = "the registry is too slow: a request may take 10 minutes, and all requests of a command 15 minutes; \
                    try again later";
/// How much of an error's body is read, and how much of its text is shown.
const REASON_MAX: u64 = 64 << 10;
const SHOWN: usize = 300;

/// The scheme and authority of a registry.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    scheme: &'static str,
    authority: String,
}

impl Origin {
    /// The origin of a registry: plain HTTP if it is on this machine, TLS otherwise.
    pub(super) fn of(host: &str) -> Result<Self, String> {
        let uri = format!("http://{host}/").parse::<Uri>().map_err(|error| error.to_string())?;
        let scheme = if is_loopback(&uri) { "http" } else { "https" };
        Ok(Self { scheme, authority: host.to_owned() })
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The address of a path on the registry itself.
    pub(super) fn join(&self, path: &str) -> Result<Uri, String> {
        let text = format!("{}://{}{path}", self.scheme, self.authority);
        text.parse().map_err(|error| format!("`{}` is not an address: {error}", short::part(&text)))
    }

    /// An address that the registry named. It must have the registry's scheme, and plain HTTP stays on this machine.
    pub(super) fn admit(&self, text: &str) -> Result<Uri, String> {
        let uri = text.parse::<Uri>();
        // Only the beginning of the address is quoted.
        let text = short::part(text);
        let uri = uri.map_err(|error| format!("`{text}` is not an address: {error}"))?;
        if uri.authority().is_some_and(|one| one.as_str().contains('@')) {
            return Err(format!(
                "the registry names `{text}`; an address must not have a user name"
            ));
        }
        if uri.scheme_str() != Some(self.scheme) {
            return Err(format!(
                "the registry names `{text}`; only addresses with `{}://` are used",
                self.scheme
            ));
        }
        if is_loopback(&uri) != (self.scheme == "http") {
            return Err(format!(
                "the registry names `{text}`, which is {}",
                if is_loopback(&uri) { "on this machine" } else { "on another machine" }
            ));
        }
        Ok(uri)
    }

    /// Whether an address is on the registry itself.
    pub(super) fn is_of(&self, uri: &Uri) -> bool {
        uri.authority().is_some_and(|one| one.as_str().eq_ignore_ascii_case(&self.authority))
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An HTTP client that follows no redirects and uses no proxy. Its requests together have one deadline.
#[derive(Debug)]
pub(super) struct Wire {
    agent: Agent,
    deadline: Instant,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self::within(COMMAND)
    }

    fn within(time: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("deed/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), deadline: Instant::now() + time }
    }

    pub(super) fn send(
        &self,
        method: &str,
        uri: &Uri,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response<Body>, String> {
        let mut request = Request::builder().method(method).uri(uri.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // A download has no body at all, because some servers refuse one even if it is empty.
        if matches!(method, "GET" | "HEAD") {
            self.run(request.body(()).map_err(|error| error.to_string())?)
        } else {
            self.run(request.body(body).map_err(|error| error.to_string())?)
        }
    }

    /// Sends a request. The time limit includes the body of the answer.
    fn run(&self, request: Request<impl AsSendBody>) -> Result<Response<Body>, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(SLOW.to_owned());
        }
        let limit = Some(left.min(REQUEST));
        let request = self.agent.configure_request(request).timeout_global(limit).build();
        self.agent.run(request).map_err(|error| match error {
            Error::Timeout(Timeout::Connect) => {
                format!("no connection within {} seconds", CONNECT.as_secs())
            }
            Error::Timeout(_) => SLOW.to_owned(),
            error => format!("no answer: {error}"),
        })
    }
}

/// The body of an answer, of at most `max` bytes.
pub(super) fn read(answer: &mut Response<Body>, max: u64) -> Result<Vec<u8>, String> {
    // The limit of the reader is exclusive.
    let limit = max.saturating_add(1);
    match answer.body_mut().with_config().limit(limit).read_to_vec() {
        Ok(bytes) => Ok(bytes),
        Err(Error::BodyExceedsLimit(_)) => {
            Err(format!("the answer of the registry has more than {max} bytes"))
        }
        Err(Error::Timeout(_)) => Err(SLOW.to_owned()),
        Err(error) => Err(format!("the answer of the registry broke off: {error}")),
    }
}

/// The registry's own reason of an error, as it ends a line; empty if it gives none.
pub(super) fn reason(answer: &mut Response<Body>) -> String {
    let body = read(answer, REASON_MAX).unwrap_or_default();
    let problem = json::parse(&body).unwrap_or_default();
    let part = |name: &str| {
        let text = problem.pointer(&format!("/errors/0/{name}")).and_then(Value::as_str);
        text.unwrap_or_default().chars().take(SHOWN).collect::<String>()
    };
    match (part("code"), part("message")) {
        (code, message) if code.is_empty() && message.is_empty() => String::new(),
        (code, message) if message.is_empty() => format!(" ({code})"),
        (code, message) => format!(" ({code}: {message})"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// The address of a server whose answers take hours: one byte every 20 ms.
    fn slow() -> Uri {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut sent =
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n");
                while sent.is_ok() {
                    thread::sleep(Duration::from_millis(20));
                    sent = stream.write_all(b"x");
                }
            }
        });
        uri.parse().unwrap()
    }

    #[test]
    fn all_requests_of_a_command_have_one_deadline() {
        let (uri, began) = (slow(), Instant::now());
        let wire = Wire::within(Duration::from_secs(2));
        let mut answer = wire.send("GET", &uri, &[], &[]).unwrap();
        assert_eq!(read(&mut answer, 1 << 20), Err(SLOW.to_owned()));
        for method in ["GET", "PUT"] {
            assert_eq!(wire.send(method, &uri, &[], &[]).err(), Some(SLOW.to_owned()));
        }
        assert!(began.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn errors_quote_only_the_beginning_of_an_address() {
        let origin = Origin::of("registry.example").unwrap();
        let long = "x".repeat(50_000);
        for text in [format!("http://registry.example/{long}"), format!("https://{long}")] {
            assert!(origin.admit(&text).map_or_else(|why| why.len(), |_| 0) < 500);
        }
        assert!(origin.admit(&"\n".repeat(50_000)).unwrap_err().len() < 500);
    }

    #[test]
    fn addresses_keep_the_scheme_of_the_registry() {
        let far = Origin::of("registry.example").unwrap();
        assert_eq!(far.join("/v2/").unwrap().to_string(), "https://registry.example/v2/");
        for (text, fits) in [
            ("https://tokens.example/t?x=1", true),
            ("http://registry.example/x", false),
            ("https://127.0.0.1/x", false),
            ("https://localhost:1/x", false),
            ("https://registry.example@tokens.example/x", false),
            ("file:///etc/passwd", false),
            ("//registry.example/x", false),
            ("", false),
        ] {
            assert_eq!(far.admit(text).is_ok(), fits, "{text}");
        }
        let near = Origin::of("127.0.0.1:5000").unwrap();
        assert_eq!(near.join("/v2/").unwrap().to_string(), "http://127.0.0.1:5000/v2/");
        for (text, fits) in [
            ("http://127.0.0.1:5001/t", true),
            ("http://[::1]:5001/t", true),
            ("http://10.0.0.1/t", false),
            ("http://127.0.0.1@registry.example/t", false),
            ("https://127.0.0.1/t", false),
        ] {
            assert_eq!(near.admit(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn only_the_registry_itself_gets_credentials() {
        let origin = Origin::of("registry.example:5000").unwrap();
        for (text, same) in [
            ("https://registry.example:5000/u", true),
            ("https://REGISTRY.example:5000/u", true),
            ("https://registry.example/u", false),
            ("https://registry.example:5000@evil.example/u", false),
        ] {
            assert_eq!(origin.is_of(&text.parse().unwrap()), same, "{text}");
        }
    }
}
