//! Tests of the console in a real browser, which need the Debian packages `chromium` and `chromium-driver`, and `nginx`
//! for `proxy`. The checks for barriers are those of axe-core in `target/axe`.

mod axe;
mod edits;
mod keyboard;
mod pages;
mod passkeys;
mod pictures;
mod proxy;
mod scenes;
mod sessions;
mod verifier;

use std::ops::Deref;

use deed_tests::services::chromium::Chromium;
use deed_tests::world::{BOB, World};

/// What the browser reports about pages without a fault: that an answer was not 2xx, as those of refusals; and that a
/// passkey is requested without RS256, which the host does not accept.
const EXPECTED: [&str; 2] = [
    "the server responded with a status of",
    "pubKeyCredParams is missing at least one of the default",
];

/// A browser in front of one host.
struct Visitor {
    window: Chromium,
    /// The origin of the host as people type it: a passkey belongs to a name and not to an IP address.
    origin: String,
}

impl Deref for Visitor {
    type Target = Chromium;

    fn deref(&self) -> &Chromium {
        &self.window
    }
}

impl Visitor {
    /// A browser in which nobody is signed in.
    fn of(world: &World) -> Self {
        let origin = world.url().replace("127.0.0.1", "localhost");
        Self { window: Chromium::start().unwrap(), origin }
    }

    /// A browser in which bob is signed in.
    fn bob(world: &World) -> Self {
        let visitor = Self::of(world);
        visitor.enter("bob", BOB);
        visitor
    }

    fn open(&self, path: &str) {
        self.goto(&format!("{}{path}", self.origin)).unwrap();
    }

    /// The path of the page, with its query and fragment.
    fn place(&self) -> String {
        let address = self.address().unwrap();
        address.strip_prefix(&self.origin).unwrap_or(&address).to_owned()
    }

    /// Signs in with the form, as people do.
    fn enter(&self, name: &str, token: &str) {
        self.open("/sign-in");
        self.submit(name, token);
        self.wait_for("header nav").unwrap();
    }

    fn submit(&self, name: &str, token: &str) {
        self.find("#name").unwrap().write(name).unwrap();
        self.find("#token").unwrap().write(token).unwrap();
        self.find("main button").unwrap().click().unwrap();
    }

    /// Checks that since the last check the browser has reported nothing, such as a violation of the policy of a page,
    /// and has requested nothing from other sites.
    fn is_clean(&self, place: &str) {
        let mut log = self.log().unwrap();
        log.retain(|entry| !EXPECTED.iter().any(|expected| entry.message.contains(expected)));
        assert!(log.is_empty(), "{place}: {log:#?}");
        let mut requests = self.requests().unwrap();
        assert!(!requests.is_empty(), "{place}: the browser reports its requests");
        let own = format!("{}/", self.origin);
        requests.retain(|url| !url.starts_with(&own));
        assert!(requests.is_empty(), "{place}: {requests:#?}");
    }
}
