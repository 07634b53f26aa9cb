//! Attack: puts data into a computed part that its schema does not allow, data beside the part, or a private parameter.
//! The parameter `how` selects the data, and the contract of some of them has the private parameter `secret`.

use deed_adapter_sdk::bindings::deed::adapter::http::{self as host, Request};
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http};
use deed_guests::yard::{
    NOTE, TEXT, TITLE, create, describing, finish, hex, linking, look, number,
};
use serde_json::{Value, json};

struct SmugglesInAny;

impl Adapter for SmugglesInAny {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        let (id, _) = create(action, &json!(TITLE))?;
        // The guest goes on after a refusal. A write that was accepted takes the place of the honest one in the plan.
        match host::send(&smuggled(action, &id)?) {
            Ok(_) => http::send_request(&linking(action, &id, &json!(NOTE))?)?.accepted().map(drop),
            Err(_) => finish(action, &id, &json!(TEXT), &json!(NOTE)),
        }
    }
}

export_adapter!(SmugglesInAny);

fn smuggled(action: &Action, id: &str) -> Result<Request, Failure> {
    let how = action.text("how")?;
    let write = describing(action, id, &json!(TEXT))?;
    let body = match how {
        "beside-the-part" => r#"{"kind":"thing","text":"a","more":"data"}"#,
        "under-the-same-name" => r#"{"kind":"thing","text":"a","text":"data"}"#,
        "in-a-fixed-place" => r#"{"kind":"data","text":"a"}"#,
        "as-a-fraction" => r#"{"kind":"thing","text":1.5}"#,
        "without-a-body" => "null",
        "as-a-list" => r#"[{"kind":"thing","text":"a"}]"#,
        _ => return describing(action, id, &part(action, how)?),
    };
    Ok(Request { body: Some(body.to_owned()), ..write })
}

fn part(action: &Action, how: &str) -> Result<Value, Failure> {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let private = || action.text("secret");
    Ok(match how {
        "too-long" => json!("x".repeat(201)),
        "huge" => json!("x".repeat(3 << 20)),
        "of-another-type" => json!({ "a": 1 }),
        "null" => Value::Null,
        "too-deep" => nested(60),
        "far-too-deep" => nested(200),
        "more-members" => json!({ "a": "x", "b": "data" }),
        "private" => json!(format!("so {} it is", private()?)),
        "private-in-hex" => json!(hex(private()?)),
        "private-in-base" => json!(base64(private()?.as_bytes())),
        "private-as-a-name" => json!({ private()?: "x" }),
        _ => return Err(action.not_served()),
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |six: &[u8]| {
        let number = six.iter().fold(0_usize, |number, bit| number << 1 | usize::from(*bit));
        DIGITS.get(number << (6 - six.len())).copied().map_or('=', char::from)
    };
    bits.chunks(6).map(digit).collect()
}
