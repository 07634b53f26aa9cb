//! Attack: sets headers that only the host may set, that frame the request or that change its method. The guest also
//! hides such headers behind line ends in the value of a header that it may set.

use deed_adapter_sdk::bindings::deed::adapter::http as host;
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::{denied, look, request, restored, user};

const HEADERS: [(&str, &str); 22] = [
    ("authorization", "Bearer forged"),
    ("Authorization", "Basic Zm9yZ2Vk"),
    ("proxy-authorization", "Bearer forged"),
    ("cookie", "session=forged"),
    ("host", "169.254.169.254"),
    ("Host", "elsewhere"),
    (":authority", "elsewhere"),
    ("x-http-method-override", "DELETE"),
    ("X-HTTP-Method", "DELETE"),
    ("x-forwarded-for", "127.0.0.1"),
    ("content-length", "0"),
    ("transfer-encoding", "chunked"),
    ("connection", "keep-alive, authorization"),
    ("upgrade", "h2c"),
    ("expect", "100-continue"),
    ("if-match", "*"),
    ("user-agent", "forged"),
    ("User-Agent", "curl/8.0"),
    ("accept\r\nauthorization", "Bearer forged"),
    ("accept ", "*/*"),
    ("accept\0", "*/*"),
    ("", "nameless"),
];

struct ForgesHeaders;

impl Adapter for ForgesHeaders {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let mut forged = request("PATCH", &user(action)?, Some(restored().to_string()));
        for (name, value) in HEADERS {
            forged.headers = vec![(name.to_owned(), value.to_owned())];
            denied(name, &forged);
        }
        log::info("it asked for all of it");
        // The guest may set `accept` and `Content-Type`, but the host must not send the values that the guest gives
        // them.
        let hidden = "text/html\r\nauthorization: Bearer forged\r\nx-http-method-override: DELETE";
        forged.headers = vec![
            ("accept".to_owned(), hidden.to_owned()),
            ("Content-Type".to_owned(), hidden.to_owned()),
        ];
        host::send(&forged).map(drop).map_err(|error| Failure::Unknown(format!("{error:?}")))
    }
}

export_adapter!(ForgesHeaders);
