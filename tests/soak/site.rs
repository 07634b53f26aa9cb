//! The host of the walk and everything around it: a served directory, the counting record, a clock that
//! can jump. Starts, kills and stops the host, and has it checked whenever it is down.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use deed_spec::digest::Digest;
use deed_tests::host::{self, Host};
use deed_tests::record::{Record, desk};
use deed_tests::services::Result;

use crate::walk::AGENTS;

const LOG: &str = "state/log/acme";

pub(crate) struct Site {
    pub(crate) record: Record,
    pub(crate) dir: PathBuf,
    host: Option<Host>,
    /// Where the host answers; empty while there is none.
    url: RwLock<String>,
    clock: PathBuf,
    /// How far the system's clock is ahead, now and at most.
    offset_ms: i64,
    furthest_ms: i64,
    /// Checkpoints that anybody could have fetched.
    seen: Vec<PathBuf>,
    pub(crate) kills: usize,
    pub(crate) stops: usize,
    pub(crate) jumps: usize,
    /// What was found in the directory of a dead host.
    pub(crate) findings: Vec<String>,
}

/// The token of an agent.
pub(crate) fn token(agent: usize) -> String {
    format!("deed_token-of-the-walking-agent-number-{agent}")
}

impl Site {
    pub(crate) fn make() -> Result<Self> {
        let record = Record::start()?;
        let dir = std::env::temp_dir().join(format!("deed-soak-{}", std::process::id()));
        desk::lay_out(&dir, &record.base_url())?;
        add_agents_and_a_read(&dir)?;
        desk::trust(&dir)?;
        let clock = dir.join("clock");
        let mut site = Self {
            record,
            dir,
            host: None,
            url: RwLock::default(),
            clock,
            offset_ms: 0,
            furthest_ms: 0,
            seen: vec![],
            kills: 0,
            stops: 0,
            jumps: 0,
            findings: vec![],
        };
        site.set_clock(0)?;
        site.start()?;
        Ok(site)
    }

    pub(crate) fn url(&self) -> String {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn say(&self, url: &str) {
        url.clone_into(&mut self.url.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// A host refuses a clock behind its journal, as it must: a person sets it right before the start.
    pub(crate) fn start(&mut self) -> Result<()> {
        if self.offset_ms < self.furthest_ms {
            self.set_clock(self.furthest_ms)?;
        }
        let clock = self.clock.to_string_lossy().into_owned();
        let host = Host::serve_with(&self.dir, &[("DEED_TEST_CLOCK", &clock)])?;
        self.say(&host.url);
        self.host = Some(host);
        Ok(())
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.say("");
        self.kills += 1;
        match self.host.take() {
            Some(host) => host.kill(),
            None => Ok(()),
        }
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        self.stops += 1;
        if let Some(host) = self.host.take()
            && !host.stop()?
        {
            self.findings.push("SIGTERM did not end the host in order".to_owned());
        }
        self.say("");
        Ok(())
    }

    pub(crate) fn jump(&mut self, by_ms: i64) -> Result<()> {
        self.jumps += 1;
        // Nobody sets a clock back for ever: the next one goes on from where it was.
        let base = if by_ms > 0 { self.furthest_ms } else { self.offset_ms };
        self.set_clock(base + by_ms)
    }

    /// The system's clock is right again.
    pub(crate) fn right(&mut self) -> Result<()> {
        self.set_clock(self.furthest_ms)
    }

    fn set_clock(&mut self, offset_ms: i64) -> Result<()> {
        self.offset_ms = offset_ms;
        self.furthest_ms = self.furthest_ms.max(offset_ms);
        let new = self.clock.with_extension("new");
        fs::write(&new, offset_ms.to_string())?;
        Ok(fs::rename(new, &self.clock)?)
    }

    /// What a dead host left: journal, index, receipts and log must agree, and the log must have grown out
    /// of all that was public.
    pub(crate) fn check(&mut self) -> Result<()> {
        let path = |name: &str| self.dir.join(name).to_string_lossy().into_owned();
        let mut audit =
            ["log", "audit", &path(LOG), "--trust", &path("trust")].map(str::to_owned).to_vec();
        for seen in self.seen.iter().rev().take(3) {
            audit.extend(["--since".to_owned(), seen.to_string_lossy().into_owned()]);
        }
        let check = ["journal", "check", &path("")].map(str::to_owned).to_vec();
        for args in [check, audit] {
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let output = host::run(&args, "")?;
            if !output.status.success() {
                let said = [output.stdout, output.stderr].concat();
                let said = String::from_utf8_lossy(&said).into_owned();
                self.findings.push(format!(
                    "after death {}: `deed {}`: {said}",
                    self.deaths(),
                    args[0]
                ));
            }
        }
        let since = self.dir.join(format!("since-{}", self.deaths()));
        match fs::copy(self.dir.join(LOG).join("checkpoint"), &since) {
            Ok(_) => self.seen.push(since),
            // A host that died at its very start has published nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn deaths(&self) -> usize {
        self.kills + self.stops
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.host = None;
        if std::env::var_os("KEEP").is_none() {
            fs::remove_dir_all(&self.dir).ok();
        }
    }
}

fn add_agents_and_a_read(dir: &Path) -> Result<()> {
    desk::add_a_read(dir)?;
    let mut toml = fs::read_to_string(dir.join("deed.toml"))?;
    toml += "\n[tenant.acme.grant.\"crash.set_read\"]\nupstreams = [\"record\"]\n";
    for agent in 0..AGENTS {
        let hash = Digest::of(token(agent).as_bytes());
        let agent = format!("\n[tenant.acme.agent.walker-{agent}]\nperson = \"alice\"\n");
        toml.extend([agent, format!("roles = [\"helpdesk\"]\ntoken = \"{hash}\"\n")]);
    }
    fs::write(dir.join("deed.toml"), toml)?;
    host::expect(&["pin", &dir.to_string_lossy()])?;
    Ok(())
}
