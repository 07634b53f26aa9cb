//! Fuzz target for `deed.toml`, with any content that a person with access to the file can write.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use deed_host::config;

use crate::served::{self, SECRET};

static DIR: OnceLock<PathBuf> = OnceLock::new();

/// A file that loads is complete. The error for a file that does not load names the reason and the file, and never
/// contains a secret's value.
pub(crate) fn run(data: &[u8]) {
    let dir = DIR.get_or_init(|| served::make("configuration", &whole()));
    fs::write(dir.join("deed.toml"), data).unwrap();
    // A secret's value may be shown if the input itself contains it, which the fuzzer may achieve by chance.
    let told = data.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
    match config::load(dir) {
        Ok(config) => {
            for tenant in config.tenants.values() {
                for granted in tenant.grants.values() {
                    let known = |name: &String| tenant.upstreams.contains_key(name);
                    assert!(granted.upstreams.iter().all(known), "a grant names no upstream");
                }
                let answers = |person: &String| tenant.persons.contains_key(person);
                assert!(
                    tenant.agents.values().all(|agent| answers(&agent.person)),
                    "nobody answers"
                );
            }
            assert!(told || !format!("{config:?}").contains(SECRET), "a secret is shown");
        }
        Err(faults) => {
            assert!(faults.list().iter().all(|f| !f.file.is_empty() && !f.what.is_empty()));
            assert!(told || !faults.to_string().contains(SECRET), "a secret is shown: {faults}");
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let dir = DIR.get_or_init(|| served::make("configuration", &whole()));
    fs::write(dir.join("deed.toml"), whole()).unwrap();
    config::Plan::make(dir).and_then(config::Plan::carry_out).unwrap();
    config::load(dir).unwrap();
    vec![fs::read(dir.join("deed.toml")).unwrap(), whole().into_bytes()]
}

fn whole() -> String {
    served::toml("starter", served::STARTER)
}
