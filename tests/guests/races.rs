//! Attack: orders its requests at random, so that no two runs are alike and no replay matches. The guest searches for
//! randomness in every place available to it: random keys, addresses of stack and heap. The guest's claim contains a
//! digest of the randomness that it found and a digest of everything that it received.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, state};
use deed_guests::{request, restore, user};
use serde_json::Value;

struct Races;

impl Adapter for Races {
    fn observe(action: &Action) -> Result<(), Failure> {
        // The randomness is collected first, because the end of the heap later depends on what the run received.
        let (chance, mut told) = (chance(action), Digest::default());
        let user = user(action)?;
        let mut paths = vec![user.as_str()];
        if action.contract == "idp.restore_access" {
            paths.push("/ServiceProviderConfig");
        }
        if chance.is_multiple_of(2) {
            paths.reverse();
        }
        let mut answers = Vec::new();
        for path in paths {
            let answer = http::get("idp", path)?.accepted()?;
            told.fold(&format!("{answer:?}"));
            answers.push((path == user, answer));
        }
        let (_, seen) =
            answers.iter().find(|(is_user, _)| *is_user).ok_or_else(|| failed("none"))?;
        told.fold(&format!("{:?}", state::read("user", seen.exchange, "")));
        told.fold(&format!("{:?}", state::read("user", seen.exchange, "")));
        if action.contract == "idp.read_user" {
            return Err(failed(&report(chance, &told, &seen.body)));
        }
        Ok(())
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let (chance, mut told) = (chance(action), Digest::default());
        let elsewhere = request("GET", "/Groups", None);
        told.fold(&format!(
            "{:?}",
            deed_adapter_sdk::bindings::deed::adapter::http::send(&elsewhere)
        ));
        let answer = restore(action);
        told.fold(&format!("{answer:?} {:?}", state::read("user", 0, "")));
        let body = answer.map_or(Value::Null, |answer| answer.body);
        Err(failed(&report(chance, &told, &body)))
    }
}

export_adapter!(Races);

fn failed(text: &str) -> Failure {
    Failure::Unknown(text.to_owned())
}

fn report(chance: u64, told: &Digest, body: &Value) -> String {
    let members = body.as_object().into_iter().flatten();
    let redacted: Vec<&str> =
        members.filter(|(_, value)| *value == "redacted").map(|(name, _)| name.as_str()).collect();
    format!("chance {chance:016x}, told {:016x}, redacted {redacted:?}", told.0)
}

/// A digest of everything that might be random: memory addresses and hash keys.
fn chance(action: &Action) -> u64 {
    let (local, heap, large) = (0_u8, Box::new(0_u8), Vec::<u8>::with_capacity(1 << 20));
    let mut found = Digest::default();
    found.fold(&format!("{:p} {:p} {:p}", &raw const local, heap, large.as_ptr()));
    found.fold(&format!("{} {action:?}", RandomState::new().hash_one(7)));
    found.0
}

/// FNV-1a: sufficient to detect any accidental difference.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn fold(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
