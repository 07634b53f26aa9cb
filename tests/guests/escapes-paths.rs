//! Attack: writes its path and method so that a lenient parser would read a different path or method: dots, escapes,
//! doubled slashes, backslashes, NUL, whole URLs, line ends, other letter case.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::{denied, look, request, restore, restored, user};

/// `@` stands for the id of the action's user.
const PATHS: [&str; 26] = [
    "/Users/../Users/@",
    "/Users/./@",
    "/Users/@/../../Groups",
    "/Users/%2e%2e/Users/@",
    "/Users/%2E%2E%2FUsers%2F@",
    "/Users%2f@",
    "/Users%2F@",
    "/Users%252f@",
    "//Users/@",
    "/Users//@",
    "/Users/@//",
    "/Users/@;admin=true",
    "/Users;x/@",
    "\\Users\\@",
    "/Users\\@",
    "/Users/@\\..\\..",
    "/Users/@\0",
    "/Users/\0@",
    "/Users/@%00",
    "http://127.0.0.1/v2/Users/@",
    "http://169.254.169.254/latest/meta-data",
    "//169.254.169.254/Users/@",
    "@169.254.169.254/",
    "/Users/@ HTTP/1.1\r\nhost: elsewhere\r\n\r\nDELETE /Users/@",
    "/Users/@\r\nx: y",
    "/Users/@\n",
];

const METHODS: [&str; 10] = [
    "patch",
    "Patch",
    "PATCH ",
    " PATCH",
    "PATCH\0",
    "PATCH\r\n",
    "PATCH /Users HTTP/1.1\r\nx:",
    "CONNECT",
    "",
    "PATCH\u{200b}",
];

struct EscapesPaths;

impl Adapter for EscapesPaths {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let body = || Some(restored().to_string());
        for path in PATHS {
            let path = path.replace('@', action.text("user_id")?);
            denied(&path, &request("PATCH", &path, body()));
            denied(&path, &request("CONNECT", &path, None));
        }
        for method in METHODS {
            denied(method, &request(method, &user(action)?, body()));
        }
        log::info("it asked for all of it");
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(EscapesPaths);
