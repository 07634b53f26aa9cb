//! Fixture of a worker: a served directory whose `state/` is on a disk whose power can be cut. The directory has two
//! contracts with different effects; one contract needs approval and the other does not.

use std::fs;
use std::path::{Path, PathBuf};

use deed_tests::disk::{Disk, Image};
use deed_tests::home::{Home, LOG};
use deed_tests::services::Result;
use deed_tests::world::{SCIM, edit, lay_out};
use deed_verify::Trust;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;

use crate::served::{self, Start};
use crate::upstream::Upstream;

/// The contract that needs the approval of a support lead.
pub(crate) const RESTORE: &str = "idp.restore_access";
/// The contract that needs no approval.
pub(crate) const SUSPEND: &str = "idp.suspend_user";

const POLICIES: &str = "policies/starter.cedar";
/// The effects of the contracts for restoring and for suspending a user, with one pair for each worker.
const EFFECTS: [(&str, &str); 2] = [("observable", "idempotent"), ("opaque", "keyed")];
/// The limits of both contracts, which determine what the host does about a write whose result it does not know.
const LIMITS: &str = "timeout = \"30s\"\nattempts = 3\nbackoff = \"10ms\"";

/// The fixture: everything that outlives a power cut.
pub(crate) struct Fixture {
    pub(crate) disk: Disk,
    pub(crate) upstream: Upstream,
    /// The effects of restoring and of suspending.
    pub(crate) effects: (&'static str, &'static str),
    /// The approver's key.
    pub(crate) bob: SigningKey,
    pub(crate) trust: Trust,
    /// An image of a disk on which a host has only compiled its adapters.
    pub(crate) fresh: Image,
    /// The text that the policies begin with in every variant.
    policies: String,
    /// Fields are dropped in order. `home` must be the last field, so that the directory is removed after the disk is
    /// unmounted.
    pub(crate) home: Home,
}

/// Why the fixture could not be made.
pub(crate) enum NoSite {
    /// This machine does not permit mounting a file system.
    Unmountable(std::io::Error),
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for NoSite {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

impl Fixture {
    pub(crate) fn make(worker: usize, seed: u64) -> std::result::Result<Self, NoSite> {
        let (home, upstream) = (Home::new("powercut"), Upstream::start(seed)?);
        let dir = home.dir.as_path();
        fs::create_dir_all(dir.join("state"))?;
        let disk = Disk::mount(&dir.join("state")).map_err(NoSite::Unmountable)?;
        lay_out(dir, &upstream.base_url(), SCIM)?;
        let effects = EFFECTS.get(worker % EFFECTS.len()).copied().unwrap_or_default();
        let (restore, suspend) = effects;
        effect(dir, "restore_access", restore)?;
        effect(dir, "suspend_user", suspend)?;
        if suspend == "keyed" {
            let keys =
                "timeout = \"2s\"\nidempotency = { header = \"Idempotency-Key\", window = \"1h\" }";
            edit(dir, "deed.toml", "timeout = \"2s\"", keys)?;
            edit(dir, "contracts/suspend_user.toml", "guard    = \"etag\"", "")?;
        }
        let both = "action in [Deed::Action::\"idp.restore_access\", Deed::Action::\"idp.suspend_user\"],\n    resource\n)\nwhen { context.environment";
        let one = "action == Deed::Action::\"idp.restore_access\",\n    resource\n)\nwhen { context.environment";
        edit(dir, POLICIES, both, one)?;
        let policies = fs::read_to_string(dir.join(POLICIES))?;
        home.pin()?;
        let bob = SigningKey::from_pkcs8_pem(&fs::read_to_string(dir.join("approvers/bob.key"))?)?;
        let (fresh, trust) = first_start(&home, &disk)?;
        Ok(Self { disk, upstream, effects, bob, trust, fresh, policies, home })
    }

    /// Replaces the policies from the next start on. After that start, the earlier policies exist only in the host's
    /// `state/payloads`.
    pub(crate) fn vary(&self, number: u64) -> Result<()> {
        let more = format!(
            "\n@id(\"reads-{number}\")\npermit (principal, action == Deed::Action::\"idp.read_user\", \
             resource);\n"
        );
        Ok(fs::write(self.home.dir.join(POLICIES), format!("{}{more}", self.policies))?)
    }

    /// The path of the tenant's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.home.dir.join(LOG)
    }
}

fn effect(dir: &Path, contract: &str, effect: &str) -> Result<()> {
    let file = format!("contracts/{contract}.toml");
    edit(dir, &file, "= \"observable\"", &format!("= \"{effect}\""))?;
    edit(dir, &file, "timeout = \"30s\"", LIMITS)
}

/// Compiles the adapters once, and reads the host's public keys.
fn first_start(home: &Home, disk: &Disk) -> Result<(Image, Trust)> {
    let host = match served::start(&home.dir, disk)? {
        Start::Up(host) => host,
        Start::Cut => return Err("the power was off before it was cut".into()),
        Start::Failed(why) => return Err(format!("the host does not start: {why}").into()),
    };
    let trust = home.trusted()?;
    let mut fresh = disk.image();
    served::kill(host, disk)?;
    fresh.keep_only("cache");
    Ok((fresh, trust))
}
