//! WASI as language toolchains use it, and a small HTTP client on `wasi:http`.

#[expect(clippy::pedantic, reason = "generated code")]
pub mod bindings {
    wit_bindgen::generate!({
        // Each package after those that it uses.
        path: [
            "../../wit/wasi/io.wit",
            "../../wit/wasi/clocks.wit",
            "../../wit/wasi/random.wit",
            "../../wit/wasi/filesystem.wit",
            "../../wit/wasi/sockets.wit",
            "../../wit/wasi/cli.wit",
            "../../wit/wasi/http",
            "wit",
        ],
        world: "deed:guests/toolchain",
        generate_all,
    });
}

use deed_adapter_sdk::{Action, Failure, state};

use self::bindings::wasi::http::outgoing_handler;
use self::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};

/// A request as an HTTP client describes it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    pub authority: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Option<&'a [u8]>,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The number of the exchange within the run.
    pub exchange: Option<u32>,
    pub body: Vec<u8>,
}

/// The reading of a user over `wasi:http`, which becomes the state `user`.
pub fn look(action: &Action) -> Result<(), Failure> {
    let path = crate::user(action)?;
    let asked = Asked { method: "GET", authority: "idp", path: &path, headers: &[], body: None };
    let answer = fetch(asked).map_err(|error| Failure::Unavailable(format!("{error:?}")))?;
    let exchange = answer.exchange.ok_or_else(|| Failure::Invalid("no exchange".into()))?;
    state::read("user", exchange, "").map(drop)
}

/// The only write of the contract over `wasi:http`, as an ordinary client sends it.
pub fn restore(action: &Action) -> Result<Answer, Failure> {
    let (path, body) = (crate::user(action)?, crate::restored().to_string());
    let headers = [("user-agent", "client/1.0"), ("content-type", "application/json")];
    let asked = Asked {
        method: "PATCH",
        authority: "idp",
        path: &path,
        headers: &headers,
        body: Some(body.as_bytes()),
    };
    fetch(asked).map_err(|error| Failure::Unknown(format!("{error:?}")))
}

/// Sends one request and reads the whole answer.
pub fn fetch(asked: Asked<'_>) -> Result<Answer, ErrorCode> {
    let request = request(&asked)?;
    let body = asked.body.map(|bytes| (request.body(), bytes));
    let future = outgoing_handler::handle(request, None)?;
    if let Some((Ok(body), bytes)) = body {
        write(&body, bytes)?;
        OutgoingBody::finish(body, None)?;
    }
    future.subscribe().block();
    let response = future.get().and_then(Result::ok).ok_or(ErrorCode::HttpProtocolError)??;
    Ok(Answer { status: response.status(), exchange: exchange(&response), body: read(&response) })
}

/// Builds a request without its body. Fails with the code of the first part that the host refuses.
pub fn request(asked: &Asked<'_>) -> Result<OutgoingRequest, ErrorCode> {
    let fields = Fields::new();
    for (name, value) in asked.headers {
        fields.append(name, value.as_bytes()).map_err(|_| ErrorCode::HttpRequestDenied)?;
    }
    let request = OutgoingRequest::new(fields);
    let method = match asked.method {
        "GET" => Method::Get,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    };
    let set = request
        .set_method(&method)
        .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
        .and_then(|()| request.set_authority(Some(asked.authority)))
        .and_then(|()| request.set_path_with_query(Some(asked.path)));
    set.map(|()| request).map_err(|()| ErrorCode::HttpRequestUriInvalid)
}

/// Writes a body in the small pieces that client libraries write.
pub fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), ErrorCode> {
    let stream = body.write().map_err(|()| ErrorCode::HttpProtocolError)?;
    for piece in bytes.chunks(4096) {
        stream.blocking_write_and_flush(piece).map_err(|_| ErrorCode::ConnectionTerminated)?;
    }
    Ok(())
}

fn exchange(response: &IncomingResponse) -> Option<u32> {
    let values = response.headers().get("deed-exchange");
    String::from_utf8(values.into_iter().next()?).ok()?.parse().ok()
}

fn read(response: &IncomingResponse) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Ok(body) = response.consume() else { return bytes };
    let Ok(stream) = body.stream() else { return bytes };
    while let Ok(part) = stream.blocking_read(64 << 10) {
        bytes.extend(part);
    }
    bytes
}
