//! Fixture of the walk: a served directory, a system of record that counts writes, and a clock that can jump. The
//! fixture starts, kills and stops the host, and checks the host's files whenever the host is down.

use std::fs;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use deed_tests::home::Home;
use deed_tests::layout;
use deed_tests::record::{Record, contracts};
use deed_tests::services::Result;

use crate::walk::AGENTS;

pub(crate) struct Fixture {
    pub(crate) record: Record,
    pub(crate) home: Home,
    /// The base URL of the host; empty while no host runs.
    url: RwLock<String>,
    clock: PathBuf,
    /// How many milliseconds the system clock is ahead of the true time: the present value, and the largest value since
    /// the start of the walk.
    offset_ms: i64,
    furthest_ms: i64,
    /// Files with all checkpoints of the log that were public at some time.
    seen: Vec<PathBuf>,
    pub(crate) kills: usize,
    pub(crate) stops: usize,
    pub(crate) jumps: usize,
    /// The faults found in the served directory while the host was down.
    pub(crate) findings: Vec<String>,
}

/// The token of an agent.
pub(crate) fn token(agent: usize) -> String {
    format!("deed_token-of-the-walking-agent-number-{agent}")
}

impl Fixture {
    pub(crate) fn make() -> Result<Self> {
        let record = Record::start()?;
        let home = Home::new("soak");
        contracts::lay_out(&home.dir, &record.base_url())?;
        add_agents_and_a_read(&home)?;
        home.trust()?;
        let clock = home.dir.join("clock");
        let mut fixture = Self {
            record,
            home,
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
        fixture.set_clock(0)?;
        fixture.start()?;
        Ok(fixture)
    }

    pub(crate) fn url(&self) -> String {
        self.url.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn say(&self, url: &str) {
        url.clone_into(&mut self.url.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The host must refuse a clock that is behind its journal, so a person corrects the clock before the start.
    pub(crate) fn start(&mut self) -> Result<()> {
        if self.offset_ms < self.furthest_ms {
            self.set_clock(self.furthest_ms)?;
        }
        let clock = self.clock.to_string_lossy().into_owned();
        self.home.serve_with(&[("DEED_TEST_CLOCK", &clock)])?;
        self.say(self.home.url());
        Ok(())
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.say("");
        self.kills += 1;
        self.home.kill()
    }

    pub(crate) fn stop(&mut self) -> Result<()> {
        self.stops += 1;
        if !self.home.stop()? {
            self.findings.push("SIGTERM did not stop the host in order".to_owned());
        }
        self.say("");
        Ok(())
    }

    pub(crate) fn jump(&mut self, by_ms: i64) -> Result<()> {
        self.jumps += 1;
        // A forward jump starts from the furthest time so far, so that backward jumps do not add up.
        let base = if by_ms > 0 { self.furthest_ms } else { self.offset_ms };
        self.set_clock(base + by_ms)
    }

    /// Corrects a clock that was set back: sets it to the furthest time so far.
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

    /// Checks the files that a host left: journal, index, receipts and log must agree, and the log must be consistent
    /// with every checkpoint that was public.
    pub(crate) fn check(&mut self) -> Result<()> {
        let seen = self.seen.iter().rev().take(3).cloned().collect::<Vec<_>>();
        for wrong in [self.home.check()?, self.home.audit(&seen)?].into_iter().flatten() {
            self.findings.push(format!("after death {}: {wrong}", self.deaths()));
        }
        self.seen.extend(self.home.keep_checkpoint(&format!("since-{}", self.deaths()))?);
        Ok(())
    }

    fn deaths(&self) -> usize {
        self.kills + self.stops
    }
}

fn add_agents_and_a_read(home: &Home) -> Result<()> {
    let dir = &home.dir;
    contracts::add_a_read(dir)?;
    let mut toml = fs::read_to_string(dir.join("deed.toml"))?;
    toml += "\n[tenant.acme.grant.\"crash.set_read\"]\nupstreams = [\"record\"]\n";
    for agent in 0..AGENTS {
        let hash = layout::hash(&token(agent));
        let agent = format!("\n[tenant.acme.agent.walker-{agent}]\nperson = \"alice\"\n");
        toml.extend([agent, format!("roles = [\"helpdesk\"]\ntoken = \"{hash}\"\n")]);
    }
    fs::write(dir.join("deed.toml"), toml)?;
    home.pin()
}
