//! Attack: computes parts of its writes from the id in an answer, so that the plan has values that no attempt could
//! send: the real id is another one.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::yard::{NOTE, TITLE, create, finish, hex, look, number};
use serde_json::json;

struct ComputesOnAToken;

impl Adapter for ComputesOnAToken {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        let (id, _) = create(action, &json!(TITLE))?;
        let (text, note): (String, String) = match action.text("how")? {
            "in-hex" => (hex(&id), NOTE.to_owned()),
            "backwards" => (id.chars().rev().collect(), NOTE.to_owned()),
            "as-a-sum" => (sum(&id).to_string(), NOTE.to_owned()),
            "in-halves" => {
                let half = |skip: usize| id.chars().skip(skip).take(id.len() / 2).collect();
                (half(0), half(id.len() / 2))
            }
            "in-the-last-write" => ("a text".to_owned(), id.to_uppercase()),
            _ => return Err(action.not_served()),
        };
        finish(action, &id, &json!(text), &json!(note))
    }
}

export_adapter!(ComputesOnAToken);

/// FNV-1a, by which a guest could tell ids apart.
fn sum(text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    text.bytes().fold(start, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
