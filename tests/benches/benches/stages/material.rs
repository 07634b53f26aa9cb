//! The records of one action that the real host carried out with an approval, and the host's served directory.
//!
//! The records are made again on every startup of the benchmark, so that their format is never older than the code.
//! Ids, keys and times differ from run to run, but their lengths do not.

use std::fs;
use std::path::{Path, PathBuf};

use deed_host::config::{self, Config, Granted, Tenant};
use deed_record::bundle::Files;
use deed_record::lifecycle::event::Entry;
use deed_record::lifecycle::story::Story;
use deed_record::policy::{Facts, Snapshot};
use deed_store::journal;
use deed_store::store::Store as _;
use deed_tests::services::{Result, ScimServer};
use deed_tests::world::World;
use deed_verify::Trust;
use ed25519_dalek::SigningKey;
use serde_json::Value;

/// The proposing agent in a [`World`], and the agent's tenant and person.
pub(crate) const TENANT: &str = "acme";
pub(crate) const AGENT: &str = "helpdesk";
pub(crate) const PERSON: &str = "alice";
const CONTRACT: &str = "idp.restore_access";

/// One warm-up and 20 repetitions, which is the longer run of a stage whose shorter run has 10 repetitions.
const FRESH: usize = 21;

const BODY: &str = "bench/proposal.json";
const EVENTS: &str = "bench/events.jsonl";
const BUNDLE: &str = "bench/action.deed";

/// The files of the served directory, which exist as long as this value. The host that wrote these files has stopped.
pub(crate) struct Made(World);

impl Made {
    pub(crate) fn new() -> Result<Self> {
        let scim = ScimServer::start()?;
        let mut world = World::start(&scim)?;
        let user = scim.create_user("bench@example.com", Some(false))?;
        let proposal = World::proposal(CONTRACT, &user);
        let view = world.run(&proposal)?;
        let id = view.pointer("/id").and_then(Value::as_str).unwrap_or_default();
        if view.pointer("/outcome").and_then(Value::as_str) != Some("verified") {
            return Err(format!("the action did not end as verified: {view:#}").into());
        }
        let bundle = world.bundle(id)?;
        world.trust()?;
        if let Some(host) = world.host.take() {
            host.stop()?;
        }
        fs::create_dir_all(world.dir.join("bench"))?;
        fs::write(world.dir.join(BODY), proposal.to_string())?;
        fs::write(world.dir.join(BUNDLE), bundle)?;
        let journal = journal::open(&world.dir.join("state"))?;
        let (_, events) = journal.events(id)?.ok_or("the journal does not have the action")?;
        journal.close();
        // Compact JSON contains no newline.
        fs::write(world.dir.join(EVENTS), events.join(&b'\n'))?;
        Ok(Self(world))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.0.dir
    }
}

/// All records of the action, read again by the process that is counted.
pub(crate) struct Material {
    dir: PathBuf,
    pub(crate) config: Config,
    /// This key replaces the host's key, because the cost of a signature does not depend on the key.
    pub(crate) key: SigningKey,
    pub(crate) body: Vec<u8>,
    /// The events as stored in the journal, and decoded.
    pub(crate) events: Vec<Vec<u8>>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) bundle: Vec<u8>,
    pub(crate) trust: Trust,
}

impl Material {
    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let text = fs::read(dir.join(EVENTS))?;
        let events: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let entries = events.iter().map(|event| serde_json::from_slice(event));
        let mut trust = Files::new();
        for file in fs::read_dir(dir.join("trust"))? {
            let file = file?;
            trust.insert(file.file_name().to_string_lossy().into_owned(), fs::read(file.path())?);
        }
        Ok(Self {
            dir: dir.to_owned(),
            config: config::load(dir).map_err(|faults| faults.to_string())?,
            key: SigningKey::from_bytes(&[7; 32]),
            body: fs::read(dir.join(BODY))?,
            entries: entries.collect::<std::result::Result<_, _>>()?,
            events,
            bundle: fs::read(dir.join(BUNDLE))?,
            trust: Trust::parse(&trust)?,
        })
    }

    pub(crate) fn tenant(&self) -> Result<&Tenant> {
        Ok(self.config.tenants.get(TENANT).ok_or("the tenant is gone")?)
    }

    pub(crate) fn granted(&self) -> Result<&Granted> {
        Ok(self.tenant()?.grants.get(CONTRACT).ok_or("the grant is gone")?)
    }

    /// The bytes of the contract's adapter.
    pub(crate) fn wasm(&self) -> Result<&[u8]> {
        let digest = self.granted()?.adapter;
        Ok(self.config.adapters.get(&digest).ok_or("the adapter is gone")?)
    }

    /// A directory for this process only, because two processes count at the same time.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let dir = self.dir.join(format!("bench/{name}-{}", std::process::id()));
        fs::create_dir(&dir)?;
        Ok(dir)
    }

    /// All events of the action, folded into one state.
    pub(crate) fn story(&self) -> Result<Story> {
        Ok(Story::fold(&self.entries)?)
    }

    /// The action's state before the last event of this name, and that event.
    pub(crate) fn before(&self, name: &str) -> Result<(Story, &Entry)> {
        let at = self.entries.iter().rposition(|entry| entry.event.name() == name);
        let at = at.ok_or_else(|| format!("the story has no `{name}`"))?;
        let (past, rest) = self.entries.split_at(at);
        Ok((Story::fold(past)?, rest.first().ok_or("no event")?))
    }

    /// The action's state before the last event of this name, read again for each repetition. The state caches some of
    /// its parts, and a real host computes these parts only once.
    pub(crate) fn fresh(&self, name: &str) -> Result<Vec<Story>> {
        let at = self.entries.iter().rposition(|entry| entry.event.name() == name);
        let past = self.events.get(..at.unwrap_or_default()).unwrap_or_default();
        let read = || -> Result<Story> {
            let entries = past.iter().map(|event| serde_json::from_slice(event));
            Ok(Story::fold(&entries.collect::<std::result::Result<Vec<Entry>, _>>()?)?)
        };
        (0..FRESH).map(|_| read()).collect()
    }

    /// The last policy request.
    pub(crate) fn asked(&self, story: &Story) -> Result<(&Tenant, Facts, Snapshot)> {
        let tenant = self.tenant()?;
        let (_, facts) = story.decision.as_ref().ok_or("the story has no decision")?;
        Ok((tenant, Facts::clone(facts), tenant.policies.snapshot(facts)))
    }
}
