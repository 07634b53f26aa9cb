//! The functions of version 0.2 of the package `deed:adapter`: they convert the types of version 0.2 and call the
//! functions of version 0.1.

use super::Guest;
use crate::bindings::deed::adapter as first;
use crate::bindings::v2::deed::adapter::{http, log, state, types};

impl types::Host for Guest {}

impl http::Host for Guest {
    async fn send(&mut self, request: types::Request) -> Result<http::Response, http::Error> {
        let answer = first::http::Host::send(self, request.into()).await;
        answer.map(Into::into).map_err(Into::into)
    }
}

impl state::Host for Guest {
    fn read(&mut self, name: String, exchange: u32, pointer: String) -> Result<String, String> {
        first::state::Host::read(self, name, exchange, pointer)
    }

    fn derive(&mut self, name: String, value: String, from: Vec<u32>) -> Result<(), String> {
        first::state::Host::derive(self, name, value, from)
    }
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) {
        first::log::Host::write(self, level.into(), message);
    }
}
