//! Host-side bindings of `wit/`, generated at build time for each version of the package. Only the conversions between
//! the versions are handwritten.

/// Version 0.1.
pub(super) mod v1 {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1",
        world: "adapter",
        imports: { "deed:adapter/http.send": async },
        exports: { default: async },
    });
}

/// Version 0.2 of the package, which passes the rendered requests to the guest.
pub(super) mod v2 {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2",
        world: "adapter",
        imports: { "deed:adapter/http.send": async },
        exports: { default: async },
    });
}

pub(super) use self::v1::deed;
use self::v2::deed::adapter as second;

impl From<second::types::Request> for deed::adapter::http::Request {
    fn from(request: second::types::Request) -> Self {
        let second::types::Request { upstream, method, path, headers, body } = request;
        Self { upstream, method, path, headers, body }
    }
}

impl From<deed::adapter::http::Response> for second::http::Response {
    fn from(response: deed::adapter::http::Response) -> Self {
        let deed::adapter::http::Response { exchange, status, headers, body } = response;
        Self { exchange, status, headers, body }
    }
}

impl From<deed::adapter::http::Error> for second::http::Error {
    fn from(error: deed::adapter::http::Error) -> Self {
        use deed::adapter::http::Error as First;
        match error {
            First::Denied(why) => Self::Denied(why),
            First::NotSent(why) => Self::NotSent(why),
            First::NoAnswer(why) => Self::NoAnswer(why),
            First::TooLarge(limit) => Self::TooLarge(limit),
        }
    }
}

impl From<second::types::Failure> for deed::adapter::types::Failure {
    fn from(failure: second::types::Failure) -> Self {
        use second::types::Failure as Second;
        match failure {
            Second::Refused(text) => Self::Refused(text),
            Second::Unavailable(text) => Self::Unavailable(text),
            Second::Unknown(text) => Self::Unknown(text),
            Second::Invalid(text) => Self::Invalid(text),
        }
    }
}

impl From<second::log::Level> for deed::adapter::log::Level {
    fn from(level: second::log::Level) -> Self {
        match level {
            second::log::Level::Debug => Self::Debug,
            second::log::Level::Info => Self::Info,
            second::log::Level::Warn => Self::Warn,
            second::log::Level::Error => Self::Error,
        }
    }
}
