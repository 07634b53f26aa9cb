//! A real browser: Chromium from the Debian packages `chromium` and `chromium-driver`, driven over WebDriver. Each value
//! has a driver and a browser of its own, with a profile in a temporary directory, and resolves no name but `localhost`
//! and those of a [`Site`].
//!
//! `browser::Browser` is the browser without scripts, which needs no package.

mod element;
mod passkeys;
mod session;
mod view;
mod watch;

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

pub use self::element::{Element, keys};
pub use self::passkeys::Authenticator;
pub use self::session::Session;
pub use self::view::{DESK, PHONE, Scheme};
pub use self::watch::Entry;
use super::process::{Folder, Process, attempts};
use super::web_front::Site;
use super::{Result, agent, free_address};

const BROWSER: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

/// With a pipe to its driver, the browser ends when the driver ends in any way. The sandbox of Chromium does not run as
/// root, and the pages are those of the host.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// The names that the browser resolves. All others do not exist.
const RESOLVED: &str = "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1";

/// A browser with one window. Dropping this value ends the browser and removes its files.
#[derive(Debug)]
pub struct Chromium {
    /// The fields are dropped in this order: the browser closes, its driver ends, and the files are removed.
    session: Session,
    _driver: Process,
    _folder: Folder,
}

impl Chromium {
    /// Whether the browser and its driver are installed.
    pub fn installed() -> bool {
        [BROWSER, DRIVER].iter().all(|program| Path::new(program).exists())
    }

    /// Starts a driver and a browser.
    pub fn start() -> Result<Self> {
        Self::start_with(&[format!("--host-resolver-rules={RESOLVED}")])
    }

    /// Starts a browser that resolves the names of this site as well, and trusts its key for them. The browser checks
    /// everything else of https as it always does.
    pub fn before(site: &Site) -> Result<Self> {
        let rules: Vec<String> =
            site.places().iter().map(|(name, at)| format!("MAP {name} {at}, ")).collect();
        Self::start_with(&[
            format!("--host-resolver-rules={}{RESOLVED}", rules.concat()),
            format!("--ignore-certificate-errors-spki-list={}", site.key),
        ])
    }

    fn start_with(more: &[String]) -> Result<Self> {
        if !Self::installed() {
            return Err(
                "`chromium` and `chromedriver` are not installed; run `make systems`".into()
            );
        }
        attempts(|| Self::try_start(more))
    }

    fn try_start(more: &[String]) -> Result<Self> {
        let address = free_address()?;
        let folder = Folder::new(&format!("deed-chromium-{}", address.port()))?;
        let log = folder.0.join("driver.log");
        let mut command = Command::new(DRIVER);
        command.arg(format!("--port={}", address.port())).current_dir(&folder.0);
        for variable in ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"] {
            command.env(variable, &folder.0);
        }
        let mut driver = Process::start(&mut command, &log)?;
        driver.wait_until(|| is_ready(address), &log)?;
        let session = Session::begin(address, &capabilities(&folder.0.join("profile"), more))?;
        Ok(Self { session, _driver: driver, _folder: folder })
    }
}

impl Deref for Chromium {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let answer = agent().get(format!("http://{address}/status")).call();
    answer.is_ok_and(|answer| answer.status() == 200)
}

fn capabilities(profile: &Path, more: &[String]) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    let more = more.iter().map(String::as_str);
    let arguments: Vec<&str> =
        ARGUMENTS.into_iter().chain([profile.as_str()]).chain(more).collect();
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "unhandledPromptBehavior": "ignore",
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        "goog:chromeOptions": {"binary": BROWSER, "args": arguments},
    }}})
}
